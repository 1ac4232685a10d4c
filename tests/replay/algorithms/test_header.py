"""header: repairs from known headers against a search over all of them with the CRC of zlib."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from wtrec.datasets.frames import FcsStatus, FrameBatch
from wtrec.dot11 import fcs, mac
from wtrec.replay.algorithm import Repairs
from wtrec.replay.algorithms import header, header_kernel
from wtrec.replay.algorithms.candidates import Bad, Candidates
from wtrec.replay.algorithms.header import Header, KnownHeaders
from wtrec.replay.choice import make

Batch = Callable[..., FrameBatch]
BadFrames = Callable[[Sequence[bytes]], Bad]
Claims = Callable[[Repairs], dict[int, list[int] | None]]
Listed = Callable[[Candidates], list[tuple[int, int, tuple[int, ...]]]]
UdpFrame = Callable[..., bytes]

LLC_SNAP = bytes.fromhex("aaaa030000000800")
RETRY = 11
QOS = 0x0088
PLAIN = 0x0008
BEACON = 0x0080


def frame(control: int, number: int, draw: random.Random, body: int = 40) -> bytes:
    """A frame of this kind, from a station of this number."""
    length = mac.header_length(control)
    start = control.to_bytes(2, "little") + b"\x2c\x00" + number.to_bytes(6, "little") * 3
    sequence = draw.randbytes(length - 22)
    data = control & 0x0C == 8
    return fcs.append(start + sequence + (LLC_SNAP if data else b"") + draw.randbytes(body))


def forms(control: int) -> list[list[int]]:
    """The bits of a header that are kept, by form: up to the sequence control, and all of it."""
    fixed = [bit for bit in range(8 * 22) if bit != RETRY]
    if control & 0x0C != 8 or control & 0x4040 or control & 0x0300 == 0x0300:
        return [fixed]
    body = 24 + 2 * bool(control & 0x80)
    return [fixed, fixed + list(range(8 * body, 8 * (body + 8)))]


def plain(known: Sequence[bytes], bad: bytes) -> set[tuple[int, ...]]:
    """The flips that give a frame the header of a known one, with Retry or without, and its FCS."""
    found = set()
    for good in known:
        for places in forms(int.from_bytes(good[:2], "little")):
            if max(places) >= 8 * (len(bad) - 4):
                continue
            differ = [b for b in places if (good[b // 8] ^ bad[b // 8]) >> b % 8 & 1]
            for flips in (differ, sorted([*differ, RETRY])):
                if fcs.syndrome(fcs.flip(bad, flips)) == 0:
                    found.add(tuple(flips))
    return found


def learnt(known: Sequence[bytes], bad_batch: Batch) -> KnownHeaders:
    """Headers of these intact frames, numbered from 1."""
    headers = KnownHeaders()
    headers.learn(bad_batch(known, status=[FcsStatus.GOOD] * len(known)))
    return headers


@pytest.mark.parametrize("retry", [False, True])
@pytest.mark.parametrize("control", [PLAIN, QOS, BEACON, 0x0108, 0x4188, 0x0388, 0x0048])
def test_any_damage(control: int, retry: bool, bad_batch: Batch, listed: Listed) -> None:
    """Whatever is wrong in the part that is kept, and Retry with it, is put right; nothing else is.

    Frames are compared with a plain search, half of them damaged elsewhere.
    """
    draw = random.Random(control)
    known = [frame(control, number, draw) for number in range(10)]
    places = forms(control)[-1]
    received = []
    for i in range(160):
        sent = frame(control, draw.randrange(10), draw, draw.randrange(60))
        if retry:
            sent = fcs.append(fcs.flip(sent[:-4], [RETRY]))
        flips = set(draw.sample(places, draw.randrange(1, len(places) // 2)))
        if i % 2:
            flips ^= {draw.randrange(8 * 22, 8 * len(sent))}
        if i % 3:
            flips ^= {RETRY}
        received.append(fcs.flip(sent, flips))
    headers = learnt(known, bad_batch)
    bad = Bad.of(bad_batch(received, first=11))
    found = listed(headers.find(bad, np.ones(160, np.int64)))
    expected = [plain(known, mpdu) for mpdu in received]
    assert found == sorted((row, 1, flips) for row, every in enumerate(expected) for flips in every)
    assert all(expected[::2])
    assert sum(map(bool, expected[1::2])) < 40  # behind the sequence control, maybe in LLC/SNAP


def test_random_frames(bad_batch: Batch, listed: Listed) -> None:
    """Among frames of any bytes and length there is nothing to find, and nothing found."""
    draw = random.Random(1)
    known = [frame(control, i, draw) for control in (PLAIN, QOS, BEACON) for i in range(5)]
    received = [draw.randbytes(length) for length in range(4, 80) for _ in range(5)]
    bad = Bad.of(bad_batch(received, first=100))
    found = listed(learnt(known, bad_batch).find(bad, np.ones(len(bad), np.int64)))
    assert found == [
        (row, 1, flips) for row, mpdu in enumerate(received) for flips in plain(known, mpdu)
    ]


@pytest.mark.parametrize("length", [22, 23, 24, 31, 32, 33, 34, 60])
def test_short_frames(length: int, bad_batch: Batch, listed: Listed) -> None:
    """A header is looked for where there is room for it and an FCS."""
    draw = random.Random(length)
    known = [frame(PLAIN, 1, draw, 60), frame(QOS, 2, draw, 60), frame(BEACON, 3, draw, 60)]
    received = [fcs.flip(fcs.append(good[:length]), [40, 50]) for good in known]
    bad = Bad.of(bad_batch(received, first=10))
    found = listed(learnt(known, bad_batch).find(bad, np.ones(3, np.int64)))
    assert found == [(row, 1, (40, 50)) for row in range(3)]


def test_what_is_not_learnt(bad_batch: Batch) -> None:
    """Control frames, and frames that are shorter than a header, teach nothing."""
    draw = random.Random(1)
    ack = fcs.append(b"\xd4\x00" + draw.randbytes(40))
    assert learnt([ack, fcs.append(bytes(21))], bad_batch).expected(Bad.blank())[0, 1] == 0
    protected = frame(0x4008, 1, draw)
    several = learnt([protected, frame(PLAIN, 1, draw)], bad_batch)
    later = Bad.of(bad_batch([bytes(50)], first=9))
    assert several.expected(later)[0, 1] == 2 * 3 / 2**32  # one form, and two


class TestOrder:
    """Only intact frames before a bad one help it."""

    def test_numbers(self, bad_batch: Batch, claims: Claims) -> None:
        """The same header is known after its frame, and not before, also within a batch."""
        draw = random.Random(1)
        good = frame(PLAIN, 1, draw)
        bad = fcs.flip(frame(PLAIN, 1, draw), [33, 66, 99, 101, 140])
        status = [FcsStatus.BAD, FcsStatus.GOOD, FcsStatus.BAD]
        batch = bad_batch([bad, good, bad], status=status)
        repairs = Header(checks="none").recover(batch)
        assert claims(repairs) == {1: None, 3: [33, 66, 99, 101, 140]}
        assert repairs.expected_false[1] == 2 * 2 / 2**32
        assert repairs.candidates.tolist() == [-1, 1]

    def test_another_before(self, bad_batch: Batch, claims: Claims) -> None:
        """Nor does it help that other headers are known already."""
        draw = random.Random(1)
        one, other = frame(PLAIN, 1, draw), frame(PLAIN, 2, draw)
        bad = fcs.flip(frame(PLAIN, 2, draw), [33, 66, 99])
        status = [FcsStatus.GOOD, FcsStatus.BAD, FcsStatus.GOOD, FcsStatus.BAD]
        batch = bad_batch([one, bad, other, bad], status=status)
        repairs = Header(checks="none").recover(batch)
        assert claims(repairs) == {2: None, 4: [33, 66, 99]}
        assert repairs.candidates.tolist() == [0, 1]

    def test_full(self, bad_batch: Batch, claims: Claims, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first headers are kept when there are too many, however they come in batches."""
        monkeypatch.setattr(header, "MOST", 10)
        draw = random.Random(1)
        known = [frame(PLAIN, number, draw) for number in range(30)]
        received = [fcs.flip(frame(PLAIN, n, draw), [33, 66, 100, 140]) for n in range(30)]
        status = [FcsStatus.GOOD] * 30 + [FcsStatus.BAD] * 30
        batch = bad_batch(known + received, status=status)
        answers = claims(Header(checks="none").recover(batch))
        assert [answers[31 + i] is not None for i in range(30)] == [True] * 10 + [False] * 20
        parts = Header(checks="none")
        later: dict[int, list[int] | None] = {}
        for at in range(60):
            later |= claims(parts.recover(batch.slice(at, 1)))
        assert later == answers


