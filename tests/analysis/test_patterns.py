"""Pattern statistics against plain Python, on arbitrary masks."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.analysis.masks import ErrorMasks
from wtrec.analysis.patterns import Patterns, flip_classes, quantiles, top
from wtrec.analysis.patterns_kernel import add_masks, length_bin, new_sums

Mask = tuple[int, int, list[int]]


@st.composite
def masks(draw: st.DrawFn) -> list[Mask]:
    """First bit, end and sorted flips of some frames."""
    found = []
    for _ in range(draw(st.integers(0, 5))):
        begin = 8 * draw(st.integers(0, 40))
        end = begin + 8 * draw(st.integers(0, 300))
        flips = draw(st.sets(st.integers(begin, end - 1), max_size=40)) if end > begin else set()
        start = draw(st.integers(begin, end))
        flips |= set(range(start, min(end, start + draw(st.integers(0, 9)))))
        found.append((begin, end, sorted(flips)))
    return found


def packed(frames: list[Mask]) -> ErrorMasks:
    """As error_masks gives them."""
    counts = [len(flips) for _, _, flips in frames]
    return ErrorMasks(
        np.arange(len(frames)),
        np.array([begin for begin, _, _ in frames], np.int64),
        np.array([end for _, end, _ in frames], np.int64),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([flip for _, _, flips in frames for flip in flips], np.int32),
    )


def bins(values: list[int]) -> list[list[int]]:
    """Lengths as they are reported."""

    def edge(value: int) -> int:
        return value if value <= 64 else 1 << (value - 1).bit_length()

    return [list(pair) for pair in sorted(Counter(map(edge, values)).items())]


def plain(frames: list[Mask], symbol: int) -> dict[str, Any]:
    """The whole report, slowly, bit by bit."""
    lengths: list[int] = []
    weights: list[int] = []
    runs: list[int] = []
    gaps: list[int] = []
    single = 0
    for begin, end, flips in frames:
        wrong = set(flips)
        events: list[list[int]] = []
        for flip in flips:
            if events and flip - events[-1][-1] - 1 < 16:
                events[-1].append(flip)
            else:
                events.append([flip])
        lengths += [event[-1] - event[0] + 1 for event in events]
        weights += [len(event) for event in events]
        single += len(events) == 1
        text = "".join("x" if i in wrong else "." for i in range(begin, end))
        runs += [len(run) for run in text.split(".") if run]
        gaps += [len(gap) for gap in text.strip(".").split("x") if gap]
    lags = []
    for lag in range(1, 65):
        chances = [
            f + lag in set(flips) for _, end, flips in frames for f in flips if f + lag < end
        ]
        lags.append(sum(chances) / len(chances) if chances else None)
    blocks = []
    for size in (16, 32, 64, 128):
        hit = total = 0
        for begin, end, flips in frames:
            total += len(range(begin, end, 8 * size))
            hit += len({(flip - begin) // (8 * size) for flip in flips})
        blocks.append(
            {
                "bytes": size,
                "share_hit": hit / total if total else None,
                "hit_per_frame": hit / len(frames) if frames else None,
            }
        )
    longest = max((end for _, end, _ in frames), default=0)
    width = 1
    while 8 * 256 * width < longest:
        width *= 2
    errors_at = Counter(flip // (8 * width) for _, _, flips in frames for flip in flips)
    bits_at = Counter(i // (8 * width) for begin, end, _ in frames for i in range(begin, end))
    count = max(bits_at, default=-1) + 1
    in_octet = Counter(flip % 8 for _, _, flips in frames for flip in flips)
    errors_in = Counter((flip + 16) % symbol for _, _, flips in frames for flip in flips)
    bits_in = Counter((i + 16) % symbol for begin, end, _ in frames for i in range(begin, end))
    return {
        "events": {
            "gap": 16,
            "events": len(lengths),
            "per_frame": len(lengths) / len(frames) if frames else None,
            "single": single / len(frames) if frames else None,
            "mean_length": sum(lengths) / len(lengths) if lengths else None,
            "mean_flips": sum(weights) / len(lengths) if lengths else None,
            "lengths": bins(lengths),
            "flips": bins(weights),
        },
        "runs": bins(runs),
        "gaps": bins(gaps),
        "lags": lags,
        "position": {
            "bytes": width,
            "bit_errors": [errors_at[i] for i in range(count)],
            "bits": [bits_at[i] for i in range(count)],
        },
        "octet": [in_octet[i] for i in range(8)],
        "symbol": {
            "data_bits": symbol,
            "bit_errors": [errors_in[i] for i in range(symbol)],
            "bits": [bits_in[i] for i in range(symbol)],
        }
        if frames
        else None,
        "blocks": blocks,
    }


@given(masks(), st.sampled_from([24, 36, 216]), st.integers(0, 5))
def test_against_plain_python(frames: list[Mask], symbol: int, cut: int) -> None:
    """Every statistic of any masks, in one batch or in two."""
    found = Patterns()
    for part in (frames[:cut], frames[cut:]):
        symbols = np.full(len(part), symbol, np.int64)
        found.add(packed(part), np.arange(len(part)), symbols)
    report = found.to_json()
    flips = report.pop("flips")
    assert report == plain(frames, symbol)
    counts = sorted(len(mask) for _, _, mask in frames)
    if counts:
        assert flips["quantiles"]["0.5"] == counts[(len(counts) - 1) // 2]
        assert sum(flips[name] for name in flips if name != "quantiles") == len(counts)


@given(masks())
def test_kernel_is_its_source(frames: list[Mask]) -> None:
    """Compiled and interpreted, the loop adds up the same."""
    compiled, interpreted = new_sums(), new_sums()
    batch = packed(frames)
    chosen, symbols = np.arange(len(frames)), np.full(len(frames), 36, np.int64)
    arguments = (chosen, batch.begin, batch.end, batch.offsets, batch.flips, symbols)
    add_masks(*arguments, compiled)
    add_masks.py_func(*arguments, interpreted)  # type: ignore[attr-defined]
    for one, other in zip(compiled, interpreted, strict=True):
        assert one.tolist() == other.tolist()


def test_rates_that_differ() -> None:
    """Frames of several rates have no OFDM symbol in common."""
    patterns = Patterns()
    patterns.add(packed([(0, 80, [1]), (0, 80, [2])]), np.arange(2), np.array([24, 216]))
    assert patterns.to_json()["symbol"] is None


def test_classes_and_quantiles() -> None:
    """Edges of the classes; quantiles are numbers that occur."""
    frames = Counter({0: 1, 1: 2, 3: 1, 4: 1, 10: 1, 11: 1, 32: 1, 33: 1, 5000: 1})
    assert list(flip_classes(frames).values()) == [1, 2, 0, 1, 2, 2, 2]
    assert quantiles(Counter({3: 19, 50: 1})) == {
        "0.05": 3, "0.25": 3, "0.5": 3, "0.75": 3, "0.95": 3
    }  # fmt: skip
    assert quantiles(Counter()) is None


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 128, 129, 256, 257, 32_760])
def test_length_bins(length: int) -> None:
    """Each length is in the first bin that reaches it."""
    place = length_bin(length)
    assert top(place) >= length
    assert place == 0 or top(place - 1) < length
