"""Discrete logarithms of the field of the FCS, compiled; see ``fcs_logs.py`` for the theory."""

# mypy: disable-error-code="assignment, arg-type, return-value, no-any-return"
# pyright: reportArgumentType=false, reportAssignmentType=false, reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..jit import lean_jit
from .fcs import POLYNOMIAL

ORDER = 2**32 - 1  # of the group that x generates: all of the field but 0
SUBFIELD_ORDER = 2**16 - 1  # of the group that g = x^COSETS generates: all of K but 0
COSETS = 2**16 + 1

_u = np.uintp
_w = np.uint32
_ONE = 0x80000000  # x^0; polynomials are reflected
_BYTE = np.uint32(0xFF)
_HALF = np.uint32(0xFFFF)
# Where the cosets stand whose quotient q / p has no logarithm.
_ZERO = SUBFIELD_ORDER
_INFINITE = SUBFIELD_ORDER + 1


class Logs(NamedTuple):
    """The tables of :func:`log`.

    Attributes:
        traces: uint32, shape (4, 256): what byte k of R, the lowest first, adds to the names of
            p(R), lower half, and q(R), upper half.
        subfield: uint16, shape (65536,): i at the name of g^i.
        cosets: uint32, shape (65537,): log(R) - log(p(R)) at log_g(q / p); behind these, the same
            where q is 0, and log(R) - log(q(R)) where p is 0.
    """

    traces: NDArray[np.uint32]
    subfield: NDArray[np.uint16]
    cosets: NDArray[np.uint32]


@lean_jit
def log(power: int, logs: Logs) -> int:
    """L with x^L = power, 0 <= L < ``ORDER``; ``power`` is not 0."""
    names = _names(_w(power), logs)
    p, q = names & _HALF, names >> _w(16)
    log_p, log_q = np.int64(logs.subfield[_u(p)]), np.int64(logs.subfield[_u(q)])
    inside = log_p
    coset = log_q - log_p
    if coset < 0:
        coset += SUBFIELD_ORDER
    if p == 0:
        inside = log_q
        coset = _INFINITE
    elif q == 0:
        coset = _ZERO
    total = COSETS * inside + np.int64(logs.cosets[_u(coset)])
    return total - ORDER if total >= ORDER else total


@lean_jit
def fill(logs: Logs) -> None:
    """Fill the tables, zeroed before."""
    generator = _w(_ONE)
    for _ in range(COSETS):
        generator = times_x(generator)

    for k in range(4):
        for bit in range(8):
            element = _w(_w(1) << _w(8 * k + bit))
            names = _name(_trace(element), generator)
            names |= _name(_trace(times_x(element)), generator) << _w(16)
            for byte in range(1 << bit):
                logs.traces[k, 1 << bit | byte] = logs.traces[k, byte] ^ names

    # From g^i to g^(i + 1) a name loses its lowest bit and gains the constant term of g^(i + 16).
    name = _name(_w(_ONE), generator)
    ahead = _w(_ONE)
    for _ in range(16):
        ahead = multiply(ahead, generator)
    for i in range(SUBFIELD_ORDER):
        logs.subfield[_u(name)] = i
        name = name >> _w(1) | ahead >> _w(31) << _w(15)
        ahead = multiply(ahead, generator)

    element = _w(_ONE)
    for i in range(COSETS):  # these powers of x are one of each coset
        names = _names(element, logs)
        p, q = names & _HALF, names >> _w(16)
        log_p, log_q = np.int64(logs.subfield[_u(p)]), np.int64(logs.subfield[_u(q)])
        if p == 0:
            logs.cosets[_INFINITE] = (i - COSETS * log_q) % ORDER
        elif q == 0:
            logs.cosets[_ZERO] = (i - COSETS * log_p) % ORDER
        else:
            logs.cosets[(log_q - log_p) % SUBFIELD_ORDER] = (i - COSETS * log_p) % ORDER
        element = times_x(element)


@lean_jit
def times_x(element: int) -> int:
    """The element times x."""
    return _w(element >> _w(1)) ^ _w(POLYNOMIAL) * _w(element & _w(1))


@lean_jit
def multiply(a: int, b: int) -> int:
    """The product of two elements: Horner's rule, the coefficient of x^31 first."""
    product = _w(0)
    for i in range(32):
        product = _w(times_x(product) ^ _w(a) * _w(_w(b) >> _w(i) & _w(1)))
    return product


@lean_jit
def _trace(element: int) -> int:
    """R + R^65536."""
    conjugate = _w(element)
    for _ in range(16):
        conjugate = multiply(conjugate, conjugate)
    return _w(element ^ conjugate)


@lean_jit
def _name(element: int, generator: int) -> int:
    """16 bits that tell an element of K: the constant terms of R g^j, j = 0 the lowest bit."""
    name = _w(0)
    for j in range(16):
        name |= element >> _w(31) << _w(j)
        element = multiply(element, generator)
    return name


@lean_jit
def _names(element: int, logs: Logs) -> int:
    """The names of p(R), lower half, and q(R), upper half."""
    return (
        logs.traces[_u(0), _u(element & _BYTE)]
        ^ logs.traces[_u(1), _u(element >> _w(8) & _BYTE)]
        ^ logs.traces[_u(2), _u(element >> _w(16) & _BYTE)]
        ^ logs.traces[_u(3), _u(element >> _w(24))]
    )
