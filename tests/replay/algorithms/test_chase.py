"""chase: on planted clusters, on simulated links, on hopeless copies, and from the command line."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from wtrec import read_frames
from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy.link import Link
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.chase import Chase

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
MakeFrame = Callable[..., bytes]

WTREC = str(Path(sys.executable).with_name("wtrec"))


def planted(draw: random.Random, bits: int, events: int, copies: int) -> list[list[int]]:
    """Wrong bits of each copy: events at different places behind the header, in one copy each."""
    places = draw.sample(range(8, bits // 32), events)
    wrong: list[list[int]] = [[] for _ in range(copies)]
    for i, place in enumerate(places):
        span = [32 * place + bit for bit in range(12) if draw.random() < 0.5]
        wrong[i % copies] += span or [32 * place]
    return [sorted(flips) for flips in wrong]


def test_planted_events(copy_batch: Batch, data_frame: MakeFrame) -> None:
    """Both of a pair are repaired, and all combinations of clusters count as candidates."""
    draw = random.Random(1)
    for sequence in range(40):
        events = draw.randrange(2, 15)
        frames = [data_frame(sequence=sequence), data_frame(sequence=sequence, retry=True)]
        left, right = planted(draw, 2400 - 32, events, 2)
        batch = copy_batch([fcs.flip(frames[0], left), fcs.flip(frames[1], right)])
        repairs = Chase(gap=12).recover(batch)
        assert repairs.flips.tolist() == left + right
        assert repairs.candidates.tolist() == [1, 1]
        assert repairs.expected_false.tolist() == pytest.approx([2**events / 2**32] * 2, abs=4e-9)


def test_what_cannot_be_repaired(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """A common error, too many clusters, and equal copies are abstained on, with what was tried."""
    frame = data_frame()
    draw = random.Random(1)
    left, right = planted(draw, 2400 - 32, 21, 2)
    cases = [([300, 900], [300, 1500], 0), (left, right, -1), ([300], [300], -1)]
    for one, other, candidates in cases:
        algorithm = Chase(gap=12)
        assert (
            len(algorithm.recover(copy_batch([fcs.flip(frame, one), fcs.flip(frame, other)]))) == 0
        )
        repairs = algorithm.finish()
        assert claims(repairs) == {1: None, 2: None}
        assert repairs.candidates.tolist() == [candidates] * 2


def test_two_packets_that_both_fit(
    copy_batch: Batch, claims: Claims, data_frame: MakeFrame
) -> None:
    """Where a pair would be right in two ways, neither is claimed."""
    one = data_frame()
    two = fcs.append(fcs.flip(one[:-4], [800, 1200]))
    algorithm = Chase()
    algorithm.recover(copy_batch([fcs.flip(one, [500]), fcs.flip(two, [1600])]))
    repairs = algorithm.finish()
    assert claims(repairs) == {1: None, 2: None}
    assert repairs.candidates.tolist() == [2, 2]


def test_more_copies(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """Three with too many clusters for pairs are settled by the majority, and a choice of copies.

    One of the clusters is wrong in two of them, in different bits.
    """
    draw = random.Random(2)
    for sequence in range(10):
        frame = data_frame(sequence=sequence)
        wrong = planted(draw, 2300, 60, 3)
        wrong[0] += [2310, 2313]
        wrong[1] += [2313, 2316]
        received = [fcs.flip(frame, flips) for flips in wrong]
        repairs = Chase(gap=12).recover(copy_batch(received))
        assert claims(repairs) == dict(enumerate(wrong, 1))
        late = fcs.flip(frame, [77, 99])
        algorithm = Chase(gap=12)
        algorithm.recover(copy_batch(received))
        assert claims(algorithm.recover(copy_batch([late], first=4))) == {4: [77, 99]}


def test_two_against_one(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """Where two copies have the same error, the third makes a pair with either of them."""
    frame = data_frame()
    wrong = [[300, 305, 900], [300, 305, 1200], [1800]]
    algorithm = Chase()
    assert len(algorithm.recover(copy_batch([fcs.flip(frame, flips) for flips in wrong[:2]]))) == 0
    last = copy_batch([fcs.flip(frame, wrong[2])], first=3)
    assert claims(algorithm.recover(last)) == dict(enumerate(wrong, 1))


def test_hopeless_copies_are_accepted_as_often_as_expected(
    copy_batch: Batch, data_frame: MakeFrame
) -> None:
    """Of pairs with an error in common, as many are claimed as the number stored with them says."""
    draw = random.Random(3)
    pairs, events = 1500, 28
    frames = []
    for sequence in range(pairs):
        wrong = planted(draw, 2400 - 32, events, 2)
        frames += [fcs.flip(data_frame(sequence=sequence), [*flips, 2380]) for flips in wrong]
    times = np.repeat(np.arange(pairs) * 200, 2).tolist()
    algorithm = Chase(gap=12, max_clusters=32, gate=0.1)
    repairs = algorithm.recover(copy_batch(frames, times))
    claimed = np.count_nonzero(repairs.repaired) / 2
    share = 2**events / 2**32
    assert repairs.expected_false[repairs.repaired] == pytest.approx(share)
    expected = pairs * share * math.exp(-share)  # one solution and no more
    assert abs(claimed - expected) < 3 * math.sqrt(expected)


def test_noise_has_no_copies(copy_batch: Batch) -> None:
    """Random bytes are never taken for copies of each other."""
    draw = random.Random(4)
    algorithm = Chase(gate=1.0)
    algorithm.recover(copy_batch([draw.randbytes(40) for _ in range(1000)], [0] * 1000))
    repairs = algorithm.finish()
    assert not repairs.repaired.any()
    assert set(repairs.candidates.tolist()) == {-1}


@pytest.mark.parametrize(
    ("rate", "snr_db", "frames"),
    [
        (6, 0.0, 150),
        (9, 2.5, 200),
        (18, 5.5, 200),
        (24, 8.0, 200),
        (36, 11.5, 200),
        (54, 17.0, 200),
    ],
)
def test_link(
    rate: int,
    snr_db: float,
    frames: int,
    copy_batch: Batch,
    data_frame: MakeFrame,
    claims: Claims,
) -> None:
    """Of pairs that break in white noise where most frames do, 95 % are repaired, none wrongly.

    Choosing bit by bit among 16, as is usual, repairs far fewer.
    """
    sent = [data_frame(1500, sequence=i) for i in range(frames)]
    links = [Link(rate, snr_db=snr_db, seed=2, receiver=i) for i in range(2)]
    received = zip(sent, *(link.receive(sent) for link in links), strict=True)
    pairs = [(good, a, b) for good, a, b in received if good not in {a, b}]
    assert 0.2 * frames < len(pairs) < 0.85 * frames
    batch = copy_batch([copy for _, *copies in pairs for copy in copies])
    truth = [good for good, *_ in pairs for _ in range(2)]
    shares = []
    for algorithm in (Chase(), Chase(gap=1, max_clusters=16)):
        answers = claims(algorithm.recover(batch))
        fixed = [fcs.flip(batch.mpdu(n - 1), f) == truth[n - 1] for n, f in answers.items() if f]
        assert all(fixed)
        shares.append(sum(fixed) / len(truth))
    assert shares[0] >= 0.95
    assert shares[1] < 0.85


@pytest.mark.parametrize(
    "words", [["--copies", "2"], ["--retries", "2"]], ids=["receivers", "retransmissions"]
)
@pytest.mark.slow
def test_command_line(tmp_path: Path, words: list[str]) -> None:
    """Simulated, replayed, analyzed: of frames with a bad copy 90 % are repaired, none wrongly."""

    def wtrec(*arguments: str) -> str:
        done = subprocess.run(
            [WTREC, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    point = ["--rate", "36", "--snr", "11.5", "--frames", "100", "--length", "1500"]
    wtrec("simulate", "-w", "x.pcapng", *point, *words)
    wtrec("replay", "x.pcapng", "--algo", "chase")
    (score,) = json.loads(wtrec("analyze", "x.pcapng", "--format", "json"))["algorithms"]
    log = pyarrow.parquet.read_table(tmp_path / "x.tx.parquet").to_pylist()  # a row a frame
    received = pa.table(read_frames(tmp_path / "x.pcapng")).column("mpdu").to_pylist()
    bad = Counter(
        row["packet_id"] for row, mpdu in zip(log, received, strict=True) if row["original"] != mpdu
    )
    with_copies = sum(count for count in bad.values() if count > 1)
    assert with_copies > 60
    assert score["correct"] > 0.9 * with_copies
    assert score["wrong"] == 0
