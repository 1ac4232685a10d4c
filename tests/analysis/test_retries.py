"""Airtime of retransmissions that followed a right repair, counted in small captures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.analysis.analyze import analyze
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.truth import Truth
from wtrec.analysis.txlog_truth import TxLogTruth
from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import pattern, self_describing
from wtrec.datasets.txlog import TX
from wtrec.dot11 import airtime, fcs
from wtrec.replay.algorithm import Repairs
from wtrec.replay.engine import Contender, replay

Write = Callable[..., Path]
Frame = Callable[..., bytes]

IN_PAYLOAD = [8 * 70, 8 * 90 + 3]
IN_ADDRESS = [8 * 11 + 2]
SIZE = 100


class Scripted:
    """Answers what it is told to, by frame number; others are left alone."""

    name = "scripted"

    def __init__(self, script: dict[int, list[int]]) -> None:
        self.script = script

    def recover(self, frames: FrameBatch) -> Repairs:
        bad = frames.number[frames.fcs_status == FcsStatus.BAD].tolist()
        return Repairs.of([(number, self.script.get(number)) for number in bad])

    def finish(self) -> Repairs:
        return Repairs.none()


class Air:
    """A capture in the making: packets, sent as often as is said, with errors."""

    def __init__(self, udp_frame: Frame) -> None:
        self._udp_frame = udp_frame
        self.sent: list[bytes] = []
        self.packets: list[int] = []
        self.received: list[bytes] = []

    def send(self, packet: int, errors: list[int], *, retry: bool, zeros: bool = False) -> int:
        """Send a packet; the frame's number."""
        payload = bytes(SIZE) if zeros else self_describing(b"run key.", packet, SIZE)
        frame = self._udp_frame(payload, packet & 0xFFF, retry=retry)
        self.sent.append(frame)
        self.packets.append(packet)
        self.received.append(fcs.flip(frame, errors))
        return len(self.sent)


@pytest.fixture
def air(udp_frame: Frame) -> Air:
    """An empty one."""
    return Air(udp_frame)


@pytest.fixture
def seen(
    tmp_path: Path, write_capture: Write, write_tx_log: Write
) -> Callable[..., tuple[dict[str, Any], int]]:
    """What is measured if these frames are repaired so, and how many cannot be attributed."""

    def measure(
        air: Air, script: dict[int, list[int]], *, log: bool = True
    ) -> tuple[dict[str, Any], int]:
        capture = write_capture(tmp_path / "run.pcapng", air.received)
        results = tmp_path / "run.scripted.parquet"
        replay(capture, [Contender(Scripted(script), {}, results)])
        path = write_tx_log(tmp_path / "run.tx.parquet", air.sent, ids=air.packets)
        with TableFile(path, TX) as file:
            truth: Truth = TxLogTruth(file) if log else PayloadTruth(pattern("zeros"))
            found = analyze(capture, truth=truth, results=[results]).to_json()["throughput"]
        (group,) = found["groups"]
        return group["algorithms"][0]["measured"], found["unattributed"][0]["frames"]

    return measure


Seen = Callable[..., tuple[dict[str, Any], int]]


def test_each_retransmission_counts_once(air: Air, seen: Seen) -> None:
    """Three transmissions of a packet, two repaired: the two after the first were in vain."""
    first = air.send(0, IN_PAYLOAD, retry=False)
    second = air.send(0, IN_PAYLOAD + IN_ADDRESS, retry=True)
    air.send(0, [], retry=True)
    air.send(1, [], retry=False)
    each = airtime.ppdu_us(6.0, len(air.sent[0]))
    found, unattributed = seen(air, {first: IN_PAYLOAD, second: sorted(IN_ADDRESS + IN_PAYLOAD)})
    assert found == {
        "packets": 1,
        "nameless": 0,
        "retransmissions": 2,
        "airtime_us": 2 * each,
        "share": 0.5,
    }
    assert unattributed == 0


def test_only_right_repairs_save(air: Air, seen: Seen) -> None:
    """After a wrong repair, or none, retransmissions were needed."""
    first = air.send(0, IN_PAYLOAD, retry=False)
    air.send(0, [], retry=True)
    air.send(1, IN_PAYLOAD, retry=False)
    air.send(1, [], retry=True)
    found, _ = seen(air, {first: IN_PAYLOAD[:1]})
    assert (found["packets"], found["retransmissions"], found["airtime_us"]) == (0, 0, 0)


def test_other_packets_save_nothing(air: Air, seen: Seen) -> None:
    """Another sequence number, no Retry bit, or what came before: none of these is in vain."""
    air.send(0, [], retry=True)
    first = air.send(0, IN_PAYLOAD, retry=False)
    air.send(1, [], retry=True)
    air.send(0, [], retry=False)
    found, _ = seen(air, {first: IN_PAYLOAD})
    assert (found["packets"], found["retransmissions"]) == (1, 0)


def test_sequence_numbers_come_again(air: Air, seen: Seen) -> None:
    """4,096 packets later the same number is another packet's."""
    first = air.send(0, IN_PAYLOAD, retry=False)
    air.send(0, [], retry=True)
    for packet in range(1, 4096):
        air.send(packet, [], retry=False)
    air.send(0, [], retry=True)
    found, _ = seen(air, {first: IN_PAYLOAD})
    assert found["retransmissions"] == 1


def test_without_the_original_header(air: Air, seen: Seen) -> None:
    """A payload rule knows no header: it is that of the repaired frame, and as received after."""
    first = air.send(0, IN_ADDRESS + IN_PAYLOAD, retry=False, zeros=True)
    air.send(0, IN_PAYLOAD, retry=True, zeros=True)
    air.send(0, IN_ADDRESS + IN_PAYLOAD, retry=True, zeros=True)
    air.send(0, [], retry=True, zeros=True)
    found, unattributed = seen(air, {first: sorted(IN_ADDRESS + IN_PAYLOAD)}, log=False)
    assert (found["packets"], found["retransmissions"]) == (1, 2)
    assert unattributed == 1
