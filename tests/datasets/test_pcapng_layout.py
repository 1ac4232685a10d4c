from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.pcapng import ByteOrder
from wtrec.datasets.pcapng_layout import (
    MAX_ITEMS,
    pad,
    read_data,
    read_items,
    write_block,
    write_items,
)
from wtrec.errors import FormatError

ORDERS = st.sampled_from(["<", ">"])
ITEMS = st.lists(st.tuples(st.integers(1, 2**16 - 1), st.binary(max_size=30)), max_size=5)


@given(st.binary(max_size=40))
def test_padding_is_zeros_up_to_a_word(data: bytes) -> None:
    """It adds at most three bytes, and none to what is a whole number of words."""
    padded = pad(data)
    assert len(padded) % 4 == 0
    assert 0 <= len(padded) - len(data) <= 3
    assert padded == data.ljust(len(padded), b"\0")


def test_a_block_has_its_length_at_both_ends() -> None:
    """The length is that of the whole block, padding included."""
    assert write_block(7, b"abcde", ">").hex(" ", 4) == (
        "00000007 00000014 61626364 65000000 00000014"
    )


def test_data_is_read_without_its_padding() -> None:
    """The offset behind it is aligned again."""
    assert read_data(b"----abcde...", 4, 5, "length") == (b"abcde", 12)


@given(ITEMS, ORDERS, st.booleans())
def test_what_is_written_is_read(
    items: list[tuple[int, bytes]], order: ByteOrder, ended: bool
) -> None:
    """A list of items survives, with an end mark or without, and its end is found."""
    wire = write_items(items, order)
    behind = bytes(4) + b"rest" if ended else b""
    assert read_items(wire + behind, 0, order) == (items, len(wire) + (4 if ended else 0))


def test_a_hostile_number_of_items_is_refused() -> None:
    """The objects that a block becomes are bounded."""
    empty = b"\x01\0\0\0"
    assert len(read_items(empty * MAX_ITEMS, 0, "<")[0]) == MAX_ITEMS
    with pytest.raises(FormatError, match="more than 65536 options in one block"):
        read_items(empty * (MAX_ITEMS + 1), 0, "<")
