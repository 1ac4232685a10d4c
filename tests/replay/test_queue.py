"""The queue against a plain simulation, and against queueing theory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.clock import NS
from wtrec.datasets.frames import FrameBatch
from wtrec.dot11.deadlines import Deadline
from wtrec.replay.figures import Figures
from wtrec.replay.pacing import FramesPerSecond, Pace, RecordedTime, TopSpeed
from wtrec.replay.queue import Occupancy, Overrun, Queue, Service, Take

from .fake import FakeClock, poisson_ns

US = 1000


@dataclass
class Served:
    """What became of frames: in the order in which their turn came."""

    arrival: list[int] = field(default_factory=list)
    turn: list[int] = field(default_factory=list)
    dropped: list[bool] = field(default_factory=list)
    found: list[int] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    figures: Figures = field(default_factory=Figures)


def serve(
    pace: Pace,
    service: Service,
    elapsed: list[int],
    took: Callable[[int, int], int],
    pieces: int = 1,
) -> Served:
    """Run frames through the queue; ``took(first frame, frames)`` is the time of a call."""
    clock = FakeClock(123)
    queue, departures = Queue(pace, service, clock.clock, 0), Occupancy()
    served = Served()
    done = 0
    for part in np.array_split(np.array(elapsed, np.int64), pieces):
        frames = FrameBatch(pa.record_batch({"original_length": pa.array([100] * len(part))}))
        for take in queue.takes(frames, part):
            assert (take.begin + done, take.now) == (len(served.turn), clock.time)
            _count(served, take, departures, clock, took)
        done += len(part)
    served.figures.count()
    return served


def _count(
    served: Served,
    take: Take,
    departures: Occupancy,
    clock: FakeClock,
    took: Callable[[int, int], int],
) -> None:
    count = take.end - take.begin
    arrival = take.due if take.due is not None else np.full(count, take.now)
    found = departures.found(arrival)
    first = len(served.turn)
    served.arrival += (arrival - 123).tolist()
    served.turn += [clock.time - 123] * count
    served.dropped += [take.dropped] * count
    served.found += found.tolist()
    if take.dropped:
        served.figures.drop(take.now - arrival, found)
    else:
        served.batches.append(count)
        time = took(first, count)
        clock.time += time
        waited = None if take.due is None else take.now - arrival
        served.figures.serve(count, waited, found, time)
    departures.end(clock.time)


def plain(
    arrival: list[int], batch: int, patience: int | None, took: Callable[[int, int], int]
) -> tuple[list[int], list[bool]]:
    """The rules, frame by frame: when the turn of each comes, and whether it is dropped."""
    turn: list[int] = []
    dropped: list[bool] = []
    free = 0
    at = 0
    while at < len(arrival):
        now = max(free, arrival[at])
        if patience is not None and now - arrival[at] > patience:
            turn.append(now)
            dropped.append(True)
            at += 1
            continue
        count = 0
        while at + count < len(arrival) and arrival[at + count] <= now and count < batch:
            count += 1
        turn += [now] * count
        dropped += [False] * count
        free = now + took(at, count)
        at += count
    return turn, dropped


class TestRules:
    """Whose turn it is."""

    @settings(max_examples=150)
    @given(
        st.lists(st.integers(0, 50), min_size=1, max_size=60),
        st.lists(st.integers(0, 200), min_size=1, max_size=8),
        st.integers(1, 7),
        st.none() | st.integers(0, 150),
    )
    def test_against_a_plain_simulation(
        self, gaps: list[int], times: list[int], batch: int, patience: int | None
    ) -> None:
        """Every frame has its turn once, in order, never before it is due, and when it should."""

        def took(first: int, count: int) -> int:
            return times[first % len(times)] + 3 * count

        arrival = np.cumsum([0, *gaps]).tolist()
        overrun = Overrun.WAIT if patience is None else Overrun.DROP
        # A deadline is more than 0; half a nanosecond is none of them.
        deadline = None if patience is None else Deadline("x", max(patience, 0.4) / US)
        service = Service(batch, deadline, overrun)
        served = serve(RecordedTime(1), service, arrival, took)
        turn, dropped = plain(arrival, batch, patience, took)
        assert served.arrival == arrival
        assert (served.turn, served.dropped) == (turn, dropped)
        assert max(served.batches) <= batch
        gone = [
            when if late else when + took(_first(turn, dropped, i), _size(turn, dropped, i))
            for i, (when, late) in enumerate(zip(turn, dropped, strict=True))
        ]
        assert served.found == [
            sum(when > arrival[i] for when in gone[:i]) for i in range(len(arrival))
        ]

    def test_top_speed(self) -> None:
        """Frames come when they are taken, as many as a call may have."""
        served = serve(TopSpeed(), Service(64), [0] * 150, lambda _first, _count: 5 * US)
        assert served.batches == [64, 64, 22]
        assert served.figures.wait.count == 0
        assert serve(TopSpeed(), Service(), [0] * 150, lambda _f, _c: 1).batches == [150]

    def test_one_at_a_time_at_a_pace(self) -> None:
        """Unless a batch is asked for."""
        served = serve(FramesPerSecond(1e6), Service(), [0] * 50, lambda _f, _c: 10 * US)
        assert served.batches == [1] * 50

    def test_no_drift(self) -> None:
        """After 10^9 frames at a pace that is no whole number of ns, frames are still on time."""
        clock = FakeClock()
        queue = Queue(FramesPerSecond(300_000), Service(), clock.clock, 0)
        queue.started, queue._frames = 0, 10**9
        frames = FrameBatch(pa.record_batch({"original_length": pa.array([1] * 3)}))
        turns = [take.now for take in queue.takes(frames, np.zeros(3, np.int64))]
        assert turns == [3_333_333_333_333, 3_333_333_336_666, 3_333_333_340_000]

    def test_pieces_make_no_difference(self) -> None:
        """Frames are due when they are, however they come from the capture."""
        one = serve(FramesPerSecond(7e5), Service(1), [0] * 99, lambda first, _: 700 + first)
        for pieces in (2, 13):
            many = serve(
                FramesPerSecond(7e5), Service(1), [0] * 99, lambda first, _: 700 + first, pieces
            )
            assert (many.turn, many.found) == (one.turn, one.found)

    @pytest.mark.parametrize("batch", [0, -1, 65_537])
    def test_batches(self, batch: int) -> None:
        """A batch has a frame at least, and no more than a batch of the reader."""
        with pytest.raises(ValueError, match=f"a batch of {batch} frames"):
            Service(batch)

    def test_drop_wants_a_deadline(self) -> None:
        """Without one, nothing is too late."""
        with pytest.raises(ValueError, match="there is no deadline"):
            Service(on_overrun=Overrun.DROP)


def _first(turn: list[int], dropped: list[bool], i: int) -> int:
    """The first frame of the call that served frame i."""
    while i and turn[i - 1] == turn[i] and not dropped[i - 1]:
        i -= 1
    return i


def _size(turn: list[int], dropped: list[bool], i: int) -> int:
    first = _first(turn, dropped, i)
    end = first
    while end < len(turn) and turn[end] == turn[first] and not dropped[end]:
        end += 1
    return end - first


class TestStall:
    """An algorithm that is stuck once."""

    @staticmethod
    def stuck(first: int, _count: int) -> int:
        return NS if first == 100 else 10 * US

    def test_wait(self) -> None:
        """The backlog is worked off, every frame, in order."""
        served = serve(FramesPerSecond(10_000), Service(1), [0] * 12_000, self.stuck)
        assert not any(served.dropped)
        late = np.array(served.turn) - served.arrival
        assert late.max() == NS - 100 * US
        assert late[-1] == 0  # 10,000 frames in 0.1 s, while 1,000 came

    def test_drop(self) -> None:
        """What comes at once after the stall is what is due within a deadline, and no more."""
        service = Service(1, Deadline("x", 5000), Overrun.DROP)
        served = serve(FramesPerSecond(10_000), service, [0] * 12_000, self.stuck)
        late = np.array(served.turn) - served.arrival
        given = ~np.array(served.dropped)
        assert late[given].max() <= 5000 * US
        burst = int((late[given] > 0).sum())
        assert burst <= 51 * 10 / 9 + 1  # 50 are due in 5 ms, and some while these are served
        assert sum(served.dropped) == 10_000 - 50 - 1


class TestTheory:
    """Figures of queues of which the answer is known."""

    @pytest.mark.parametrize("load", [0.3, 0.6])
    def test_m_d_1(self, load: float) -> None:
        """Poisson arrivals, a constant service time: Pollaczek and Khinchine, within 2 %."""
        frames, rate = 30_000, 10_000.0
        service_ns = round(load / rate * NS)
        arrival = poisson_ns(frames, rate, seed=7)
        served = serve(RecordedTime(1), Service(1), arrival, lambda _first, _count: service_ns)
        seconds = (served.turn[-1] + service_ns) / NS
        found = served.figures.to_json(seconds)
        wait_us = load / (2 * (1 - load)) * service_ns / 1000
        assert found["wait_us"]["mean"] == pytest.approx(wait_us, rel=0.02)
        assert found["sojourn_us"]["mean"] == pytest.approx(wait_us + service_ns / 1000, rel=0.02)
        assert found["length_mean"] == pytest.approx(load**2 / (2 * (1 - load)), rel=0.02)
        assert found["utilization"] == pytest.approx(load, rel=0.02)
        # Poisson arrivals see what is there on average: those waiting, and one being served.
        seen = float(np.mean(served.found))
        assert seen == pytest.approx(load**2 / (2 * (1 - load)) + load, rel=0.02)
        assert found["length_max"] == max(served.found)

    def test_d_d_1(self) -> None:
        """Regular arrivals below capacity never wait; above it, each waits longer than the last."""
        fast = serve(FramesPerSecond(1000), Service(1), [0] * 5000, lambda _f, _c: 900 * US)
        assert fast.turn == fast.arrival
        assert set(fast.found) == {0}
        found = fast.figures.to_json((fast.turn[-1] + 900 * US) / NS)
        assert found["utilization"] == pytest.approx(0.9, rel=1e-3)
        assert found["wait_us"] == dict.fromkeys(("mean", "p50", "p95", "p99", "max"), 0.0)
        slow = serve(FramesPerSecond(1000), Service(1), [0] * 5000, lambda _f, _c: 1100 * US)
        late = np.array(slow.turn) - slow.arrival
        assert late.tolist() == [100 * US * n for n in range(5000)]
        assert slow.found[:24] == [
            sum(1100 * (j + 1) > 1000 * i for j in range(i)) for i in range(24)
        ]

    def test_batches(self) -> None:
        """What a call costs is shared by its frames, and each waits for all of them."""

        def took(_first: int, count: int) -> int:
            return (1000 + 100 * count) * US

        one = serve(FramesPerSecond(2000), Service(1), [0] * 2000, took)
        many = serve(FramesPerSecond(2000), Service(50), [0] * 2000, took)
        assert one.turn[-1] - one.arrival[-1] > NS
        assert many.turn[-1] - many.arrival[-1] <= 2000 * US
        assert many.figures.largest_batch <= 4


class TestDepartures:
    """Who is there on arrival."""

    def test_forgotten(self) -> None:
        """What happened too many calls ago is unknown, and said to be."""
        departures = Occupancy(remembered=2)
        for n in range(4):
            assert departures.found(np.array([0]))[0] in {n, -1}
            departures.end(100 + n)
        assert departures.found(np.array([50, 101, 102, 103])).tolist() == [-1, 3, 3, 3]
