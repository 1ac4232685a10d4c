"""The sender's pace on a clock that the test moves; the packets and the log are real."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.clock import NS, Clock
from wtrec.datasets.payload import fill
from wtrec.recorder.sender import SPIN_NS, Sender, SendReport, SendSettings
from wtrec.recorder.sent_log import LogError, SentLog
from wtrec.recorder.steps import Hook, Step, grid
from wtrec.recorder.stop import Stop
from wtrec.recorder.transports import Udp

START = 5 * NS
OFFSET = 1_700_000_000 * NS


class FakeClock:
    """Reading takes 1 us; a sleep takes too long by what is said, again and again."""

    def __init__(self, oversleep: list[int]) -> None:
        self.time = START
        self._oversleep = oversleep
        self._sleeps = 0
        self.clock = Clock(self._now, self._sleep)

    def _now(self) -> int:
        self.time += 1000
        return self.time

    def _sleep(self, seconds: float) -> None:
        late = self._oversleep[self._sleeps % len(self._oversleep)] if self._oversleep else 0
        self._sleeps += 1
        self.time += round(seconds * NS) + late


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """Somebody who listens on the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def send(
    listener: socket.socket, path: Path, settings: SendSettings, clock: Clock, stop: Stop
) -> SendReport:
    transport = Udp("127.0.0.1", listener.getsockname()[1])
    log = SentLog(path, {"run_id": "00"}, force=True)
    try:
        return Sender(settings, transport, log, stop, offset=OFFSET, clock=clock).run()
    finally:
        log.close()


def times(path: Path) -> list[int]:
    return [time - OFFSET for time in pq.read_table(path)["time"].cast("int64").to_pylist()]


class TestPace:
    """When packets are sent."""

    @given(
        pps=st.floats(0.01, 40_000),
        count=st.integers(1, 40),
        oversleep=st.lists(st.integers(0, 400_000), max_size=5),
    )
    def test_schedule(
        self,
        listener: socket.socket,
        tmp_path_factory: pytest.TempPathFactory,
        pps: float,
        count: int,
        oversleep: list[int],
    ) -> None:
        """Packet n goes out at n / pps or right behind it, however late sleeps end."""
        path = tmp_path_factory.getbasetemp() / "pace.tx.parquet"
        interval = Fraction(NS) / Fraction(pps)
        settings = SendSettings(fill=fill("zeros", ""), length=1, interval=interval, count=count)
        fake = FakeClock(oversleep)
        with Stop() as stop:
            report = send(listener, path, settings, fake.clock, stop)
        sent = times(path)
        assert len(sent) == report.sent == count
        # a sleep ends at most 100 us late beyond the margin; each packet costs some readings
        slack = 100_000 + count * 10_000
        for n, time in enumerate(sent):
            assert 0 <= time - START - n * interval <= slack
        assert sent == sorted(sent)

    def test_catches_up(self, listener: socket.socket, tmp_path: Path) -> None:
        """After a pause of the machine, packets follow at once until the schedule is met again."""
        path = tmp_path / "run.tx.parquet"
        late = 50_000_000
        settings = SendSettings(
            fill=fill("zeros", ""), length=1, interval=Fraction(10_000_000), count=20
        )
        fake = FakeClock([0, late, *[0] * 100])
        with Stop() as stop:
            report = send(listener, path, settings, fake.clock, stop)
        sent = [time - START for time in times(path)]
        assert sent[2] - sent[1] > late
        assert sent[6] - sent[2] < 1_000_000
        assert abs(sent[19] - 190_000_000) < 50_000
        assert late - SPIN_NS < report.late_max_us * 1000 < late + 1_000_000
        assert report.pps == pytest.approx(100, rel=1e-3)

    def test_each_step_begins_anew(self, listener: socket.socket, tmp_path: Path) -> None:
        """Ids go on, the schedule does not; the log has rate and power of each."""
        path = tmp_path / "run.tx.parquet"
        settings = SendSettings(
            fill=fill("msgN", ""),
            length=0,
            interval=Fraction(1_000_000),
            count=3,
            steps=grid(["6", "54"], ["10"]),
        )
        fake = FakeClock([])
        with Stop() as stop:
            report = send(listener, path, settings, fake.clock, stop)
        table = pq.read_table(path)
        assert table["packet_id"].to_pylist() == list(range(6))
        assert table["original"].to_pylist() == [b"msg%d" % n for n in range(6)]
        assert table["rate_mbps"].to_pylist() == [6.0] * 3 + [54.0] * 3
        assert set(table["tx_power_dbm"].to_pylist()) == {10.0}
        assert set(table["layer"].to_pylist()) == {"payload"}
        assert [step.first_packet for step in report.steps] == [0, 3]
        assert report.pps == pytest.approx(1000, rel=0.01)

    def test_top_speed(self, listener: socket.socket, tmp_path: Path) -> None:
        """An interval of 0 waits for nothing, and nothing is late."""
        path = tmp_path / "run.tx.parquet"
        settings = SendSettings(fill=fill("self", "00"), length=64, interval=Fraction(), count=1000)
        fake = FakeClock([])
        with Stop() as stop:
            report = send(listener, path, settings, fake.clock, stop)
        assert fake._sleeps == 0
        assert (report.sent, report.late_max_us) == (1000, 0)


class TestEnd:
    """What ends a run."""

    SETTINGS = SendSettings(fill=fill("zeros", ""), length=1, interval=Fraction(NS))

    def test_stop(self, listener: socket.socket, tmp_path: Path) -> None:
        """A wait of seconds ends at once when it is asked for, on the real clock."""
        path = tmp_path / "run.tx.parquet"
        with Stop() as stop:
            timer = threading.Timer(0.3, stop.ask, ["SIGTERM"])
            timer.start()
            transport = Udp("127.0.0.1", listener.getsockname()[1])
            log = SentLog(path, {})
            report = Sender(self.SETTINGS, transport, log, stop, offset=0).run()
            timer.join()
        assert (report.sent, report.ended_by, report.exit_code) == (1, "SIGTERM", 0)
        assert pq.read_table(path).num_rows == 1

    def test_hook(self, listener: socket.socket, tmp_path: Path) -> None:
        """A hook that fails ends the run with an error; what was sent is in the log."""
        path = tmp_path / "run.tx.parquet"
        settings = SendSettings(
            fill=fill("zeros", ""),
            length=1,
            interval=Fraction(1),
            count=2,
            steps=[Step({"x": "0"}), Step({"x": "1"}), Step({"x": "0"})],
            hook=Hook("sh -c 'exit {x}'"),
        )
        with Stop() as stop:
            report = send(listener, path, settings, FakeClock([]).clock, stop)
        assert (report.sent, report.ended_by, report.exit_code) == (2, "error", 1)
        assert report.error == "hook sh -c 'exit 1': exit code 1, wanted 0"
        assert pq.read_table(path).num_rows == 2

    def test_a_log_that_exists(self, tmp_path: Path) -> None:
        """It is kept, and so is the journal of a run that was killed."""
        for name in ("a.tx.parquet", "b.tx.arrows"):
            (tmp_path / name).write_text("mine")
            stem = name.split(".", maxsplit=1)[0]
            with pytest.raises(LogError, match=rf"{name} exists; name another tx log with -w"):
                SentLog(tmp_path / f"{stem}.tx.parquet", {})
            assert (tmp_path / name).read_text() == "mine"
        SentLog(tmp_path / "a.tx.parquet", {}, force=True).close()
        assert not (tmp_path / "a.tx.parquet").exists()  # or it would hide the journal
