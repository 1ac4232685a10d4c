"""Repairs judged against what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.analyze import analyze
from wtrec.analysis.intervals import ends
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.scoring import AlgorithmScore
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.payload import pattern
from wtrec.dot11 import fcs
from wtrec.errors import FormatError, MatchError
from wtrec.replay.algorithm import Repairs
from wtrec.replay.engine import Contender, replay
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

Write = Callable[..., Path]
Frame = Callable[..., bytes]

RULE = pattern("a55a")
SIZE = 20
PAYLOAD = range(8 * 60, 8 * (60 + SIZE))
FRAME_BITS = 8 * (60 + SIZE + 4)
BITS = st.frozensets(st.integers(0, FRAME_BITS - 1), max_size=4) | st.frozensets(
    st.sampled_from([PAYLOAD[0], PAYLOAD[7], PAYLOAD[8], PAYLOAD[-1], PAYLOAD[0] - 1]), max_size=3
)


class Scripted:
    """Answers what it is told to, by frame number."""

    name = "scripted"

    def __init__(self, script: dict[int, list[int] | None]) -> None:
        self.script = script

    def recover(self, frames: FrameBatch) -> Repairs:
        bad = frames.number[frames.fcs_status == FcsStatus.BAD].tolist()
        return Repairs.of([(number, self.script[number]) for number in bad])

    def finish(self) -> Repairs:
        return Repairs.none()


def score(
    capture: Path, script: dict[int, list[int] | None], limit: int | None = None
) -> AlgorithmScore:
    """Replay the script and judge it by the payload rule."""
    output = capture.with_suffix(".scripted.parquet")
    schedule = Schedule(selection=Selection(limit=limit))
    replay(capture, [Contender(Scripted(script), {"a": 1}, output)], schedule)
    (found,) = analyze(capture, truth=PayloadTruth(RULE), results=[output]).algorithms
    return found


class TestVerdicts:
    """Correct, wrong, unjudged."""

    @settings(deadline=None)  # the first call compiles
    @given(st.lists(st.tuples(BITS.filter(bool), st.none() | BITS), max_size=12), st.booleans())
    @pytest.mark.slow
    def test_against_sets(
        self,
        folder: Path,
        write_capture: Write,
        udp_frame: Frame,
        cases: list[tuple[frozenset[int], frozenset[int] | None]],
        known: bool,
    ) -> None:
        """Flips inside the payload against the errors there, as sets of bit positions."""
        good = udp_frame(RULE.fill(SIZE))
        # Without an intact frame nothing is known of the others.
        frames = [good] * known + [fcs.flip(good, errors) for errors, _ in cases]
        capture = write_capture(folder / "run.pcapng", frames)
        script = {
            number: None if flips is None else sorted(flips)
            for number, (_, flips) in enumerate(cases, 1 + known)
        }
        expected: Counter[str] = Counter()
        for errors, flips in cases:
            expected["attempted"] += 1
            if flips is None:
                continue
            expected["repaired"] += 1
            expected["fcs_holds"] += fcs.syndrome(fcs.flip(good, errors ^ flips)) == 0
            wanted, made = errors & set(PAYLOAD), flips & set(PAYLOAD)
            if not known or not wanted | made:
                expected["unjudged"] += 1
            else:
                expected["correct" if wanted == made else "wrong"] += 1
        found = score(capture, script).to_json()
        for name, part in (("right", expected["correct"]), ("wrong", expected["wrong"])):
            attempted = expected["attempted"]
            assert found.pop(f"{name}_share") == (part / attempted if attempted else None)
            interval = ends(part, attempted)
            assert found.pop(f"{name}_interval") == interval
        found.pop("by")
        assert found == {
            "name": "scripted",
            "parameters": '{"a": 1}',
            "attempted": expected["attempted"],
            "repaired": expected["repaired"],
            "abstained": expected["attempted"] - expected["repaired"],
            "dropped": 0,
            "correct": expected["correct"],
            "wrong": expected["wrong"],
            "unjudged": expected["unjudged"],
            "fcs_holds": expected["fcs_holds"],
        }

    def test_limited_replay(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """Results of the first frames alone are judged for these alone."""
        good = udp_frame(RULE.fill(SIZE))
        bad = fcs.flip(good, [PAYLOAD[3]])
        capture = write_capture(tmp_path / "run.pcapng", [good] + 9 * [bad])
        found = score(capture, {n: [PAYLOAD[3]] for n in range(2, 11)}, limit=4)
        assert (found.attempted, found.correct, found.wrong) == (3, 3, 0)

    def test_several_results(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """Each results file is judged on its own, in the order given."""
        good = udp_frame(RULE.fill(SIZE))
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [PAYLOAD[3]])])
        answers: list[list[int] | None] = [[PAYLOAD[3]], [PAYLOAD[4]], None]
        outputs = [tmp_path / f"{i}.parquet" for i in range(3)]
        replay(
            capture,
            [
                Contender(Scripted({2: answer}), {}, output)
                for answer, output in zip(answers, outputs, strict=True)
            ],
        )
        found = analyze(capture, truth=PayloadTruth(RULE), results=outputs).algorithms
        assert [(each.correct, each.wrong, each.abstained) for each in found] == [
            (1, 0, 0),
            (0, 1, 0),
            (0, 0, 1),
        ]
        assert [each.path for each in found] == outputs

    @pytest.mark.slow
    def test_many_frames(self, tmp_path: Path, write_capture: Write) -> None:
        """Answers and frames come in batches of their own sizes: none is missed."""
        good = fcs.append(b"\xd4\0\0\0\2\0\0\0\0\1")
        frames = 70_000
        capture = write_capture(tmp_path / "run.pcapng", [fcs.flip(good, [50])] * frames)
        found = score(capture, {n: [50] if n % 3 else None for n in range(1, frames + 1)})
        assert found.attempted == frames
        assert found.abstained == frames // 3
        assert found.unjudged == found.repaired


class TestOtherResults:
    """Results that do not belong to the capture."""

    @pytest.fixture
    def run(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> tuple[Path, Path]:
        """A capture with a bad frame, and the results of its replay."""
        good = udp_frame(RULE.fill(SIZE))
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [PAYLOAD[3]])])
        results = tmp_path / "run.parquet"
        replay(capture, [Contender(Scripted({2: [PAYLOAD[3]]}), {}, results)])
        return capture, results

    def test_same_bad_frames(
        self, run: tuple[Path, Path], tmp_path: Path, write_capture: Write, udp_frame: Frame
    ) -> None:
        """A capture with the same frames bad, but other bytes, has another SHA-256."""
        good = udp_frame(RULE.fill(SIZE))
        other = write_capture(tmp_path / "other.pcapng", [good, fcs.flip(good, [PAYLOAD[4]])])
        with pytest.raises(MatchError, match="another capture"):
            analyze(other, results=[run[1]])

    def test_other_bad_frames(
        self, run: tuple[Path, Path], tmp_path: Path, write_capture: Write, udp_frame: Frame
    ) -> None:
        """So has one with other frames bad, and one without bad frames, or without frames."""
        good = udp_frame(RULE.fill(SIZE))
        for frames in ([fcs.flip(good, [1]), good], [good, good, good], [good], []):
            other = write_capture(tmp_path / "other.pcapng", frames)
            with pytest.raises(MatchError):
                analyze(other, results=[run[1]])

    def test_no_results(self, run: tuple[Path, Path]) -> None:
        """What is no results file is refused."""
        capture, _ = run
        with pytest.raises(FormatError, match="not a Parquet file"):
            analyze(capture, results=[capture])


class TestForeignResults:
    """Results that another program wrote; a wrong one must not be counted as right."""

    @pytest.mark.parametrize(
        ("numbers", "flips", "message"),
        [
            ([1, 2], [[PAYLOAD[0], PAYLOAD[0]], []], "the flips of frame 1 are not rising"),
            ([1, 2], [[], [PAYLOAD[1], PAYLOAD[0]]], "the flips of frame 2 are not rising"),
            ([1, 2], [[], [PAYLOAD[0], FRAME_BITS]], "the flips of frame 2 are not rising"),
            ([2, 1], [[], []], "not in the order of frames"),
            ([1, 1], [[], []], "not in the order of frames"),
        ],
    )
    def test_contradictions_are_refused(
        self,
        tmp_path: Path,
        write_capture: Write,
        udp_frame: Frame,
        numbers: list[int],
        flips: list[list[int]],
        message: str,
    ) -> None:
        """Flips named twice, unsorted or outside of the frame; frames named twice or unsorted."""
        good = udp_frame(RULE.fill(SIZE))
        capture = write_capture(
            tmp_path / "run.pcapng",
            [fcs.flip(good, PAYLOAD[:2]), fcs.flip(good, PAYLOAD[:3]), good],
        )
        score(capture, {1: [PAYLOAD[0]], 2: [PAYLOAD[0]]})
        path = capture.with_suffix(".scripted.parquet")
        table = pq.read_table(path)
        for name, values in (("number", numbers), ("flips", flips)):
            at = table.schema.get_field_index(name)
            field = table.schema.field(at)
            table = table.set_column(at, field, pa.array(values, field.type))
        pq.write_table(table, path)
        with pytest.raises(FormatError, match=message):
            analyze(capture, truth=PayloadTruth(RULE), results=[path])