def test_chance(bad_batch: Batch) -> None:
    """Frames of any damage are repaired as often as is expected: 2 K / 2^32 with K headers.

    That is too seldom to be seen, so CRCs are counted instead: what a header would have to have
    is any number alike, for both values of Retry, and each of those numbers is looked up among K.
    """
    draw = random.Random(1)
    known = [frame(PLAIN, number, draw) for number in range(100)]
    headers = learnt(known, bad_batch)
    received = [draw.randbytes(100) for _ in range(20_000)]
    bad = Bad.of(bad_batch(received, first=1000))
    wanted = []
    for form, length in enumerate(header_kernel.LENGTHS):
        shifts = np.full(len(bad), header._shift(100 - length - 4), np.uint32)
        keys = np.empty(len(bad), np.int64)
        for retry in (0, 1):
            header_kernel.wanted_keys(
                bad.data, bad.offsets, bad.rows, form, length, retry, shifts, keys
            )
            wanted.append(keys.copy())
    # Of these, as many as there are would be among any 2^22 that share their upper bits.
    for keys in wanted:
        number = np.count_nonzero(keys >> 22 == 5)
        expected = len(bad) / 1024
        assert abs(number - expected) < 4 * math.sqrt(expected)
    assert (wanted[0] != wanted[1]).all()
    assert headers.expected(bad)[:, 1].tolist() == [2 * 200 / 2**32] * len(bad)


def test_udp_frames(udp_frame: UdpFrame, bad_batch: Batch, claims: Claims) -> None:
    """With second checks, too: a UDP frame with any header damage is repaired, its LLC included."""
    draw = random.Random(1)
    good = [udp_frame(draw.randbytes(100), i) for i in range(50)]
    places = [bit for bit in range(8 * 32) if not 8 * 22 <= bit < 8 * 24]
    flips = [sorted(draw.sample(places, draw.randrange(1, 60))) for _ in range(50)]
    received = [fcs.flip(g, f) for g, f in zip(good, flips, strict=True)]
    status = [FcsStatus.GOOD, *[FcsStatus.BAD] * 50]
    answers = claims(Header().recover(bad_batch([udp_frame(b""), *received], status=status)))
    assert answers == dict(enumerate(flips, 2))


def test_parameters() -> None:
    """A gate of 0.01 and all checks."""
    algorithm, parameters = make("header")
    assert isinstance(algorithm, Header)
    assert parameters == {"gate": 0.01, "checks": "llc+ip+transport+known"}
