"""Discrete logarithms of FCS syndromes: which power of x a syndrome is.

Modulo the generator P of the FCS polynomials are a field F of 2^32 elements, and P is primitive:
every element but 0 is x^L for one L below 2^32 - 1, its logarithm. So a syndrome can be divided,
and the bit that explains it computed instead of looked for.

L is found by the subfield K of 2^16 elements; g = x^65537 generates K without 0, and an element
g^i of K has L = 65537 i. With the conjugate R' = R^65536 of R, that is R itself just for the
elements of K, the trace R + R' lies in K, and two linear maps from F to K,

    p(R) = R + R'        q(R) = p(x R)

tell R: if p is 0, R is in K and q = R p(x), and p(x) is not 0. As p(k R) = k p(R) for k in K, and
likewise q, the quotient q / p is the same all over a coset of K in F (the 65,535 products of R and
elements of K), another for each of the 65,537 cosets, and so is log R - log p. Two tables, then:
logarithms in K, and this difference by the quotient:

    log R = log p + cosets[log q - log p]

Both maps are linear over bits, hence a table for each byte of R; what they give is not an element
of K but its *name*, 16 bits that index the table of logarithms: the constant terms of k g^j for j
from 0 to 15. These differ between elements of K: where all are 0, they are for all of k K, which
has 1 in it unless k is 0.

Elements are reflected 32-bit polynomials, as in ``fcs.py``: x^0 is 0x80000000.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .fcs import POLYNOMIAL
from .fcs_logs_kernel import COSETS, ORDER, Logs, fill

_ONE = 0x80000000  # x^0
_X = 0x40000000
_FACTORS: Final = (3, 5, 17, 257, 65_537)  # of ORDER


@functools.cache
def tables() -> Logs:
    """The tables of the kernel :func:`fcs_logs_kernel.log`: 388 KiB, made once."""
    logs = Logs(
        np.zeros((4, 256), np.uint32), np.zeros(1 << 16, np.uint16), np.zeros(COSETS, np.uint32)
    )
    fill(logs)
    return logs


def log(element: int) -> int:
    """L with x^L = element, 0 <= L < 2^32 - 1: the plain and slow way of Pohlig and Hellman.

    To the power of ORDER / f an element x^L is (x^(ORDER / f))^L, one of f elements, and tells
    L modulo f; the factors together tell L.

    Raises:
        ValueError: The element is 0, which is no power of x.
    """
    if element == 0:
        raise ValueError("0 has no logarithm")
    total = 0
    for factor in _FACTORS:
        cofactor = ORDER // factor
        remainder = _roots(factor)[power(element, cofactor)]
        total += remainder * cofactor * pow(cofactor, -1, factor)
    return total % ORDER


def power(element: int, exponent: int) -> int:
    """The element to the power of an exponent >= 0."""
    product = _ONE
    while exponent:
        if exponent & 1:
            product = multiply(product, element)
        element = multiply(element, element)
        exponent >>= 1
    return product


def multiply(a: int, b: int) -> int:
    """The product of two elements."""
    product = 0
    for i in range(32):  # Horner's rule: the coefficient of x^31 is the lowest bit
        product = product >> 1 ^ (POLYNOMIAL if product & 1 else 0)
        if b >> i & 1:
            product ^= a
    return product


def divide(dividends: NDArray[np.uint32], divisor: int) -> NDArray[np.uint32]:
    """Elements divided by one, which is not 0; of any shape."""
    inverse = power(divisor, ORDER - 1)
    quotients = np.zeros_like(dividends)
    for bit in range(32):  # division is linear
        image = np.uint32(multiply(1 << bit, inverse))
        quotients ^= (dividends >> np.uint32(bit) & np.uint32(1)) * image
    return quotients


@functools.cache
def _roots(factor: int) -> dict[int, int]:
    """The exponent of each power of x^(ORDER / factor)."""
    root = power(_X, ORDER // factor)
    exponents = {}
    element = _ONE
    for exponent in range(factor):
        exponents[element] = exponent
        element = multiply(element, root)
    return exponents
