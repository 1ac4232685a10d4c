"""Relays that leave a stale FCS: told from bit errors, which they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from wtrec.analysis.analyze import Analysis, analyze
from wtrec.analysis.payload_truth import PayloadTruth
from wtrec.analysis.rewritten import REPEATS
from wtrec.analysis.siblings import SiblingsTruth
from wtrec.analysis.truth import Outcome, Truth
from wtrec.analysis.txlog_truth import TxLogTruth
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import pattern
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs, mac

Write = Callable[..., Path]

STATION, ACCESS_POINT, OTHER = (bytes.fromhex(f"02004b1c5{n}e7") for n in "13a")
RULE = pattern("ramp")
SIZE = 90
PAYLOAD = slice(60, 60 + SIZE)
SOURCES = ["mpdu log", "payload log", "rule", "siblings"]


def frame(number: int, *, relayed: bool = False) -> bytes:
    """A packet of the ramp; the access point counts on its own."""
    packet = mac.udp_datagram("192.0.2.1", "192.0.2.2", 5005, 5005, RULE.fill(SIZE), number)
    one, two, three = (OTHER, ACCESS_POINT, STATION) if relayed else (ACCESS_POINT, STATION, OTHER)
    return fcs.append(
        mac.data_frame(
            packet,
            addr1=one,
            addr2=two,
            addr3=three,
            to_ds=not relayed,
            from_ds=relayed,
            sequence=number + 900 * relayed,
        )
    )


def stale(number: int) -> bytes:
    """The relayed frame, with the FCS that the packet had on its first hop."""
    return frame(number, relayed=True)[:-4] + frame(number)[-4:]


@contextmanager
def opened(source: str, capture: Path, sent: list[bytes], write_tx_log: Write) -> Iterator[Truth]:
    """One of the sources of truth."""
    if source == "rule":
        yield PayloadTruth(RULE)
    elif source == "siblings":
        with SiblingsTruth(capture) as truth:
            yield truth
    else:
        layer = source.removesuffix(" log")
        originals = sent if layer == "mpdu" else [mpdu[PAYLOAD] for mpdu in sent]
        log = write_tx_log(
            capture.with_suffix(".tx.parquet"), originals, layers=layer, payload="ramp"
        )
        with TableFile(log, TX) as file:
            yield TxLogTruth(file)


@pytest.fixture(params=SOURCES)
def run(
    request: pytest.FixtureRequest, tmp_path: Path, write_capture: Write, write_tx_log: Write
) -> Callable[[list[bytes]], Analysis]:
    """Analyses these frames, of packets 0 to 39, with each source of truth."""

    def analysis(frames: list[bytes]) -> Analysis:
        capture = write_capture(tmp_path / "run.pcapng", frames)
        sent = [frame(n) for n in range(40)]
        with opened(request.param, capture, sent, write_tx_log) as truth:
            return analyze(capture, truth=truth, by=[])

    return analysis


Run = Callable[[list[bytes]], Analysis]


def test_a_relay(run: Run) -> None:
    """Every relayed copy is rewritten: no bad frame, no bit error; real errors are counted."""
    frames = []
    for n in range(40):
        frames += [frame(n), stale(n)]
    clean = run(frames)
    assert clean.matching == {Outcome.REWRITTEN: 40}
    (group,) = clean.groups
    assert (group.frames, group.good, group.bad, group.rewritten) == (80, 40, 0, 40)
    assert (group.bit_errors, group.ber_bad, group.share_bad) == (0, None, 0.0)
    assert clean.warnings == []
    throughput = clean.to_json()["throughput"]
    assert throughput["rewritten"] == 40
    assert [(row["frames"], row["bad"]) for row in throughput["groups"]] == [(40, 0)]
    errors = [560, 561, 700]  # in the payload
    mixed = run([*frames, fcs.flip(frame(7), errors), fcs.flip(frame(9), errors)])
    assert mixed.matching == {Outcome.REWRITTEN: 40, Outcome.MATCHED: 2}
    (group,) = mixed.groups
    assert (group.bad, group.judged, group.bit_errors) == (2, 2, 6)


def test_intact_relays_make_a_header_known(run: Run) -> None:
    """One stale copy is enough where the relay's other frames are intact."""
    frames = [frame(n) for n in range(20)] + [frame(n, relayed=True) for n in range(20)]
    assert run([*frames, stale(12)]).matching == {Outcome.REWRITTEN: 1}


def test_errors_in_the_header_are_errors(run: Run) -> None:
    """An intact body behind a damaged header is a bit error, however often that happens."""
    draw = np.random.default_rng(1)
    frames = [frame(n) for n in range(40)]
    for n in range(20):
        noise = bytearray(frame(n))
        noise[4:22] = draw.bytes(18)
        frames.append(bytes(noise))
    matching = run(frames).matching
    assert matching == {Outcome.MATCHED: 20}


def test_few_of_a_kind(run: Run) -> None:
    """Addresses that only one or two bad frames have are no proof."""
    frames = [frame(n) for n in range(40)]
    few = run(frames + [stale(n) for n in range(REPEATS - 1)])
    assert few.matching[Outcome.REWRITTEN] == 0
    enough = run(frames + [stale(n) for n in range(REPEATS)])
    assert enough.matching == {Outcome.REWRITTEN: REPEATS}


def test_a_fresh_error_in_a_stale_frame(run: Run) -> None:
    """A rewritten frame whose payload was hit as well is not called rewritten."""
    frames = [frame(n) for n in range(40)] + [stale(n) for n in range(10)]
    matching = run([*frames, fcs.flip(stale(12), [600, 777])]).matching
    assert matching[Outcome.REWRITTEN] == 10
