"""Frames matched to a tx log: rightly, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.analysis.truth import Outcome
from wtrec.analysis.txlog_truth import WINDOW_S, TxLogTruth
from wtrec.datasets.frames import FcsStatus
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import self_describing
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs
from wtrec.errors import FormatError, MatchError

Write = Callable[..., Path]
Frame = Callable[..., bytes]

START = 1_700_000_000_000_000_000  # ns: as captures and logs of tests begin
SECOND = 1_000_000_000
PAYLOAD_AT = 60
KEY = b"run key."

compiled = settings(deadline=None)  # the first call compiles


@contextmanager
def opened(log: Path) -> Iterator[TxLogTruth]:
    """The truth of a log, as long as it is open."""
    with TableFile(log, TX) as file:
        yield TxLogTruth(file)


def matched(capture: Path, log: Path) -> dict[int, tuple[Outcome, int, bytes]]:
    """Outcome, offset and original of each bad frame, by its number."""
    found = {}
    with opened(log) as truth:
        with CaptureReader(capture) as reader:
            for frames in reader:
                truth.learn(frames)
        with CaptureReader(capture) as reader:
            for frames in reader:
                rows = np.flatnonzero(frames.fcs_status == FcsStatus.BAD)
                known = truth.match(frames, rows)
                for k, row in enumerate(rows):
                    original = known.originals[known.bounds[k] : known.bounds[k + 1]].tobytes()
                    outcome = Outcome(int(known.outcome[k]))
                    found[int(frames.number[row])] = (outcome, int(known.begins[k]), original)
    return found


def damaged(frames: Sequence[bytes], error_rate: float, seed: int) -> list[bytes]:
    """The frames after a binary symmetric channel."""
    draw = np.random.default_rng(seed)
    return [
        fcs.flip(frame, np.flatnonzero(draw.random(8 * len(frame)) < error_rate).tolist())
        for frame in frames
    ]


SIZE = 80
STAMPS = (0, 30, 60)  # where the stamps stand in 80 bytes, each 20 bytes long


@pytest.fixture(scope="module")
def sent(udp_frame: Frame) -> list[bytes]:
    """Forty frames with payloads that describe themselves."""
    return [udp_frame(self_describing(KEY, i, SIZE), i) for i in range(40)]


class TestSelfDescribing:
    """Packets that say which they are."""

    @compiled
    @pytest.mark.parametrize("layer", ["mpdu", "payload"])
    @given(
        stamps=st.sets(st.sampled_from(STAMPS)),
        number=st.integers(0, 39),
        masks=st.lists(st.integers(1, 255), min_size=20, max_size=20),
        others=st.frozensets(st.integers(0, 8 * (PAYLOAD_AT + SIZE + 4) - 1), max_size=40),
    )
    def test_any_stamps_damaged(
        self,
        folder: Path,
        write_capture: Write,
        write_tx_log: Write,
        sent: list[bytes],
        layer: str,
        stamps: set[int],
        number: int,
        masks: list[int],
        others: frozenset[int],
    ) -> None:
        """Whichever stamps are destroyed, and up to 40 bits elsewhere: the packet is found."""
        bad = bytearray(fcs.flip(sent[number], others or {0}))
        for stamp in stamps:
            for i, mask in enumerate(masks):
                bad[PAYLOAD_AT + stamp + i] ^= mask
        capture = write_capture(
            folder / "run.pcapng",
            [sent[0], bytes(bad)],
            times=[START, START + number * 1_000_000],
        )
        payload = slice(PAYLOAD_AT, PAYLOAD_AT + SIZE)
        originals = sent if layer == "mpdu" else [frame[payload] for frame in sent]
        log = write_tx_log(folder / "run.tx.parquet", originals, layers=layer)
        begin = 0 if layer == "mpdu" else PAYLOAD_AT
        # Two destroyed stamps are half of the payload, and three are three quarters: it may be
        # lost, never mistaken.
        little = 3 if layer == "mpdu" else 2
        lost = {2: (Outcome.UNMATCHED, 0, b"")} if len(stamps) >= little else {}
        right = {2: (Outcome.MATCHED, begin, originals[number])}
        found = matched(capture, log)
        if fcs.syndrome(bytes(bad)):
            assert found in (right, lost)

    def test_a_stamp_that_names_another_packet(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, sent: list[bytes]
    ) -> None:
        """Stamps that were damaged into those of another packet do not lead there."""
        bad = bytearray(sent[7])
        for stamp in STAMPS:
            bad[PAYLOAD_AT + stamp + 12] = 8  # the id's lowest byte
        capture = write_capture(tmp_path / "run.pcapng", [sent[0], bytes(bad)])
        log = write_tx_log(tmp_path / "run.tx.parquet", sent)
        assert matched(capture, log) == {2: (Outcome.MATCHED, 0, sent[7])}

    @pytest.mark.parametrize("size", [60, 80, 300])
    @pytest.mark.parametrize("error_rate", [0.01, 0.05, 0.1, 0.3])
    def test_error_rates(
        self,
        tmp_path: Path,
        write_capture: Write,
        write_tx_log: Write,
        udp_frame: Frame,
        size: int,
        error_rate: float,
    ) -> None:
        """At any error rate no packet is mistaken; where there is fill, next to none is lost."""
        sent = [udp_frame(self_describing(KEY, i, size), i) for i in range(300)]
        bad = damaged(sent, error_rate, seed=size)
        capture = write_capture(
            tmp_path / "run.pcapng", sent + bad, times=2 * [START + i for i in range(300)]
        )
        log = write_tx_log(tmp_path / "run.tx.parquet", sent)
        found = matched(capture, log)
        right = sum(part == sent[number - 301] for number, (_, _, part) in found.items())
        assert right == sum(outcome is Outcome.MATCHED for outcome, _, _ in found.values())
        if error_rate < 0.1 and size > 60:
            assert right >= 0.98 * len(found)

    def test_retries(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """Two attempts of a packet are told apart by the Retry bit and what it does to the FCS."""
        payload = self_describing(KEY, 5, SIZE)
        first, second = udp_frame(payload), udp_frame(payload, retry=True)
        bad = [fcs.flip(first, [900]), fcs.flip(second, [11, 901])]  # Retry is bit 11
        capture = write_capture(tmp_path / "run.pcapng", [first, *bad])
        log = write_tx_log(tmp_path / "run.tx.parquet", [first, second], ids=[5, 5])
        assert matched(capture, log) == {
            2: (Outcome.MATCHED, 0, first),
            3: (Outcome.MATCHED, 0, second),
        }


class TestConstantPayload:
    """Packets that differ in little more than a number."""

    @pytest.mark.parametrize("error_rate", [0.001, 0.01, 0.03, 0.1])
    def test_sequence_numbers(
        self,
        tmp_path: Path,
        write_capture: Write,
        write_tx_log: Write,
        udp_frame: Frame,
        error_rate: float,
    ) -> None:
        """Frames that differ in sequence number and FCS are never mistaken for each other."""
        sent = [udp_frame(bytes(50), i) for i in range(400)]
        capture = write_capture(tmp_path / "run.pcapng", damaged(sent, error_rate, seed=1))
        log = write_tx_log(tmp_path / "run.tx.parquet", sent, payload="zeros")
        found = matched(capture, log)
        outcomes = Counter(outcome for outcome, _, _ in found.values())
        assert set(outcomes) <= {Outcome.MATCHED, Outcome.AMBIGUOUS}
        assert all(
            original == sent[number - 1]
            for number, (outcome, _, original) in found.items()
            if outcome is Outcome.MATCHED
        )
        assert outcomes[Outcome.MATCHED] >= (0.99 if error_rate <= 0.01 else 0.3) * len(found)

    @pytest.mark.parametrize("copies", [1, 4])
    @pytest.mark.parametrize("error_rate", [0.003, 0.03, 0.1])
    def test_a_counter_in_the_payload(
        self,
        tmp_path: Path,
        write_capture: Write,
        write_tx_log: Write,
        udp_frame: Frame,
        error_rate: float,
        copies: int,
    ) -> None:
        """Where few bits tell packets apart, at most one match in a thousand is wrong."""
        payloads = [copies * bytes([i % 256]) + bytes(50 - copies) for i in range(1000)]
        sent = [udp_frame(payload, i) for i, payload in enumerate(payloads)]
        capture = write_capture(
            tmp_path / "run.pcapng",
            sent + damaged(sent, error_rate, seed=2),
            times=2 * [START + i * 1_000_000 for i in range(1000)],
        )
        log = write_tx_log(tmp_path / "run.tx.parquet", payloads, layers="payload", payload="zeros")
        found = {
            number - 1 - len(sent): part
            for number, (outcome, _, part) in matched(capture, log).items()
            if outcome is Outcome.MATCHED
        }
        assert sum(part != payloads[i] for i, part in found.items()) <= 1
        if copies == 4 and error_rate == 0.003:
            assert len(found) > 800

    def test_equal_content(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """Many packets with the same content are one original."""
        good = udp_frame(bytes(50))
        bad = damaged([good] * 20, 0.05, seed=3)
        capture = write_capture(tmp_path / "run.pcapng", [good, *bad])
        for layer, original in (("mpdu", good), ("payload", bytes(50))):
            log = write_tx_log(
                tmp_path / "run.tx.parquet", [original] * 20, layers=layer, payload="zeros"
            )
            found = matched(capture, log)
            assert {(outcome, part) for outcome, _, part in found.values()} == {
                (Outcome.MATCHED, original)
            }

    def test_halfway(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """A frame that is as far from one packet as from another is nobody's."""
        one, other = udp_frame(bytes(50), 1), udp_frame(bytes(50), 2)
        apart = [
            bit for bit in range(8 * len(one)) if (one[bit // 8] ^ other[bit // 8]) >> bit % 8 & 1
        ]
        bad = fcs.flip(one, apart[: len(apart) // 2])
        capture = write_capture(tmp_path / "run.pcapng", [one, bad])
        log = write_tx_log(tmp_path / "run.tx.parquet", [one, other], payload="zeros")
        assert matched(capture, log) == {2: (Outcome.AMBIGUOUS, 0, b"")}

    def test_burst(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """Where errors destroy all that tells packets apart, nothing is guessed."""
        sent = [udp_frame(bytes(200), i) for i in range(200)]
        draw = np.random.default_rng(4)
        bad = []
        for frame in sent:
            noise = bytearray(frame)
            noise[22:24] = draw.bytes(2)  # sequence number
            noise[-4:] = draw.bytes(4)
            bad.append(bytes(noise))
        capture = write_capture(tmp_path / "run.pcapng", bad)
        log = write_tx_log(tmp_path / "run.tx.parquet", sent, payload="zeros")
        found = matched(capture, log)
        wrong = [
            number
            for number, (outcome, _, original) in found.items()
            if outcome is Outcome.MATCHED and original != sent[number - 1]
        ]
        assert len(wrong) <= 2


class TestNothingKnown:
    """Frames that are in no log."""

    def test_noise(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """Random bytes of the right length are unmatched."""
        sent = [udp_frame(self_describing(KEY, i, 100), i) for i in range(100)]
        draw = np.random.default_rng(5)
        noise = [draw.bytes(len(sent[0])) for _ in range(100)]
        capture = write_capture(tmp_path / "run.pcapng", sent[:1] + noise)
        log = write_tx_log(tmp_path / "run.tx.parquet", sent)
        assert Counter(outcome for outcome, _, _ in matched(capture, log).values()) == {
            Outcome.UNMATCHED: 100
        }

    def test_other_lengths(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """A frame of a length that nobody sent is unmatched, one under 14 bytes is no frame."""
        good = udp_frame(bytes(50))
        capture = write_capture(tmp_path / "run.pcapng", [good, good[:-1], good[1:], good[:13]])
        for layer, original in (("mpdu", good), ("payload", bytes(50))):
            log = write_tx_log(
                tmp_path / "run.tx.parquet", [original], layers=layer, payload="zeros"
            )
            assert [outcome for outcome, _, _ in matched(capture, log).values()] == [
                Outcome.UNMATCHED,
                Outcome.UNMATCHED,
                Outcome.NOT_A_FRAME,
            ]

    @pytest.mark.parametrize("offset", [0, 1.9, -1.9, 2.1, -2.1, 3600, -3600])
    def test_clock(
        self,
        tmp_path: Path,
        write_capture: Write,
        write_tx_log: Write,
        udp_frame: Frame,
        offset: float,
    ) -> None:
        """The clocks of sender and recorder may differ by the window, not more."""
        good = udp_frame(self_describing(KEY, 0, 80))
        time = START + int(offset * SECOND)
        capture = write_capture(
            tmp_path / "run.pcapng", [good, fcs.flip(good, [800])], times=[time, time]
        )
        log = write_tx_log(tmp_path / "run.tx.parquet", [good])
        (outcome,) = [outcome for outcome, _, _ in matched(capture, log).values()]
        assert outcome is (Outcome.MATCHED if abs(offset) < WINDOW_S else Outcome.UNMATCHED)

    def test_no_time(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """A frame without a time is unmatched."""
        good = udp_frame(self_describing(KEY, 0, 80))
        capture = write_capture(
            tmp_path / "run.pcapng", [good, fcs.flip(good, [800])], times=[None, None]
        )
        log = write_tx_log(tmp_path / "run.tx.parquet", [good])
        assert matched(capture, log) == {2: (Outcome.UNMATCHED, 0, b"")}


class TestWindow:
    """A log is read along with the capture."""

    def test_long_log(self, tmp_path: Path, write_capture: Write, write_tx_log: Write) -> None:
        """Over hours of packets each bad frame is matched, and a few seconds are in memory."""
        step = SECOND // 4
        draw = np.random.default_rng(6)
        sent = [fcs.append(draw.bytes(60)) for _ in range(40_000)]
        log = write_tx_log(
            tmp_path / "run.tx.parquet",
            sent,
            times=range(START, START + len(sent) * step, step),
            group=5000,
        )
        # Nothing is bad for hours; then the times jump back a little, and on again.
        chosen = [0, 1, 3, 30_000, 30_001, 29_993, 30_003, 39_999]
        capture = write_capture(
            tmp_path / "run.pcapng",
            [fcs.flip(sent[i], [70, 90]) for i in chosen],
            times=[START + i * step for i in chosen],
        )
        assert [part for _, _, part in matched(capture, log).values()] == [sent[i] for i in chosen]
        most = 0
        with opened(log) as truth, CaptureReader(capture) as reader:
            for frames in reader:
                for row in range(len(frames)):
                    truth.match(frames, np.array([row]))
                    most = max(most, len(truth._window.packets.times))
        assert 0 < most <= 2 * 8192

    def test_empty_log(self, tmp_path: Path, write_tx_log: Write) -> None:
        """A log without packets is refused."""
        log = write_tx_log(tmp_path / "run.tx.parquet", [])
        with pytest.raises(MatchError, match="the tx log has no packets"), opened(log):
            pass

    def test_mixed_layers(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """A log that mixes layers is refused when the other layer is met."""
        good = udp_frame(bytes(50))
        capture = write_capture(tmp_path / "run.pcapng", [good, fcs.flip(good, [1])])
        log = write_tx_log(
            tmp_path / "run.tx.parquet", [good, bytes(50)], layers=["mpdu", "payload"]
        )
        with pytest.raises(MatchError, match=r"mixes layers \(mpdu, payload\)"):
            matched(capture, log)

    def test_unordered_log(
        self, tmp_path: Path, write_capture: Write, write_tx_log: Write, udp_frame: Frame
    ) -> None:
        """A log that is not in the order of time is refused: packets of it would be missed."""
        sent = [udp_frame(bytes([n] * 50)) for n in range(3)]
        capture = write_capture(tmp_path / "run.pcapng", [fcs.flip(sent[0], [1])])
        times = [START, START + 9 * SECOND, START + 8 * SECOND]
        log = write_tx_log(tmp_path / "run.tx.parquet", sent, times=times)
        with pytest.raises(FormatError, match=r"packet 2 .* wanted a tx log in the order of time"):
            matched(capture, log)

    def test_description(self, tmp_path: Path, write_tx_log: Write) -> None:
        """The truth says which log it is, and of what."""
        log = write_tx_log(tmp_path / "run.tx.parquet", [bytes(50)], layers="payload")
        with opened(log) as truth:
            assert truth.description == f"tx log {log} (payload)"
