"""Logarithms of syndromes, against long division, and against what a logarithm is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.dot11 import fcs, fcs_logs, fcs_logs_kernel
from wtrec.dot11.fcs_logs_kernel import COSETS, ORDER, SUBFIELD_ORDER, Logs

ONE = 0x80000000
X = 0x40000000

compiled = settings(deadline=None)  # the first call compiles
elements = st.integers(1, 2**32 - 1)


def fast_log(element: int) -> int:
    """The kernel's answer."""
    return fcs_logs_kernel.log(element, fcs_logs.tables())


def reflected(element: int) -> int:
    return int(f"{element:032b}"[::-1], 2)


def long_product(a: int, b: int) -> int:
    """Of polynomials with x^0 the lowest bit: multiplied first, then divided."""
    a, b = reflected(a), reflected(b)
    product = 0
    for i in range(32):
        if b >> i & 1:
            product ^= a << i
    for i in range(63, 31, -1):
        if product >> i & 1:
            product ^= 0x1_04C1_1DB7 << (i - 32)
    return reflected(product)


class TestField:
    """Products and powers."""

    @compiled
    @given(elements, elements)
    def test_product(self, a: int, b: int) -> None:
        """The plain product and the kernel's are what long division leaves."""
        product = long_product(a, b)
        assert fcs_logs.multiply(a, b) == product
        assert fcs_logs_kernel.multiply(a, b) == product
        assert fcs_logs_kernel.multiply.py_func(a, b) == product  # type: ignore[attr-defined]

    @given(elements)
    def test_one_and_zero(self, a: int) -> None:
        """Times 1 is the same, times 0 is 0."""
        assert fcs_logs.multiply(a, ONE) == fcs_logs.multiply(ONE, a) == a
        assert fcs_logs.multiply(a, 0) == fcs_logs.multiply(0, a) == 0

    def test_powers_of_x(self) -> None:
        """The powers of x are the syndromes of single bits."""
        powers = [fcs_logs.power(X, m) for m in range(400)]
        assert powers == fcs.bit_syndromes(400).tolist()

    def test_x_generates_the_field(self) -> None:
        """X to the order of the group is 1, and to no proper divisor of it."""
        assert fcs_logs.power(X, ORDER) == ONE
        for factor in (3, 5, 17, 257, 65_537):
            assert ORDER % factor == 0
            assert fcs_logs.power(X, ORDER // factor) != ONE


class TestPlainLog:
    """Pohlig and Hellman's way."""

    @compiled
    @given(elements)
    def test_is_a_logarithm(self, element: int) -> None:
        """X to the power of the logarithm is the element."""
        log = fcs_logs.log(element)
        assert 0 <= log < ORDER
        assert fcs_logs.power(X, log) == element

    def test_zero(self) -> None:
        """0 is no power of x."""
        with pytest.raises(ValueError, match="0 has no logarithm"):
            fcs_logs.log(0)


class TestKernelLog:
    """Logarithms by tables."""

    @compiled
    @given(elements)
    def test_plain(self, element: int) -> None:
        """The kernel, compiled or not, agrees with Pohlig and Hellman."""
        log = fcs_logs.log(element)
        assert fast_log(element) == log
        uncompiled = fcs_logs_kernel.log.py_func  # type: ignore[attr-defined]
        assert uncompiled(element, fcs_logs.tables()) == log

    @compiled
    @given(st.integers(0, ORDER - 1))
    def test_of_a_power(self, exponent: int) -> None:
        """The logarithm of x^m is m."""
        assert fast_log(fcs_logs.power(X, exponent)) == exponent

    @compiled
    @given(elements, elements)
    def test_of_a_product(self, a: int, b: int) -> None:
        """The logarithm of a product is the sum of both."""
        product = fcs_logs.multiply(a, b)
        assert fast_log(product) == (fast_log(a) + fast_log(b)) % ORDER

    def test_every_coset(self) -> None:
        """The first powers of x, of which each coset of K has one, come back as they are."""
        powers = fcs.bit_syndromes(COSETS + 1000)
        assert [fast_log(power) for power in powers.tolist()] == list(range(len(powers)))

    def test_all_of_the_subfield(self) -> None:
        """The elements of K, for which p is 0, have the multiples of 65,537."""
        generator = fcs_logs.power(X, COSETS)
        element = ONE
        for i in range(SUBFIELD_ORDER):
            assert fast_log(element) == COSETS * i
            element = fcs_logs_kernel.multiply(element, generator)
        assert element == ONE

    def test_where_q_is_zero(self) -> None:
        """Elements of K over x, for which q is 0, have the multiples of 65,537 less one."""
        for i in range(0, SUBFIELD_ORDER, 1000):
            exponent = (COSETS * i - 1) % ORDER
            assert fast_log(fcs_logs.power(X, exponent)) == exponent

    @pytest.mark.parametrize("exponent", [0, 1, 31, 32, COSETS, ORDER - 2, ORDER - 1])
    def test_borders(self, exponent: int) -> None:
        """The first and last logarithms are right."""
        assert fast_log(fcs_logs.power(X, exponent)) == exponent


class TestTables:
    """What the kernel looks into."""

    def test_made_once(self) -> None:
        """Everybody has the same tables, of less than half a megabyte."""
        assert fcs_logs.tables() is fcs_logs.tables()
        assert sum(table.nbytes for table in fcs_logs.tables()) < 400 << 10

    def test_names_tell_the_subfield(self) -> None:
        """Each name but that of 0 has a logarithm of its own."""
        assert sorted(fcs_logs.tables().subfield[1:].tolist()) == list(range(SUBFIELD_ORDER))

    def test_uncompiled(self) -> None:
        """The kernel that fills the tables does the same uncompiled."""
        logs = Logs(
            np.zeros((4, 256), np.uint32), np.zeros(1 << 16, np.uint16), np.zeros(COSETS, np.uint32)
        )
        fcs_logs_kernel.fill.py_func(logs)  # type: ignore[attr-defined]
        for mine, theirs in zip(logs, fcs_logs.tables(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
