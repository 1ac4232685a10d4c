"""How fast the searches are: frames a second of one core, beside plain numpy and brute force.

Times are those that the one thread has had of the processor, so that other work on the machine
counts little; the best of three.
"""

from __future__ import annotations

import functools
import itertools
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wtrec.dot11 import fcs, mac
from wtrec.phy import error_events
from wtrec.phy.error_events import Code
from wtrec.phy.ofdm import MODES, SERVICE
from wtrec.recorder.simulate import HEADERS_LENGTH
from wtrec.replay.algorithms.candidates import Bad
from wtrec.replay.algorithms.crc_event import LOOKUPS, ladder
from wtrec.replay.algorithms.shapes import Singles
from wtrec.replay.choice import make

from .documents import put, table
from .points import batch

BYTES = 1500
PAYLOAD = BYTES - HEADERS_LENGTH  # of UDP datagrams
SHORT = 100  # for brute force
TWO_FLIPS = "crc-flip:max_flips=2,gate=1000,checks=none"  # a gate that is always open
THREE_FLIPS = "crc-flip:gate=1000,checks=none"
GATE = 0.01  # of EVENTS
EVENTS = "crc-event:checks=none"
RATES = (12, 24, 48, 54)


@dataclass(frozen=True, slots=True)
class Speed:
    """What one search took.

    Attributes:
        algorithm: As the user would name it, or what the rival does.
        frames: What frames they were.
        seconds: For each frame.
        rival_of: Row of the algorithm that does the same, of the same frames; empty for ours.
    """

    algorithm: str
    frames: str
    seconds: float
    rival_of: str = ""


@dataclass(frozen=True, slots=True)
class Speeds:
    """What came out, and whether this was a whole run."""

    rows: list[Speed]
    whole: bool


def run(quick: bool) -> Speeds:
    """Measure; ``quick`` takes a tenth of the frames."""
    many, some, few = (200, 20, 2) if quick else (2000, 200, 10)
    noise = _noise(many, BYTES)
    short = _noise(some, SHORT)
    intact = _datagrams(some)
    damaged = _damaged(intact)
    rows = [
        _ours(TWO_FLIPS, "random", noise, 54),
        _ours(TWO_FLIPS, "two flips", _flipped(many, 2), 54),
        _ours(THREE_FLIPS, "random", noise[:few], 54),
        _ours(THREE_FLIPS, "three flips", _flipped(few, 3), 54),
        *(_ours(EVENTS, f"random, {rate} Mbit/s", noise, rate) for rate in RATES),
        *(_ours("crc-event", f"UDP, {rate} Mbit/s", damaged[:few], rate) for rate in RATES),
        _ours("crc-event:lookups=0", "UDP, 54 Mbit/s", damaged, 54),
        _ours("crc-burst:checks=none", "random", noise, 54),
        _ours("crc-burst", "UDP", damaged, 54),
        _ours("crc-dsss:checks=none", "random, 1 Mbit/s", noise, 1),
        _ours("crc-dsss", "UDP, 1 Mbit/s", damaged[:few], 1),
        _ours("crc-seed", "random", noise, 54),
        _ours("header", "UDP, behind an intact one", [intact[0], *damaged], 54),
        _ours("auto", "UDP, 54 Mbit/s", damaged[:few], 54),
        _ours(TWO_FLIPS, f"random, {SHORT} bytes", short, 54),
    ]
    rivals = [
        ("two flips, numpy", TWO_FLIPS, "random", _two_flips(BYTES), noise[:some]),
        *(
            (f"events, numpy, {rate}", EVENTS, f"random, {rate} Mbit/s", _events(rate), noise[:few])
            for rate in RATES
        ),
        (
            "two flips, each pair in turn, numpy",
            TWO_FLIPS,
            f"random, {SHORT} bytes",
            _every_pair(SHORT),
            short[:some],
        ),
        (
            "two flips, each pair in turn, Python",
            TWO_FLIPS,
            f"random, {SHORT} bytes",
            _each_pair(SHORT),
            short[:few],
        ),
    ]
    for name, ours, frames, search, mpdus in rivals:
        syndromes = [fcs.syndrome(mpdu) for mpdu in mpdus]
        seconds = _best(functools.partial(_search_all, search, syndromes))
        rows.append(Speed(name, frames, seconds / len(mpdus), ours))
    return Speeds(rows, whole=not quick)


