"""The story of what was dropped: who says what, whether they agree, and where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from wtrec.cli.main import wtrec
from wtrec.datasets.drops import Account, disagreements
from wtrec.datasets.info import read_info
from wtrec.datasets.pcapng import (
    Block,
    EnhancedPacket,
    InterfaceDescription,
    InterfaceStatistics,
    SectionHeader,
    SimplePacket,
)
from wtrec.datasets.run import Counters, Run

S = 10**9


def write(path: Path, *blocks: Block) -> Path:
    """A capture with two interfaces."""
    head: list[Block] = [
        SectionHeader.make(),
        InterfaceDescription.make(127, 50, name="mon0", tsresol=9),
        InterfaceDescription.make(127, name="mon1", tsresol=9),
    ]
    path.write_bytes(b"".join(block.write("<") for block in [*head, *blocks]))
    return path


def test_gaps_of_each_interface(tmp_path: Path) -> None:
    """First, last and largest, with the packet behind, its time, and the silence before it."""
    path = write(
        tmp_path / "a.pcapng",
        EnhancedPacket.make(0, 1 * S, b"x", dropcount=2),
        EnhancedPacket.make(1, 2 * S, b"x"),
        EnhancedPacket.make(0, 4 * S, b"x", 99, dropcount=7),
        SimplePacket(b"x", 1),
        EnhancedPacket.make(0, 3 * S, b"x", dropcount=1),
        EnhancedPacket.make(1, 5 * S, b"x"),
        InterfaceStatistics.make(0, 5 * S, ifrecv=30, osdrop=4),
        InterfaceStatistics.make(0, 6 * S, ifrecv=14, ifdrop=1, osdrop=10, usrdeliv=4),
    )
    first, second = (account.to_json() for account in read_info(path).accounts)
    assert first == {
        "interface": 0,
        "received": 14,
        "dropped_by_kernel": 10,
        "dropped_by_interface": 1,
        "written": 4,
        "packets": 4,
        "unexplained": 0,
        "cut": 1,
        "unsorted": 1,
        "noted_drops": 10,
        "gaps": 3,
        "first_gap": {
            "number": 1, "time": "1970-01-01T00:00:01.000000000Z", "lost": 2, "silent_ns": None,
        },
        "last_gap": {
            "number": 5, "time": "1970-01-01T00:00:03.000000000Z", "lost": 1, "silent_ns": None,
        },
        "largest_gap": {
            "number": 3, "time": "1970-01-01T00:00:04.000000000Z", "lost": 7, "silent_ns": 3 * S,
        },
    }  # fmt: skip
    assert (second["packets"], second["received"], second["first_gap"]) == (2, None, None)
    info = read_info(path)
    assert (info.unsorted, info.drops, info.disagreements) == (1, 10, [])


def test_the_table_tells_it(tmp_path: Path) -> None:
    """In words, with what is not noted, and what is neither dropped nor written."""
    path = write(
        tmp_path / "a.pcapng",
        EnhancedPacket.make(0, 1 * S, b"x"),
        EnhancedPacket.make(0, 2 * S, b"x", 9, dropcount=3),
        InterfaceStatistics.make(0, 5 * S, ifrecv=12, osdrop=5, usrdeliv=2),
    )
    said = CliRunner().invoke(wtrec, ["info", str(path)]).stdout
    for line in (
        "received 12, dropped by kernel 5, written 2, in the file 2, neither dropped nor written 5",
        "1 packets, by the snap length",
        "3 in 1 gaps",
        "3 before packet 2 at 1970-01-01T00:00:02.000000000Z, 1,000.000 ms of silence",
        "2: nobody says between which packets",
    ):
        assert line in said
    assert "disagreement" not in said


@pytest.mark.parametrize(
    ("account", "run", "said"),
    [
        (Account(0, 5, written=6), None, ["statistics say 6 written, the file has 5 packets"]),
        (Account(0, 5, received=7, dropped_by_kernel=3), None, ["7 received and 3 dropped"]),
        (Account(0, 5, noted=4, dropped_by_kernel=3), None, ["3 dropped, packets note 4"]),
        (Account(0, 5, received=9, dropped_by_kernel=3), None, []),
        (Account(0, 5), (9, 4, 5), []),
        (Account(0, 5), (9, 4, 6), ["run.json says 6 written, the file has 5 packets"]),
        (
            Account(0, 5, received=9, dropped_by_kernel=4),
            (8, 3, 5),
            ["run.json says 8 received, statistics say 9", "3 dropped, statistics say 4"],
        ),
    ],
)
def test_disagreements(account: Account, run: tuple[int, int, int] | None, said: list[str]) -> None:
    """Each contradiction is one sentence; what can be is none."""
    counters = run and Counters(
        received=run[0], dropped_by_kernel=run[1], written=run[2], bad_fcs=0
    )
    found = disagreements([account], counters or None)
    assert len(found) == len(said)
    for sentence, part in zip(found, said, strict=True):
        assert part in sentence


def test_run_json_of_several_files_is_not_compared(tmp_path: Path) -> None:
    """Its counters are those of all; they are shown."""
    path = write(tmp_path / "a.pcapng", EnhancedPacket.make(0, 1, b"x"))
    counters = Counters(received=9, dropped_by_kernel=0, written=9, bad_fcs=0)
    run = Run.begin(interface="mon0", start=0, snap_length=0, counters=counters)
    run.save(tmp_path / "a.json")
    (found,) = json.loads(CliRunner().invoke(wtrec, ["info", str(path), "--format", "json"]).stdout)
    assert found["disagreements"] == ["run.json says 9 written, the file has 1 packets"]
    assert found["run"]["written"] == 9
    text = (
        (tmp_path / "a.json")
        .read_text()
        .replace('"files": []', '"files": [{"name": "a"}, {"name": "b"}]')
    )
    (tmp_path / "a.json").write_text(text)
    assert read_info(path).disagreements == []
    (tmp_path / "a.json").write_text("{")
    assert "run.json cannot be read" in read_info(path).disagreements[0]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9), st.integers(0, 3)), max_size=30))
def test_counts_do_not_depend_on_how_packets_are_read(
    rows: list[tuple[int, int, int]],
) -> None:
    """Packet by packet or all at once."""
    import tempfile

    from wtrec.datasets.drops import Accounts
    from wtrec.datasets.walk import Records, Walk

    with tempfile.TemporaryDirectory() as folder:
        path = write(
            Path(folder) / "a.pcapng",
            *(EnhancedPacket.make(i, t, b"x", dropcount=d or None) for i, t, d in rows),
        )
        found = []
        for room in (1, 65_536):
            accounts = Accounts()
            with Walk(path, room) as walk:
                for event in walk:
                    if isinstance(event, Records):
                        accounts.watch(event)
            found.append((accounts.unsorted, {one.interface: one.to_json() for one in accounts}))
    assert found[0] == found[1]
    times = [time for _, time, _ in rows]
    falls = sum(time < max(times[:k], default=0) for k, time in enumerate(times))
    assert found[0][0] == falls
