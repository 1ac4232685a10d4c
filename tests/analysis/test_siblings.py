"""Originals from intact copies: proven by the FCS, or not claimed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from wtrec.analysis.siblings import WINDOW_S, SiblingsTruth
from wtrec.analysis.truth import Outcome
from wtrec.datasets.frames import FcsStatus
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs, mac

Write = Callable[..., Path]

START = 1_700_000_000_000_000_000
STATION, ACCESS_POINT, OTHER = (bytes.fromhex(f"02004b1c5{n}e7") for n in "13a")


def frame(number: int, *, relayed: bool = False, retry: bool = False, sequence: int = 0) -> bytes:
    """Packet ``number`` on its way to the access point, or from there."""
    payload = np.random.default_rng(number).bytes(90)
    packet = mac.udp_datagram("192.0.2.1", "192.0.2.2", 5005, 5005, payload, number)
    one, two, three = (OTHER, ACCESS_POINT, STATION) if relayed else (ACCESS_POINT, STATION, OTHER)
    return fcs.append(
        mac.data_frame(
            packet,
            addr1=one,
            addr2=two,
            addr3=three,
            to_ds=not relayed,
            from_ds=relayed,
            retry=retry,
            duration=0 if relayed else 44,
            sequence=(sequence or number) & 0xFFF,
        )
    )


def found(capture: Path, *, likely: bool = False) -> dict[int, tuple[Outcome, bytes]]:
    """Outcome and original of each bad frame."""
    results = {}
    with SiblingsTruth(capture, likely=likely) as truth:
        with CaptureReader(capture) as reader:
            for frames in reader:
                truth.learn(frames)
        with CaptureReader(capture) as reader:
            for frames in reader:
                rows = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
                known = truth.match(frames, rows)
                for k, row in enumerate(rows):
                    original = known.originals[known.bounds[k] : known.bounds[k + 1]].tobytes()
                    results[int(frames.number[row])] = (Outcome(int(known.outcome[k])), original)
    return results


def around(*middle: bytes) -> Sequence[bytes]:
    """Intact traffic of both hops around frames."""
    before = [
        frame(n, relayed=hop, sequence=n + 700 * hop) for n in (1, 2) for hop in (False, True)
    ]
    after = [frame(n, relayed=hop, sequence=n + 700 * hop) for n in (8, 9) for hop in (False, True)]
    return [*before, *middle, *after]


class TestCopies:
    """What an intact copy gives."""

    @pytest.mark.parametrize("bits", [[300], [*range(60, 190)], [77, 400, 401], [*range(188, 300)]])
    def test_the_other_hop(self, tmp_path: Path, write_capture: Write, bits: list[int]) -> None:
        """A relay's copy, before or behind: errors in header, sequence number and body."""
        sent = frame(5)
        relayed = frame(5, relayed=True, sequence=705)
        for order in ([fcs.flip(sent, bits), relayed], [relayed, fcs.flip(sent, bits)]):
            capture = write_capture(tmp_path / "run.pcapng", around(*order))
            assert list(found(capture).values()) == [(Outcome.MATCHED, sent)]
        capture = write_capture(tmp_path / "run.pcapng", around(sent, fcs.flip(relayed, bits)))
        assert list(found(capture).values()) == [(Outcome.MATCHED, relayed)]

    def test_a_retry(self, tmp_path: Path, write_capture: Write) -> None:
        """The Retry bit, where no other frame of that time has it."""
        first, again = frame(5), frame(5, retry=True)
        broken = fcs.flip(first, [500, 501, 640])
        capture = write_capture(tmp_path / "run.pcapng", around(broken, again))
        assert list(found(capture).values()) == [(Outcome.MATCHED, first)]
        broken = fcs.flip(again, [500, 501, 640])
        capture = write_capture(tmp_path / "run.pcapng", around(first, broken))
        assert list(found(capture).values()) == [(Outcome.MATCHED, again)]

    def test_damaged_fcs_field(self, tmp_path: Path, write_capture: Write) -> None:
        """Without the FCS nothing is proven: likely, and used on request only."""
        sent = frame(5)
        end = 8 * len(sent)
        broken = fcs.flip(sent, [400, 405, end - 7, end - 9])
        capture = write_capture(tmp_path / "run.pcapng", around(broken, frame(5, relayed=True)))
        assert list(found(capture).values()) == [(Outcome.LIKELY, b"")]
        assert list(found(capture, likely=True).values()) == [(Outcome.MATCHED, sent)]
        gone = fcs.flip(sent, [400, *range(end - 20, end)])
        capture = write_capture(tmp_path / "run.pcapng", around(gone, frame(5, relayed=True)))
        assert list(found(capture, likely=True).values()) == [(Outcome.UNMATCHED, b"")]

    def test_no_copy(self, tmp_path: Path, write_capture: Write) -> None:
        """Without a copy, or with one that is too far in time, nothing is known."""
        broken = fcs.flip(frame(5), [400, 405])
        capture = write_capture(tmp_path / "run.pcapng", around(broken))
        assert list(found(capture).values()) == [(Outcome.UNMATCHED, b"")]
        frames = around(broken, frame(5, relayed=True))
        step = int(0.99e9 * WINDOW_S)
        for gap, outcome in ((step, Outcome.MATCHED), (step * 11 // 10, Outcome.UNMATCHED)):
            times = [START + i * 1_000_000 + gap * (i > 4) for i in range(len(frames))]
            capture = write_capture(tmp_path / "run.pcapng", frames, times=times)
            assert [outcome for outcome, _ in found(capture).values()] == [outcome]

    def test_scraps_and_no_times(self, tmp_path: Path, write_capture: Write) -> None:
        """What is no frame, what has no body, what has no time."""
        scrap, acknowledgement = b"\xd4" * 9, fcs.flip(fcs.append(b"\xd4" + bytes(9)), [20])
        frames = around(scrap, acknowledgement, fcs.flip(frame(5), [400]), frame(5))
        times = [START + i * 1_000_000 for i in range(len(frames))]
        times[6] = None  # type: ignore[call-overload]
        capture = write_capture(tmp_path / "run.pcapng", frames, times=times)
        assert [outcome for outcome, _ in found(capture).values()] == [
            Outcome.NOT_A_FRAME,
            Outcome.UNMATCHED,
            Outcome.UNMATCHED,
        ]

    def test_memory(self, tmp_path: Path, write_capture: Write) -> None:
        """However long the capture, a few batches are held."""
        sent = [frame(n % 50, relayed=bool(n % 2)) for n in range(300)]
        capture = write_capture(
            tmp_path / "run.pcapng", sent, times=[START + n * 100_000_000 for n in range(300)]
        )
        most = 0
        with SiblingsTruth(capture) as truth, CaptureReader(capture) as reader:
            whole = next(iter(reader))
            truth._batches = iter([whole.slice(at, 10) for at in range(0, 300, 10)])
            for at in range(0, 300, 10):
                truth.match(whole.slice(at, 10), np.arange(10))
                most = max(most, len(truth._window))
        assert 2 <= most <= 6


@pytest.mark.real
def test_on_the_air(captures: Path) -> None:
    """802.11b/g over the air, against an independent reconstruction of each original.

    Its entries count as proven where their FCS is the one that was received; one that is called
    exact (frame 10,429) has another, while three intact retries beside it have ours.
    """
    capture = captures / "aalborg_cooperation" / "gvsp.pcapng"
    truth = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
    results = found(capture)
    likely = found(capture, likely=True)
    agree = Counter[str]()
    for entry in truth:
        outcome, original = results[entry["frame"]]
        proven = entry["confidence"] == "exact" and not entry["fcs_field_bit_errors"]
        if outcome is Outcome.MATCHED:
            assert fcs.syndrome(original) == 0
            assert original[-4:].hex() == entry["received"][-8:]
            agree["new"] += not proven
        if proven:
            assert (outcome, original.hex()) == (Outcome.MATCHED, entry["truth"])
            agree["exact"] += 1
        if outcome is Outcome.LIKELY:
            assert entry["confidence"] == "likely"
            assert likely[entry["frame"]] == (Outcome.MATCHED, bytes.fromhex(entry["truth"]))
            agree["likely"] += 1
    assert agree == {"exact": 23, "likely": 2, "new": 4}