def _noise(number: int, length: int) -> list[bytes]:
    draw = random.Random(1)
    return [draw.randbytes(length) for _ in range(number)]


def _flipped(number: int, flips: int) -> list[bytes]:
    """Frames of random bytes with a right FCS, then so many wrong bits."""
    draw = random.Random(2)
    frames = [fcs.append(draw.randbytes(BYTES - fcs.LENGTH)) for _ in range(number)]
    return [fcs.flip(frame, draw.sample(range(8 * BYTES), flips)) for frame in frames]


def _datagrams(number: int) -> list[bytes]:
    """UDP datagrams from one station to another."""
    draw = random.Random(3)
    address = bytes.fromhex("020000000001")
    packets = [
        mac.udp_datagram("192.0.2.1", "192.0.2.2", 5005, 5005, draw.randbytes(PAYLOAD))
        for _ in range(number)
    ]
    return [
        fcs.append(mac.data_frame(packet, addr1=address, addr2=address, addr3=address))
        for packet in packets
    ]


def _damaged(mpdus: list[bytes]) -> list[bytes]:
    """The same with a hundred wrong bits in the payload: everything is searched for."""
    draw = random.Random(4)
    bits = range(8 * (BYTES - fcs.LENGTH - PAYLOAD), 8 * (BYTES - fcs.LENGTH))
    return [fcs.flip(mpdu, draw.sample(bits, 100)) for mpdu in mpdus]


def _ours(choice: str, title: str, mpdus: list[bytes], rate: float) -> Speed:
    algorithm, _ = make(choice)
    frames = batch(mpdus, rate)
    algorithm.recover(frames)  # makes its tables
    return Speed(choice, title, _best(lambda: algorithm.recover(frames)) / len(mpdus))


def _best(job: Callable[[], object]) -> float:
    times = []
    for _ in range(3):
        started = time.thread_time()
        job()
        times.append(time.thread_time() - started)
    return min(times)


def _search_all(search: Callable[[int], object], syndromes: list[int]) -> None:
    for syndrome in syndromes:
        search(syndrome)


def _two_flips(length: int) -> Callable[[int], object]:
    """Which effects of a bit, summed with the syndrome, are effects of a bit: a sorted list."""
    effects = np.sort(fcs.bit_syndromes(8 * length))

    def search(syndrome: int) -> object:
        return np.intersect1d(effects, effects ^ np.uint32(syndrome), assume_unique=True)

    return search


def _every_pair(length: int) -> Callable[[int], object]:
    """Each effect of a bit with all later ones, by numpy."""
    effects = fcs.bit_syndromes(8 * length)

    def search(syndrome: int) -> object:
        rests = effects ^ np.uint32(syndrome)
        return [np.flatnonzero(effects[i + 1 :] == rest) for i, rest in enumerate(rests)]

    return search


def _each_pair(length: int) -> Callable[[int], object]:
    """Each pair of effects, by Python."""
    effects = fcs.bit_syndromes(8 * length).tolist()

    def search(syndrome: int) -> object:
        return [
            pair for pair in itertools.combinations(effects, 2) if pair[0] ^ pair[1] == syndrome
        ]

    return search


