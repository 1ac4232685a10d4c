"""The loops around the search in a tx log, beside plain Python."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from wtrec.analysis.match import pack
from wtrec.analysis.match_kernel import Packets, Queries
from wtrec.analysis.txlog_kernel import MOST_IDS, STAMPS, find_intact, show_ids, take_parts
from wtrec.datasets.payload import id_offsets, packet_ids, self_describing

compiled = settings(deadline=None)  # the first call compiles


@compiled
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**64 - 1),
            st.integers(0, 100),
            st.dictionaries(st.integers(0, 99), st.integers(1, 255), max_size=12),
        ),
        max_size=5,
    )
)
def test_ids_are_those_of_the_payload(packets: list[tuple[int, int, dict[int, int]]]) -> None:
    """Of payloads of any length, whole or damaged: the same ids in the same order."""
    payloads = []
    for number, length, masks in packets:
        damaged = bytearray(self_describing(b"run key.", number, length))
        for at, mask in masks.items():
            if at < length:
                damaged[at] ^= mask
        payloads.append(bytes(damaged))
    starts = np.cumsum([7, *(len(payload) for payload in payloads)])[:-1].astype(np.int64)
    stamps = np.full((len(payloads), STAMPS), -1, np.int64)
    for k, payload in enumerate(payloads):
        offsets = id_offsets(len(payload))
        stamps[k, : len(offsets)] = offsets
    ids = np.zeros((len(payloads), MOST_IDS), np.uint64)
    counts = np.zeros(len(payloads), np.int64)
    show_ids(read_only(bytes(7) + b"".join(payloads)), starts, stamps, ids, counts)
    for k, payload in enumerate(payloads):
        assert ids[k, : counts[k]].tolist() == list(packet_ids(payload))


PARTS = st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=6)


@compiled
@given(PARTS, st.data(), st.integers(0, 5))
def test_intact_and_taken(sent: list[bytes], data: st.DataObject, begin: int) -> None:
    """Parts are intact that are equal behind their begin; packets are taken one after the other."""
    numbers = data.draw(st.lists(st.integers(-1, len(sent) - 1), max_size=8))
    received = [
        bytearray(sent[number] if data.draw(st.booleans()) else data.draw(st.binary(min_size=4)))
        for number in numbers
    ]
    received = [part[:4] for part in received]
    packets, none = of(sent), np.zeros(len(numbers), np.int64)
    query = Queries(
        read_only(b"".join(received)),
        np.arange(len(numbers)) * 4,
        np.full(len(numbers), 4),
        none,
        np.zeros((len(numbers), MOST_IDS), np.uint64),
        none,
        none,
    )
    intact = np.ones(len(numbers), np.bool_)
    find_intact(query, packets, np.array(numbers, np.int64), begin, intact)
    assert intact.tolist() == [
        number >= 0 and part[begin:] == sent[number][begin:]
        for number, part in zip(numbers, received, strict=True)
    ]
    taken = np.zeros(3 + 4 * len(numbers), np.uint8)
    end = take_parts(packets, np.array(numbers, np.int64), taken, 3)
    expected = b"".join(sent[number] for number in numbers if number >= 0)
    assert taken[:end].tobytes() == bytes(3) + expected


def of(sent: list[bytes]) -> Packets:
    """Packets of four bytes."""
    starts = np.arange(len(sent)) * 4
    data = np.frombuffer(b"".join(sent), np.uint8)
    lengths = np.full(len(sent), 4, np.int32)
    return pack(starts, starts, lengths, data, np.zeros(len(sent), np.uint64))


def read_only(data: bytes) -> NDArray[np.uint8]:
    """Bytes as frames have them."""
    return np.frombuffer(data, np.uint8)
