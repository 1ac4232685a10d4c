"""The analysis of whole captures against plain Python that knows every frame's original."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.analyze import Analysis, analyze
from wtrec.analysis.layout import AGREEMENT
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.truth import NoTruth, Outcome
from wtrec.datasets.payload import pattern
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs
from wtrec.errors import FormatError, MatchError

Write = Callable[..., Path]
Frame = Callable[..., bytes]

PAYLOAD_AT = 60
RULE = pattern("ramp")
FCS, BAD_FCS = 0x10, 0x40  # Radiotap's flags
PROTECTED = 14  # the bit whose error makes a frame that nobody claims to be bad unverifiable


@dataclass(frozen=True)
class Case:
    """One frame of a generated capture."""

    kind: str  # "ours" carries the pattern, "foreign" does not, "scrap" is a few bytes
    size: int  # of the payload, of all of a scrap
    flips: frozenset[int]  # errors, by position modulo the frame's length
    rate: float
    signal: int
    flags: int

    def bits(self, length: int) -> set[int]:
        """The flipped bits of a frame of this length."""
        return {flip % (8 * length) for flip in self.flips} - {PROTECTED}


CASES = st.lists(
    st.builds(
        Case,
        st.sampled_from(["ours"] * 12 + ["foreign", "scrap"]),
        st.sampled_from([9, 10, 11, 30]),
        st.just(frozenset()) | st.frozensets(st.integers(0, 2**16), max_size=30),
        st.sampled_from([1.0, 5.5, 54.0]),
        st.sampled_from([-50, -70]),
        st.sampled_from([FCS, FCS | BAD_FCS, BAD_FCS, 0]),
    ),
    max_size=40,
)


def made(case: Case, udp_frame: Frame) -> bytes:
    """The frame as received."""
    if case.kind == "scrap":
        return b"\x5a" * case.size
    good = udp_frame(RULE.fill(case.size) if case.kind == "ours" else b"\xee" * case.size)
    return fcs.flip(good, case.bits(len(good)))


def status_of(mpdu: bytes, flags: int) -> str:
    """What our own check must say."""
    if len(mpdu) >= 4 and fcs.syndrome(mpdu) == 0:
        return "good"
    return "bad" if flags & FCS else "absent"


def expected(cases: list[Case], udp_frame: Frame) -> dict[str, Any]:
    """The whole analysis, slowly."""
    mpdus = [made(case, udp_frame) for case in cases]
    statuses = [status_of(mpdu, case.flags) for mpdu, case in zip(mpdus, cases, strict=True)]
    intact = Counter(
        (len(mpdu), case.kind)
        for mpdu, case, status in zip(mpdus, cases, statuses, strict=True)
        if status == "good"
    )
    frames = Counter(statuses)
    matching: Counter[str] = Counter()
    groups: dict[tuple[float, int], Counter[str]] = {}
    for mpdu, case, status in zip(mpdus, cases, statuses, strict=True):
        claimed_bad = bool(case.flags & BAD_FCS)
        if status == "good":
            frames["disagreements"] += claimed_bad or not case.flags & FCS
        if status == "bad":
            frames["disagreements"] += not claimed_bad
        frames["claimed_bad"] += claimed_bad
        group = groups.setdefault((case.rate, case.signal), Counter())
        group["frames"] += 1
        group[status] += 1
        if status != "bad":
            continue
        ours, foreign = intact[len(mpdu), "ours"], intact[len(mpdu), "foreign"]
        if len(mpdu) < 14:
            matching["not_a_frame"] += 1
        elif not ours:
            matching["unmatched"] += 1
        elif ours < AGREEMENT * (ours + foreign):
            matching["ambiguous"] += 1
        else:
            matching["matched"] += 1
            payload = mpdu[PAYLOAD_AT : PAYLOAD_AT + case.size]
            group["judged"] += 1
            group["bits"] += 8 * case.size
            group["bit_errors"] += sum(
                (a ^ b).bit_count() for a, b in zip(payload, RULE.fill(case.size), strict=True)
            )
    return {
        "frames": {
            "total": len(cases),
            "good": frames["good"],
            "bad": frames["bad"],
            "absent": frames["absent"],
            "unverifiable": 0,
            "claim_disagreements": frames["disagreements"],
            "claimed_bad": frames["claimed_bad"],
        },
        "matching": {outcome.name.lower(): matching[outcome.name.lower()] for outcome in Outcome},
        "by": [
            {
                "rate_mbps": rate,
                "signal_dbm": signal,
                "frames": group["frames"],
                "good": group["good"],
                "bad": group["bad"],
                "rewritten": 0,
                "share_bad": share(group["bad"], group["good"] + group["bad"]),
                "judged": group["judged"],
                "bits": group["bits"],
                "bit_errors": group["bit_errors"],
                "ber_bad": share(group["bit_errors"], group["bits"]),
            }
            for (rate, signal), group in sorted(groups.items())
        ],
        "algorithms": [],
        "partial": [],
        "losses": [],
    }


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


class TestAgainstPlainPython:
    """Every number of the analysis."""

    @settings(deadline=None)  # the first call compiles
    @given(CASES)
    def test_payload_rule(
        self,
        folder: Path,
        write_capture: Write,
        udp_frame: Frame,
        cases: list[Case],
    ) -> None:
        """Counts, matching and the table by rate and signal, for any mixture of frames."""
        capture = write_capture(
            folder / "rule.pcapng",
            [made(case, udp_frame) for case in cases],
            rates=[case.rate for case in cases],
            signals=[case.signal for case in cases],
            flags=[case.flags for case in cases],
        )
        analysis = analyze(capture, truth=PayloadTruth(RULE), by=["rate", "signal"])
        found = analysis.to_json()
        assert found.pop("capture") == str(capture)
        assert found.pop("truth") == "payload ramp"
        bad, judged = found["frames"]["bad"], found["matching"]["matched"]
        assert bool(found.pop("warnings")) == (judged < 0.9 * bad)
        of_origin = ("schema", "wtrec_version", "run", "seed", "block")
        facts = [found.pop(name) for name in of_origin]
        assert facts == ["analysis/1", version("wtrec"), None, 1, 1]
        assert found.pop("capture_sha256") == hashlib.sha256(capture.read_bytes()).hexdigest()
        assert found.pop("truth_kind") == "payload"
        for of_throughput in ("throughput", "model", "comparisons"):
            json.dumps(found.pop(of_throughput), allow_nan=False)
        json.dumps(found.pop("signal"))
        assert found.pop("group_by") == ["rate_mbps", "signal_dbm"]
        for group in found["by"]:  # whose numbers tests/analysis/test_statistics.py checks
            low, high = group.pop("share_bad_low"), group.pop("share_bad_high")
            assert low is None or low <= group["share_bad"] <= high
            patterns = group.pop("patterns")
            assert bool(patterns) == bool(group["judged"])
            assert not patterns or patterns["copies"] is None
            bits = group["bits"] + group.pop("good_bits")
            assert group.pop("ber") == share(group["bit_errors"], bits)
            for name in ("ber_low", "ber_high", "ber_bad_low", "ber_bad_high"):
                assert group.pop(name) is None or group["bit_errors"]
        assert found == expected(cases, udp_frame)
        assert list(found) == ["frames", "matching", "by", "algorithms", "partial", "losses"]
        json.dumps(found, allow_nan=False)


class TestMatching:
    """Which bad frames are judged by a payload rule."""

    @pytest.fixture
    def run(self, tmp_path: Path, write_capture: Write) -> Callable[[list[bytes]], Analysis]:
        """Analyses a capture of these frames, whose payload is the ramp."""
        return lambda mpdus: analyze(
            write_capture(tmp_path / "run.pcapng", mpdus), truth=PayloadTruth(RULE), by=[]
        )

    @pytest.mark.parametrize("byte", [0, 1, 22, 24, 26, 30, 32, 34, 35, 38, 41, 44, 56, 57])
    def test_damaged_headers(
        self, run: Callable[[list[bytes]], Analysis], udp_frame: Frame, byte: int
    ) -> None:
        """A frame whose MAC, LLC, IP or UDP header is damaged is judged like any other."""
        good = udp_frame(RULE.fill(40))
        damaged = fcs.flip(good, [*range(8 * byte, 8 * byte + 8), 8 * 70, 8 * 71 + 7])
        (group,) = run([good, damaged]).groups
        assert (group.judged, group.bits, group.bit_errors) == (1, 320, 2)

    def test_pattern_everywhere(
        self, run: Callable[[list[bytes]], Analysis], udp_frame: Frame
    ) -> None:
        """Of intact frames, only those that carry the whole pattern say where it lies."""
        good, other = udp_frame(RULE.fill(40)), udp_frame(RULE.fill(39) + b"\xff")
        bad = fcs.flip(good, [3])
        assert run([other, bad]).to_json()["matching"]["unmatched"] == 1
        assert run([other, good, bad]).to_json()["matching"]["ambiguous"] == 1
        assert run([other] + 18 * [good] + [bad]).to_json()["matching"]["ambiguous"] == 1
        assert run([other] + 19 * [good] + [bad]).to_json()["matching"]["matched"] == 1

    def test_learned_from_later_frames(
        self, run: Callable[[list[bytes]], Analysis], udp_frame: Frame
    ) -> None:
        """A bad frame may stand before the intact ones that explain it."""
        good = udp_frame(RULE.fill(40))
        assert run([fcs.flip(good, [3]), good]).to_json()["matching"]["matched"] == 1

    def test_nothing_is_bad(self, run: Callable[[list[bytes]], Analysis], udp_frame: Frame) -> None:
        """Without bad frames there is a group with nothing judged."""
        (group,) = run([udp_frame(b"abc")]).groups
        assert (group.frames, group.judged, group.ber_bad, group.share_bad) == (1, 0, None, 0.0)

    def test_no_frames(self, run: Callable[[list[bytes]], Analysis]) -> None:
        """Without frames there are no groups."""
        assert run([]).groups == []


class TestWithoutTruth:
    """What can be said of a capture alone."""

    def test_counts_only(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """Frames are counted, no bit is judged."""
        good = udp_frame(b"abc")
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [1])])
        for truth in (None, NoTruth()):
            found = analyze(capture, truth=truth).to_json()
            assert found["truth"] == "none"
            assert found["matching"] == {
                "matched": 0,
                "ambiguous": 0,
                "unmatched": 1,
                "not_a_frame": 0,
                "rewritten": 0,
                "likely": 0,
            }
            (group,) = found["by"]
            assert (group["frames"], group["bad"], group["judged"]) == (2, 1, 0)

    def test_progress(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """The capture is read a second time only where there is something to learn from."""
        capture = write_capture(tmp_path / "run.pcapng", [udp_frame(b"abc")])
        steps: list[str] = []

        def note(step: str, reader: CaptureReader) -> None:
            assert reader.frames == 1
            steps.append(step)

        analyze(capture, on_progress=note)
        assert steps == ["judging"]
        analyze(capture, truth=PayloadTruth(RULE), on_progress=note)
        assert steps == ["judging", "learning", "judging"]


class TestDamage:
    """Captures that are not whole."""

    def test_truncated(self, tmp_path: Path, write_capture: Write, udp_frame: Frame) -> None:
        """A capture that ends early is analyzed to there, and the loss is told once."""
        capture = write_capture(tmp_path / "run.pcapng", 3 * [udp_frame(b"abc")])
        capture.write_bytes(capture.read_bytes()[:-8])
        analysis = analyze(capture, truth=PayloadTruth(RULE))
        assert analysis.census.total == 2
        assert len(analysis.losses) == 1

    def test_not_a_capture(self, tmp_path: Path) -> None:
        """What is no capture is refused."""
        (tmp_path / "run.pcapng").write_bytes(b"not a capture")
        with pytest.raises(FormatError):
            analyze(tmp_path / "run.pcapng")

    def test_unknown_column(self, tmp_path: Path, write_capture: Write) -> None:
        """Grouping by what no frame has is refused before anything is read."""
        with pytest.raises(MatchError, match="no column 'colour' to group by; there are: number,"):
            analyze(write_capture(tmp_path / "run.pcapng", []), by=["colour"])


@pytest.mark.real
class TestRealCapture:
    """Frames that were damaged on the air, with a payload of 50 zero bytes."""

    @pytest.fixture
    def capture(self, captures: Path) -> Path:
        """802.11b/g over the air, 12,300 frames."""
        return captures / "aalborg_cooperation" / "gvsp.pcapng"

    def test_by_rate(self, capture: Path) -> None:
        """All 39 bad frames are judged, headers damaged or not; errors are where they are."""
        analysis = analyze(capture, truth=PayloadTruth(pattern("zeros")))
        found = analysis.to_json()
        assert found["frames"]["total"] == 12_300
        assert found["frames"]["bad"] == 39
        assert found["frames"]["claim_disagreements"] == 0
        assert found["matching"] == {
            "matched": 39,
            "ambiguous": 0,
            "unmatched": 0,
            "not_a_frame": 0,
            "rewritten": 0,
            "likely": 0,
        }
        assert {
            group["rate_mbps"]: (group["bit_errors"], group["bits"])
            for group in found["by"]
            if group["bad"]
        } == {1.0: (937, 12_800), 48.0: (32, 800), 54.0: (155, 2_000)}
        assert sum(group["bits"] for group in found["by"]) == 15_600

    def test_by_frame(self, capture: Path) -> None:
        """Errors of each frame are those of an independent reconstruction of its original."""
        analysis = analyze(capture, truth=PayloadTruth(pattern("zeros")), by=["number"])
        frames = json.loads(capture.with_name("gvsp.truth.json").read_text())["frames"]
        payload = range(8 * 60, 8 * 110)
        assert {
            group.key["number"]: group.bit_errors for group in analysis.groups if group.judged
        } == {
            frame["frame"]: sum(bit in payload for bit in frame["error_bits"]) for frame in frames
        }


class TestWarnings:
    """What is said beside the numbers."""

    def test_each_has_its_cause(
        self, tmp_path: Path, write_capture: Write, udp_frame: Frame
    ) -> None:
        """No truth, another run's truth, frames that cannot be judged, damaged headers."""
        good = udp_frame(RULE.fill(20))
        stranger = udp_frame(bytes(77))
        bad, lost = fcs.flip(good, [500]), fcs.flip(stranger, [600])

        def warnings(frames: list[bytes], *by: str, **facts: Any) -> list[str]:
            capture = write_capture(tmp_path / "run.pcapng", frames)
            return analyze(capture, by=by or ["rate"], **facts).warnings

        assert warnings([good, bad], truth=PayloadTruth(RULE)) == []
        assert warnings([good]) == []
        (said,) = warnings([good, bad])
        assert said.startswith("there is no truth")
        (said,) = warnings([stranger, lost], truth=PayloadTruth(RULE))
        assert said == "no bad frame matches payload ramp: is it of this run?"
        (said,) = warnings([good, bad, stranger, lost], truth=PayloadTruth(RULE))
        assert said.startswith("1 of 2 bad frames are not judged")
        # Of 20 known bytes in a good and a bad frame one bit is wrong; and of 20 more, half.
        assert said.endswith("the bit error rate is 0.169, not 0.00313")
        (said,) = warnings([good, bad], "rate", "retry", "addr1", truth=PayloadTruth(RULE))
        assert said.startswith("groups by retry, addr1 are as received")
