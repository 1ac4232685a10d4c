"""majority: votes that are right, that are not, and that are tied."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from wtrec.datasets.frames import FrameBatch
from wtrec.dot11 import fcs
from wtrec.phy.link import Link
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms.majority import Majority

Batch = Callable[..., FrameBatch]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
MakeFrame = Callable[..., bytes]

WRONG = [[300, 304, 900], [301, 1200], [40, 1500, 1501], [303, 1900]]


def answers(batch: FrameBatch, claims: Claims) -> dict[int, list[int] | None]:
    """Of a whole capture."""
    algorithm = Majority()
    return claims(algorithm.recover(batch)) | claims(algorithm.finish())


def test_three(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """Whatever the errors are, if no bit is wrong in two; one candidate, whatever came first."""
    for order in itertools.permutations(range(3)):
        transmissions = [data_frame(retry=i > 0, duration=44 * i) for i in range(3)]
        received = [fcs.flip(transmissions[i], WRONG[i]) for i in order]
        repairs = Majority().recover(copy_batch(received))
        assert claims(repairs) == {1 + i: WRONG[copy] for i, copy in enumerate(order)}
        assert repairs.expected_false.max() < 1e-8


def test_two(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """Two have no majority, and nothing is tried."""
    algorithm = Majority()
    algorithm.recover(copy_batch([fcs.flip(data_frame(), flips) for flips in WRONG[:2]]))
    repairs = algorithm.finish()
    assert claims(repairs) == {1: None, 2: None}
    assert repairs.candidates.tolist() == [-1, -1]


def test_two_wrong_against_one(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """A bit that is wrong in two of three is outvoted: abstained."""
    received = [fcs.flip(data_frame(), flips) for flips in ([300, 900], [300], [1500])]
    assert answers(copy_batch(received), claims) == {1: None, 2: None, 3: None}


def test_ties(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """Of four, bits that are wrong in two are settled by the FCS, each cluster for itself."""
    wrong = [[300, 304, 900], [300, 304, 1501], [900, 1500], [40]]
    received = [fcs.flip(data_frame(), flips) for flips in wrong]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        batch = copy_batch([received[i] for i in order])
        assert answers(batch, claims) == {1 + i: wrong[copy] for i, copy in enumerate(order)}


def test_a_later_copy(copy_batch: Batch, data_frame: MakeFrame, claims: Claims) -> None:
    """What three could not settle, five do; and one that comes after that has its answer."""
    wrong = [[300, 900], [300, 1200], [1500], [40], [1900], [44, 900]]
    received = [fcs.flip(data_frame(), flips) for flips in wrong]
    assert answers(copy_batch(received), claims) == dict(enumerate(wrong, 1))


@pytest.mark.parametrize(("rate", "snr_db"), [(6, 0.0), (36, 11.5)])
def test_link(
    rate: int, snr_db: float, copy_batch: Batch, data_frame: MakeFrame, claims: Claims
) -> None:
    """Of triples that break in white noise where most do, 90 % are repaired, none wrongly."""
    sent = [data_frame(1500, sequence=i) for i in range(200)]
    links = [Link(rate, snr_db=snr_db, seed=2, receiver=i) for i in range(3)]
    received = zip(sent, *(link.receive(sent) for link in links), strict=True)
    triples = [(good, copies) for good, *copies in received if good not in copies]
    batch = copy_batch([copy for _, copies in triples for copy in copies])
    truth = [good for good, _ in triples for _ in range(3)]
    found = claims(Majority().recover(batch))
    fixed = [
        fcs.flip(batch.mpdu(n - 1), flips) == truth[n - 1] for n, flips in found.items() if flips
    ]
    assert len(triples) > 20
    assert all(fixed)
    assert len(fixed) >= 0.9 * len(truth)
