"""The largest rate of algorithms whose largest rate is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wtrec.dot11 import fcs
from wtrec.dot11.deadlines import Deadline
from wtrec.replay import find_max as module
from wtrec.replay.find_max import Largest, Trial, find_max
from wtrec.replay.interruption import Interruption
from wtrec.replay.jobs import Task
from wtrec.replay.queue import Overrun, Service
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

from .fake import Busy, FakeClock

US = 1000


@pytest.fixture
def capture(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> Path:
    """Forty frames, every second one bad."""
    frames = [fcs.flip(udp_frame(b"x", i), [] if i % 2 else [99]) for i in range(40)]
    return write_capture(tmp_path / "run.pcapng", frames)


def largest(
    capture: Path,
    monkeypatch: pytest.MonkeyPatch,
    took: Callable[[int], int],
    service: Service,
    seconds: float = 0.2,
    **selection: Any,
) -> Largest:
    clock = FakeClock()
    monkeypatch.setattr(module, "make", lambda _: (Busy(clock, took), {}))
    schedule = Schedule(selection=Selection(**selection), service=service)
    task = Task(capture, "crc-flip", capture.with_suffix(".parquet"), schedule)
    trials: list[Trial] = []
    found = find_max(task, seconds, clock=clock.clock, spin_ns=0, tell=trials.append)
    assert tuple(trials) == found.trials
    assert not task.output.exists()
    return found


@pytest.mark.parametrize("took_us", [730, 5000])
def test_one_at_a_time(capture: Path, monkeypatch: pytest.MonkeyPatch, took_us: int) -> None:
    """An algorithm of S seconds a frame sustains 1 / S frames a second, to 2 %."""
    found = largest(capture, monkeypatch, lambda _: took_us * US, Service())
    assert found.pps == pytest.approx(1e6 / took_us, rel=0.02)
    assert found.to_json()["trials"][0]["frames"] >= 30


def test_batches(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a call costs is shared by its frames: 10 / (1000 + 10 * 100) us with 10 in a call."""
    found = largest(capture, monkeypatch, lambda count: (1000 + 100 * count) * US, Service(10), 0.2)
    assert found.pps == pytest.approx(5000, rel=0.03)


def test_a_deadline(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Regular arrivals never wait, so a deadline of one call is met up to capacity."""
    just = Service(deadline=Deadline.parse("1000"))
    assert largest(capture, monkeypatch, lambda _: 1000 * US, just).pps == pytest.approx(
        1000, rel=0.02
    )


def test_no_rate(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An algorithm that takes longer than the deadline meets it at no rate."""
    never = Service(deadline=Deadline.parse("99"))
    assert largest(capture, monkeypatch, lambda _: 100 * US, never, 0.01).pps == 0


def test_dropping(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who drops what he cannot do does not sustain it."""
    service = Service(deadline=Deadline.parse("10000"), on_overrun=Overrun.DROP)
    found = largest(capture, monkeypatch, lambda _: 1000 * US, service, 0.5)
    assert found.pps == pytest.approx(1000, rel=0.03)


def test_no_frames(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without frames there is nothing to try."""
    found = largest(capture, monkeypatch, lambda _: 1, Service(), start_offset=1e6)
    assert (found.pps, found.trials) == (0, ())


def test_a_long_capture_is_not_replayed_to_its_end(
    capture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a pace, no more frames are tried than fit into a trial."""
    clock = FakeClock()
    algorithm = Busy(clock, lambda _: 1_000_000 * US)
    monkeypatch.setattr(module, "make", lambda _: (algorithm, {}))
    interruption = Interruption()

    def end(trial: Trial) -> None:
        interruption.ask(f"{trial.frames} frames")

    task = Task(capture, "crc-flip", capture.with_suffix(".parquet"), Schedule())
    found = find_max(task, 3.0, clock=clock.clock, spin_ns=0, tell=end, interruption=interruption)
    assert len(algorithm.seen) == 3 + 30
    assert (found.pps, found.interrupted) == (1.0, "30 frames")
    assert len(found.trials) == 1
