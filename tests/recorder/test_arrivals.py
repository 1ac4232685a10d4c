"""The books of a receiver, against sets of ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.payload import run_key, self_describing
from wtrec.recorder import arrivals
from wtrec.recorder.arrivals import Arrivals

KEYS = [run_key("11" * 16), run_key("22" * 16)]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 30)), max_size=60))
def test_against_sets(came: list[tuple[bytes, int]]) -> None:
    """In any order, with copies and gaps, of two runs at once."""
    books = Arrivals()
    for key, packet_id in came:
        assert books.add(self_describing(key, packet_id, 64)) == (key.hex(), packet_id)
    assert set(books.runs) == {key.hex() for key, _ in came}
    for name, run in books.runs.items():
        ids = [packet_id for key, packet_id in came if key.hex() == name]
        assert (run.first, run.last) == (min(ids), max(ids))
        assert run.different == len(set(ids))
        assert run.copies == len(ids) - len(set(ids))
        assert run.lost == len(set(range(min(ids), max(ids) + 1)) - set(ids))
    assert books.others == 0


def test_memory_is_bounded() -> None:
    """Of many packets only the latest are kept; a copy of one of these is known."""
    books = Arrivals()
    before, arrivals.WINDOW = arrivals.WINDOW, 10
    try:
        for packet_id in range(100):
            books.add(self_describing(KEYS[0], packet_id, 40))
        books.add(self_describing(KEYS[0], 95, 40))
    finally:
        arrivals.WINDOW = before
    (run,) = books.runs.values()
    assert (run.different, run.copies, run.lost) == (100, 1, 0)
    assert len(run.recent) == len(run.order) == 10


@given(st.binary(max_size=80))
def test_others(payload: bytes) -> None:
    """What describes no packet is counted as that."""
    books = Arrivals()
    assert books.add(payload) is None
    assert (books.others, books.runs) == (1, {})