def _events(rate: int) -> Callable[[int], object]:
    """The syndrome divided by each power of x, looked up in sorted lists of events' syndromes."""
    bits = 8 * BYTES
    code = _code(rate)
    period = code.period
    expected = Singles(ladder(code), SERVICE).expected(Bad.blank(BYTES))[0]
    events = error_events.events(code, int(np.flatnonzero(expected <= GATE)[-1]))
    syndromes = _syndromes(events.masks)
    quotients = _quotients(bits)
    lists = []  # the bits behind an event of each phase, and the syndromes of these
    for phase in range(period):
        behind = slice((SERVICE + bits - 1 - phase) % period, None, period)
        lists.append((behind, np.sort(syndromes[events.phases == phase])))

    def search(syndrome: int) -> object:
        divided = np.zeros(bits, np.uint32)
        for bit in range(32):
            if syndrome >> bit & 1:
                divided ^= quotients[bit]
        found = []
        for behind, known in lists:
            wanted = divided[behind]
            at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            found += (np.flatnonzero(known[at] == wanted) * period + behind.start).tolist()
        return found

    return search


def _code(rate: int) -> Code:
    mode = MODES[rate]
    return Code.of(mode.code_rate, max(1, mode.bits_per_subcarrier // 2))


def _syndromes(masks: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """With the last wrong bit at a frame's end."""
    width = 64 * masks.shape[1]
    effects = fcs.bit_syndromes(width)  # bit k of a mask is k bits before the end, as index k here
    syndromes = np.zeros(len(masks), np.uint32)
    for k in range(width):
        wrong = (masks[:, k // 64] >> np.uint64(k % 64) & np.uint64(1)).astype(np.uint32)
        syndromes ^= wrong * effects[k]
    return syndromes


def _quotients(bits: int) -> NDArray[np.uint32]:
    """Shape (32, bits): what each bit of a syndrome becomes, divided by x to the power of m."""
    quotients = np.zeros((32, bits), np.uint32)
    now = np.uint32(1) << np.arange(32, dtype=np.uint32)
    for m in range(bits):
        quotients[:, m] = now
        odd = now >> np.uint32(31)
        now = (now ^ odd * np.uint32(fcs.POLYNOMIAL)) << np.uint32(1) | odd
    return quotients


def report(speeds: Speeds) -> None:
    """Print the tables; put those of a whole run into docs/algorithms.md."""
    ours = {(row.algorithm, row.frames): row for row in speeds.rows if not row.rival_of}
    rows = [
        [f"`{row.algorithm}`", row.frames, f"{1 / row.seconds:,.0f}", f"{1e3 * row.seconds:,.3g}"]
        for row in ours.values()
    ]
    text = table(["one core", "frames", "frames/s", "ms a frame"], rows)
    rows = []
    for row in speeds.rows:
        if row.rival_of:
            other = ours[row.rival_of, row.frames]
            rows.append(
                [
                    row.algorithm,
                    row.frames,
                    f"{1e3 * row.seconds:,.3g}",
                    f"{1e3 * other.seconds:,.3g}",
                    f"{row.seconds / other.seconds:,.0f}",
                ]
            )
    text += "\n" + table(["the same search, otherwise", "frames", "ms", "here, ms", "ratio"], rows)
    text += "\n" + _lookups()
    print(text)
    if speeds.whole:
        put("algorithms.md", "recovery_speed.py", text)


def _lookups() -> str:
    """How many places `crc-event` tries at most for the lighter of two events, by rate."""
    rows = []
    for rate in RATES:
        code = _code(rate)
        most = error_events.HEAVIEST[code]
        by_weight = error_events.spectrum(code, most).mean(axis=0).cumsum()
        for length in (300, BYTES):
            places = 8 * length * by_weight
            heaviest = int(np.flatnonzero(places <= LOOKUPS)[-1])
            rows.append(
                [
                    str(rate),
                    f"{length:,}",
                    str(heaviest),
                    f"{places[heaviest] / 1e6:.2f}",
                ]
            )
    return table(["pairs, Mbit/s", "bytes", "lighter event up to", "million places"], rows)


if __name__ == "__main__":
    report(run("--quick" in sys.argv))
