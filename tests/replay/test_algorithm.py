"""How algorithms are written, and what their answers must look like."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.frames import FrameBatch
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.errors import AlgorithmError
from wtrec.replay.algorithm import PerFrameAlgorithm, Repairs, flips
from wtrec.replay.calls import called
from wtrec.replay.engine import Contender, replay
from wtrec.replay.interruption import Interruption


class TestPerFrame:
    """Algorithms of three lines."""

    def test_through_the_engine(
        self,
        tmp_path: Path,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
    ) -> None:
        """A repair is written as the bits that it flips, None as abstained."""

        class FlipLast(PerFrameAlgorithm):
            name = "flip-last"

            def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> bytes | None:
                even = frames.number[row] % 2 == 0
                return mpdu[:-1] + bytes([mpdu[-1] ^ 0x81]) if even else None

        good = udp_frame(b"abc")
        bad = fcs.flip(good, [300])
        capture = write_capture(tmp_path / "run.pcapng", [good, bad, bad, bad])
        output = tmp_path / "run.flip-last.parquet"
        summary = replay(capture, [Contender(FlipLast(), {}, output)])
        assert (summary.frames, summary.bad) == (4, 3)
        last = 8 * len(good) - 8
        with TableFile(output, RESULTS) as results:
            rows = [row for batch in results.batches() for row in batch.to_pylist()]
        assert [(row["number"], row["outcome"], row["flips"]) for row in rows] == [
            (2, "repaired", [last, last + 7]),
            (3, "abstained", []),
            (4, "repaired", [last, last + 7]),
        ]
        assert {row["expected_false"] for row in rows} == {None}
        assert {row["candidates"] for row in rows} == {None}

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (5, "frame 2: repair() gave int, wanted bytes or None"),
            (True, "frame 2: repair() gave bool, wanted bytes or None"),
            ("abc", "frame 2: repair() gave str, wanted bytes or None"),
            ([1, 2], "frame 2: repair() gave list, wanted bytes or None"),
        ],
    )
    def test_no_bytes(
        self,
        answer: Any,
        said: str,
        tmp_path: Path,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
    ) -> None:
        """An answer that is no bytes is told with its algorithm and frame."""

        class Odd(PerFrameAlgorithm):
            name = "odd"

            def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> Any:
                del mpdu, row, frames
                return answer

        good = udp_frame(b"abc")
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [3])])
        with CaptureReader(capture) as frames, pytest.raises(AlgorithmError) as caught:
            Odd().recover(next(iter(frames)))
        assert str(caught.value) == f"odd: {said}"

    def test_wrong_length(
        self,
        tmp_path: Path,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
    ) -> None:
        """An answer of another length than the frame's breaks the contract."""

        class Shorten(PerFrameAlgorithm):
            name = "shorten"

            def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> bytes:
                del row, frames
                return mpdu[1:]

        good = udp_frame(b"abc")
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [3])])
        output = tmp_path / "out.parquet"
        with pytest.raises(AlgorithmError, match="shorten made 66 bytes of frame 2, which has 67"):
            replay(capture, [Contender(Shorten(), {}, output)])
        assert not output.exists()

    @given(st.binary(min_size=1, max_size=50), st.data())
    def test_flips(self, frame: bytes, data: st.DataObject) -> None:
        """The bits that differ are those that were flipped."""
        bits = data.draw(st.sets(st.integers(0, 8 * len(frame) - 1)))
        assert flips(frame, fcs.flip(frame, bits)) == sorted(bits)


class TestRepairs:
    """Answers that contradict themselves."""

    def test_of(self) -> None:
        """Pairs become columns, bits sorted; None is abstained."""
        repairs = Repairs.of([(7, [9, 2]), (8, None), (9, [])])
        assert len(repairs) == 3
        assert repairs.number.tolist() == [7, 8, 9]
        assert repairs.repaired.tolist() == [True, False, True]
        assert repairs.flip_offsets.tolist() == [0, 2, 2, 2]
        assert repairs.flips.tolist() == [2, 9]
        assert len(Repairs.none()) == 0

    @pytest.mark.parametrize(
        ("bits", "said"),
        [
            ([1.5], "frame 17: bits to flip are [1.5], wanted a list of whole numbers, or None"),
            ("abc", "frame 17: bits to flip are 'abc', wanted a list of whole numbers, or None"),
            (5, "frame 17: bits to flip are 5, wanted a list of whole numbers, or None"),
            ([3, -1], "frame 17: bit -1, wanted one from 0 to the frame's last"),
            ([3, 1 << 40], f"frame 17: bit {1 << 40}, wanted one from 0 to the frame's last"),
            ([3, 3], "frame 17: bit 3 behind bit 3, wanted rising ones, each once"),
        ],
    )
    def test_no_bits(self, bits: Any, said: str) -> None:
        """What is no position is refused with its frame, and never rounded; the name is added."""
        with pytest.raises(AlgorithmError) as caught:
            Repairs.of([(16, [9]), (17, bits)])
        assert str(caught.value) == said
        with pytest.raises(AlgorithmError) as caught:
            called("odd", lambda: Repairs.of([(16, [9]), (17, bits)]), Interruption())
        assert str(caught.value) == f"odd: {said}"

    def test_of_arrays(self) -> None:
        """Bits may be numpy's."""
        assert Repairs.of([(7, cast("Any", np.array([9, 2])))]).flips.tolist() == [2, 9]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"number": np.array([1], np.int64)}, "different lengths"),
            ({"candidates": np.array([1, 1, 1, 1], np.int64)}, "different lengths"),
            ({"flip_offsets": np.array([0, 2, 2, 3], np.int32)}, "do not fit"),
            ({"flip_offsets": np.array([1, 2, 2, 4], np.int32)}, "do not fit"),
            ({"flip_offsets": np.array([0, 5, 2, 4], np.int32)}, "do not fit"),
            (
                {"flips": np.array([5, 5, 1, 2], np.uint32)},
                "frame 1: bit 5 behind bit 5, wanted rising",
            ),
            ({"flips": np.array([1, 5, 3, 2], np.uint32)}, "frame 3: bit 2 behind bit 3"),
            ({"flips": np.array([4, 5, -1, 2], np.int64)}, "frame 3: bit -1, wanted one from 0"),
            ({"flips": np.array([4, 5, 1, 2.5])}, "no array of whole numbers"),
            ({"repaired": np.array([True, False, False])}, "frame 3: abstained"),
        ],
    )
    def test_broken(self, change: dict[str, Any], message: str) -> None:
        """Columns that do not fit each other are refused where they are made."""
        whole: dict[str, Any] = {
            "number": np.array([1, 2, 3], np.int64),
            "repaired": np.array([True, False, True]),
            "flip_offsets": np.array([0, 2, 2, 4], np.int32),
            "flips": np.array([4, 5, 1, 2], np.uint32),
            "expected_false": np.zeros(3),
            "candidates": np.ones(3, np.int64),
        }
        Repairs(**whole)
        with pytest.raises(AlgorithmError, match=message):
            Repairs(**whole | change)
