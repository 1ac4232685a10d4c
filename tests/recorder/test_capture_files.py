"""Captures in several files and of several interfaces, as other code runs them."""

from __future__ import annotations

import errno
import itertools
import os
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wtrec.datasets import walk_kernel
from wtrec.datasets.pcapng import EnhancedPacket, InterfaceStatistics, read_block
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.run import Run
from wtrec.dot11 import fcs, mac, radiotap
from wtrec.recorder import capture_loop
from wtrec.recorder.bpf import examine
from wtrec.recorder.bpf.check import CompiledFilter
from wtrec.recorder.capture import CaptureSettings, CaptureSummary, capture
from wtrec.recorder.capture_file import CaptureFile
from wtrec.recorder.feed import Feed
from wtrec.recorder.interface import monitor_interface
from wtrec.recorder.live import LiveRates
from wtrec.recorder.ring import Ring
from wtrec.recorder.rotation import Limits, Rotation, file_name
from wtrec.recorder.stop import Stop
from wtrec.recorder.tun import MonitorTun

pytestmark = pytest.mark.root


@dataclass
class Running:
    """A capture in a thread."""

    stop: Stop
    summaries: list[CaptureSummary] = field(default_factory=list)

    @property
    def summary(self) -> CaptureSummary:
        return self.summaries[0]


@contextmanager
def running(settings: CaptureSettings, **more: Any) -> Iterator[Running]:
    """Capture while the body runs; frames that it sends are received."""
    started = threading.Event()
    with Stop() as stop:
        found = Running(stop)

        def run() -> None:
            found.summaries.append(capture(settings, stop=stop, on_start=started.set, **more))

        thread = threading.Thread(target=run)
        thread.start()
        assert started.wait(30)
        try:
            yield found
        finally:
            stop.ask("enough")
            thread.join(30)
            assert not thread.is_alive()


def settings(path: Path, *names: str, **more: Any) -> CaptureSettings:
    return CaptureSettings(interfaces=names or ("mon0",), output=path, buffer_mib=4, **more)


def numbered(first: int, last: int, size: int = 1000) -> list[bytes]:
    """Frames that hold their number."""
    return [number.to_bytes(4, "big") * (size // 4) for number in range(first, last)]


def blocks(path: Path) -> list[Any]:
    """All blocks of a capture."""
    found, at, data = [], 0, path.read_bytes()
    while at < len(data):
        block, _, at = read_block(data, at, "<")
        found.append(block)
    return found


def frames(path: Path) -> list[bytes]:
    return [block.data for block in blocks(path) if isinstance(block, EnhancedPacket)]


def files(run: Run, folder: Path) -> list[Path]:
    return [folder / each.name for each in run.files]


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


class TestRing:
    """Frames stand in the files one after the other, none twice and none missing."""

    def test_by_size(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """No file is larger than allowed; each is a capture of its own; statistics add up."""
        path = tmp_path / "run.pcapng"
        with running(settings(path, rotation=Rotation(bytes=100_000))) as ring:
            mon0.write_many(numbered(0, 1000))
            time.sleep(0.1)
        run = ring.summary.run
        paths = files(run, tmp_path)
        assert sorted(tmp_path.iterdir()) == [tmp_path / "run.json", *paths]
        assert len(paths) == 11
        assert [frame for each in paths for frame in frames(each)] == numbered(0, 1000)
        for each, described in zip(paths, run.files, strict=True):
            assert each.stat().st_size == described.bytes
            assert each.stat().st_size <= 100_000
            last = blocks(each)[-1]
            assert isinstance(last, InterfaceStatistics)
            assert (last.usrdeliv, last.osdrop) == (len(frames(each)), 0)
            assert last.ifrecv == last.usrdeliv
            described_in_it = Run.from_json(blocks(each)[0].comments[-1])
            assert described_in_it.run_id == run.run_id
            assert [file.name for file in described_in_it.files] == [each.name]
            with CaptureReader(each) as reader:
                assert sum(len(batch) for batch in reader) == len(frames(each))
                assert reader.losses == []
        assert run.counters is not None
        assert run.counters.written == 1000
        assert Run.load(tmp_path / "run.json") == run

    def test_keeps_the_last(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """With a number of files, the oldest go; names of all that were complete are printed."""
        path = tmp_path / "run.pcapng"
        rotation = Rotation(frames=50, files=3)
        names = tmp_path / "names"
        names.touch()
        with running(settings(path, rotation=rotation, print_names=str(names))) as ring:
            for number in range(0, 520, 50):  # none is deleted before it is complete
                mon0.write_many(numbered(number, min(number + 50, 520)))
                wait_for(lambda: names.read_text().count("\n") == number // 50)  # noqa: B023
        paths = files(ring.summary.run, tmp_path)
        assert [path.name[:9] for path in paths] == ["run_00009", "run_00010", "run_00011"]
        assert sorted(tmp_path.glob("*.pcapng")) == paths
        assert [len(frames(path)) for path in paths] == [50, 50, 20]
        assert frames(paths[0])[0] == numbered(400, 401)[0]
        printed = names.read_text().splitlines()
        assert [Path(name).name[:9] for name in printed] == [f"run_{n:05}" for n in range(1, 12)]
        assert [Path(name) for name in printed[-3:]] == paths
        assert ring.summary.counters.written == 520

    def test_ends_after_files(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """A number of files ends it as soon as the last is full."""
        path = tmp_path / "run.pcapng"
        rotation, limits = Rotation(frames=50), Limits(files=2)
        with running(settings(path, rotation=rotation, limits=limits)) as ring:
            mon0.write_many(numbered(0, 100))
            wait_for(lambda: ring.summaries)
        assert ring.summary.run.ended_by == "files"
        assert [len(frames(each)) for each in files(ring.summary.run, tmp_path)] == [50, 50]

    def test_by_time_and_on_request(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames are divided by their own times: at multiples of the interval, and at a request."""
        path = tmp_path / "run.pcapng"
        with running(settings(path, rotation=Rotation(interval=0.25))) as ring:
            for number in range(600):
                mon0.write(numbered(number, number + 1)[0])
                time.sleep(0.001)
            between = time.time_ns()
            ring.stop.ask_for_new_file()
            wait_for(lambda: sum("run_" in each.name for each in tmp_path.iterdir()) > 3)
            time.sleep(0.1)
        paths = files(ring.summary.run, tmp_path)
        assert [frame for each in paths for frame in frames(each)] == numbered(0, 600)
        starts = [next(b for b in reversed(blocks(p))).starttime for p in paths]
        ends = [next(b for b in reversed(blocks(p))).endtime for p in paths]
        assert ends[:-1] == starts[1:]
        requested = [end for end in ends[:-1] if end % 250_000_000]
        assert len(requested) == 1
        assert requested[0] >= between
        for each, start, end in zip(paths, starts, ends, strict=True):
            times = [b.timestamp for b in blocks(each) if isinstance(b, EnhancedPacket)]
            assert all(start < moment <= end for moment in times)

    @pytest.mark.parametrize("seconds", [None, 0.05])
    def test_frames_that_waited(
        self,
        mon0: MonitorTun,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float | None,
    ) -> None:
        """However late they are written, files begin just before their first frame, by its time."""
        sent = threading.Event()
        monkeypatch.setattr(capture_loop, "warm_up", lambda: sent.wait(30))
        limited = {"rotation": Rotation(frames=100, seconds=seconds), "limits": Limits(frames=250)}
        with running(settings(tmp_path / "run.pcapng", **limited)) as ring:
            for each in numbered(0, 250):
                mon0.write(each)
                time.sleep(0.001)
            sent.set()
            wait_for(lambda: ring.summaries)
        paths = files(ring.summary.run, tmp_path)
        assert [frame for each in paths for frame in frames(each)] == numbered(0, 250)
        statistics = [blocks(each)[-1] for each in paths]
        assert all(each.starttime <= each.endtime for each in statistics)
        assert [e.endtime for e in statistics[:-1]] == [s.starttime for s in statistics[1:]]
        full = 0
        for path, each, before in zip(paths[1:], statistics[1:], paths, strict=False):
            times = [b.timestamp for b in blocks(path) if isinstance(b, EnhancedPacket)]
            assert all(each.starttime < moment <= each.endtime for moment in times)
            if len(frames(before)) == 100:
                full += 1
                assert times[0] == each.starttime + 1
            assert path == file_name(tmp_path / "run.pcapng", int(path.name[4:9]), each.starttime)
        assert full == (2 if seconds is None else 0)

    def test_frames_that_waited_for_the_check(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However long a filter is checked, what passes it from the start on is in the file."""
        sent, check = threading.Event(), examine.examine_compiled

        def slow(compiled: CompiledFilter) -> examine.Examined:
            assert sent.wait(30)
            return check(compiled)

        monkeypatch.setattr(examine, "examine_compiled", slow)
        limited = {"filter_text": "len > 500", "limits": Limits(frames=3000)}
        with running(settings(tmp_path / "run.pcapng", **limited)) as one:
            for first in range(0, 6000, 3000):  # each as much as the ring has
                half = numbered(first // 2, first // 2 + 1500)
                mon0.write_many(each for frame in half for each in (frame, frame[:400]))
                time.sleep(0.3)
            sent.set()
            wait_for(lambda: one.summaries)
        assert frames(tmp_path / "run.pcapng") == numbered(0, 3000)
        assert one.summary.counters.dropped_by_kernel == 0

    def test_requests_while_a_file_is_about_to_end(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """None of them is lost."""
        monkeypatch.setattr(capture_loop, "_DRAIN_SECONDS", 0.2)
        with running(settings(tmp_path / "run.pcapng", rotation=Rotation(frames=100))) as ring:
            mon0.write_many(numbered(0, 10))
            wait_for((tmp_path / "run.json").exists)
            for _ in range(2):
                ring.stop.ask_for_new_file()
                time.sleep(0.1)
            wait_for(lambda: len(list(tmp_path.glob("*.pcapng"))) == 3)

    def test_a_last_frame_larger_than_a_file(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """It ends the capture, as any other does."""
        limited = {"limits": Limits(frames=2), "rotation": Rotation(bytes=5_000)}
        with running(settings(tmp_path / "run.pcapng", **limited)) as ring:
            mon0.write_many([bytes(8_000)] * 2)
            wait_for(lambda: ring.summaries)
        assert ring.summary.run.ended_by == "packets"
        assert [len(frames(each)) for each in files(ring.summary.run, tmp_path)] == [1, 1]

    def test_a_frame_larger_than_a_file(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """It has a file for itself rather than being lost."""
        path = tmp_path / "run.pcapng"
        with running(settings(path, rotation=Rotation(bytes=5_000))) as ring:
            mon0.write_many([bytes(8_000)] * 3)
            time.sleep(0.1)
        assert [len(frames(each)) for each in files(ring.summary.run, tmp_path)] == [1, 1, 1]

    def test_full_disk(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """A disk that is full while files are changed ends it; all files are whole."""
        disk = tmp_path / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], check=True)
        try:
            with running(settings(disk / "run.pcapng", rotation=Rotation(bytes=50_000))) as ring:
                mon0.write_many(numbered(0, 2000))
                wait_for(lambda: ring.summaries)
            summary = ring.summary
            assert summary.run.ended_by == "write failed"
            assert "No space left on device" in (summary.error or "")
            assert summary.exit_code == 1
            found = [frame for each in files(summary.run, disk) for frame in frames(each)]
            assert 300 < len(found) < 1000
            assert found == numbered(0, len(found))
            assert sum(blocks(each)[-1].usrdeliv for each in files(summary.run, disk)) == len(found)
        finally:
            subprocess.run(["umount", str(disk)], check=True)

    def test_a_file_that_cannot_be_completed(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is named, and what waited in the ring stands in the file after it."""
        path = tmp_path / "run.pcapng"
        sent, failed = threading.Event(), threading.Event()
        sync, write = CaptureFile.sync, CaptureFile.write

        def failing(file: CaptureFile) -> None:
            if "_00001_" in file.path.name:
                failed.set()
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(file)

        def waiting(file: CaptureFile, data: bytes | memoryview) -> None:
            if "_00002_" in file.path.name and file.size:
                assert failed.wait(30)
                assert sent.wait(30)
            write(file, data)

        monkeypatch.setattr(CaptureFile, "sync", failing)
        monkeypatch.setattr(CaptureFile, "write", waiting)
        with running(settings(path, rotation=Rotation(frames=900))) as ring:
            mon0.write_many(numbered(0, 1500))
            time.sleep(0.05)  # until the kernel has handed over what it has
            sent.set()
            wait_for(lambda: ring.summaries)
        summary, (first, second) = ring.summary, files(ring.summary.run, tmp_path)
        assert summary.run.ended_by == "write failed"
        size = second.stat().st_size
        assert summary.error == f"{first}: Input/output error; {second} is whole, {size} bytes"
        assert frames(first) + frames(second) == numbered(0, 1500)

    def test_it_ends_though_no_frame_comes(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file that cannot be completed is noticed by a capture that sleeps."""
        asleep = threading.Event()

        def failing(file: CaptureFile) -> None:
            if "_00001_" in file.path.name:
                assert asleep.wait(30)
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(CaptureFile, "sync", failing)
        with running(settings(tmp_path / "run.pcapng", rotation=Rotation(frames=10))) as ring:
            mon0.write_many(numbered(0, 11))
            wait_for(lambda: len(list(tmp_path.glob("*.pcapng"))) == 2)
            time.sleep(0.05)
            asleep.set()
            wait_for(lambda: ring.summaries)
        assert ring.summary.run.ended_by == "write failed"

    def test_a_request_while_it_hashes(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It ends at once, without the hash; the first request does not leave it out."""
        sync = CaptureFile.sync
        again = False

        def asking(file: CaptureFile) -> None:
            if again:
                one.stop.ask("again")
            sync(file)

        monkeypatch.setattr(CaptureFile, "sync", asking)
        for again in (False, True):
            with running(settings(tmp_path / f"{again}.pcapng")) as one:
                mon0.write_many(numbered(0, 10))
                one.stop.ask("enough")
                one.stop.ask("at once")  # as timeout(1) does
            (described,) = one.summary.run.files
            assert described.bytes == (tmp_path / f"{again}.pcapng").stat().st_size
            assert (described.sha256 is None) == again


class TestSeveralInterfaces:
    """One capture of several interfaces."""

    def test_each_has_its_number_and_statistics(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames say where they came from; so do counts, in the file and in run.json."""
        path = tmp_path / "run.pcapng"
        with MonitorTun("mon1") as mon1:
            with running(settings(path, "mon0", "mon1", snap_length=100)) as both:
                for number in range(300):
                    mon0.write(numbered(number, number + 1)[0])
                    if number % 3 == 0:
                        mon1.write(numbered(number, number + 1)[0])
            run = both.summary.run
        assert [each.name for each in run.interfaces] == ["mon0", "mon1"]
        assert [each.counters and each.counters.written for each in run.interfaces] == [300, 100]
        assert run.counters is not None
        assert run.counters.written == run.counters.received == 400
        of = {0: [], 1: []}  # type: dict[int, list[bytes]]
        statistics = []
        for block in blocks(path):
            if isinstance(block, EnhancedPacket):
                of[block.interface].append(block.data)
            if isinstance(block, InterfaceStatistics):
                statistics.append((block.interface, block.usrdeliv))
        assert of[0] == [frame[:100] for frame in numbered(0, 300)]
        assert of[1] == of[0][::3]
        assert statistics == [(0, 300), (1, 100)]
        described = subprocess.run(
            ["tshark", "-r", str(path), "-Tfields", "-eframe.interface_name"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert (described.count("mon0"), described.count("mon1")) == (300, 100)

    def test_one_that_goes_away_ends_it(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """What came through the other until then is there."""
        path = tmp_path / "run.pcapng"
        with MonitorTun("mon1") as mon1, running(settings(path, "mon0", "mon1")) as both:
            mon0.write_many(numbered(0, 500))
            mon1.close()
            wait_for(lambda: both.summaries)
        assert both.summary.error == "mon1 is gone"
        assert frames(path) == numbered(0, 500)

    def test_files_are_changed_together(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """At a moment, the frames of all interfaces are divided."""
        path = tmp_path / "run.pcapng"
        with MonitorTun("mon1") as mon1:
            rotation = Rotation(seconds=0.1)
            with running(settings(path, "mon0", "mon1", rotation=rotation)) as both:
                for number in range(200):
                    mon0.write(numbered(number, number + 1)[0])
                    mon1.write(numbered(number, number + 1)[0])
                    time.sleep(0.002)
        paths = files(both.summary.run, tmp_path)
        assert len(paths) > 3
        for earlier, later in itertools.pairwise(paths):
            last = [b.timestamp for b in blocks(earlier) if isinstance(b, EnhancedPacket)]
            first = [b.timestamp for b in blocks(later) if isinstance(b, EnhancedPacket)]
            assert max(last, default=0) <= min(first, default=2**63)
        assert sum(len(frames(each)) for each in paths) == 400


def noted(feed: Feed) -> list[tuple[int, int]]:
    """Take all that its ring has: numbers of frames behind gaps, with what was dropped there."""
    out = np.empty(feed.ring.block_size, np.uint8)
    found = []
    while (block := feed.ring.current()) is not None:
        most = {"frames": 10**9, "size": 10**9, "not_after": 2**62}
        taken = feed.take(block, out, out.view(np.uint32), **most)
        feed.wrote(taken)
        data, at = out[: taken.size].tobytes(), 0
        while at < len(data):
            packet, _, at = read_block(data, at, "<")
            assert isinstance(packet, EnhancedPacket)
            if packet.dropcount:
                found.append((struct.unpack_from(">I", packet.data)[0], packet.dropcount))
    return found


class TestCounts:
    """Counts outlast 32 bits, and a day."""

    def test_beyond_32_bits(self, mon0: MonitorTun, monkeypatch: pytest.MonkeyPatch) -> None:
        """The kernel's 32-bit counts are added up; capture and statistics have them whole."""
        full = 2**32 - 1
        with Ring(mon0.name, None, 1) as ring:
            feed = Feed(ring, monitor_interface(mon0.name), 0, 100)
            monkeypatch.setattr(ring, "_statistics", lambda: (full, full))
            for _ in range(5):
                feed.count_drops()
            counters = feed.counters
            block, _, _ = read_block(feed.statistics(0, 1, last=True), 0, "<")
        assert counters.received == counters.dropped_by_kernel == 5 * full
        assert isinstance(block, InterfaceStatistics)
        assert (block.ifrecv, block.osdrop, block.usrdeliv) == (5 * full, 5 * full, 0)

    def test_they_are_read_in_time(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Even with nothing lost, the kernel's counts are read before they are full."""
        monkeypatch.setattr("wtrec.recorder.capture_loop._COUNT_SECONDS", 0.05)
        seen: list[int] = []
        real = Ring.count_drops

        def count(ring: Ring) -> int:
            seen.append(1)
            return real(ring)

        monkeypatch.setattr(Ring, "count_drops", count)
        with running(settings(tmp_path / "run.pcapng")) as one:
            mon0.write_many(numbered(0, 100))
            wait_for(lambda: len(seen) > 3)
            mon0.write_many(numbered(100, 200))
        assert one.summary.counters.received == one.summary.counters.written == 200

    def test_drops_that_were_counted_in_between_are_placed(self, mon0: MonitorTun) -> None:
        """A gap that was counted by the clock stands on the frame behind it all the same."""
        with Ring(mon0.name, None, 1) as ring:
            feed = Feed(ring, monitor_interface(mon0.name), 0, 65_535)
            mon0.write_many(numbered(0, 3000))  # three times what the ring holds
            time.sleep(0.05)
            feed.count_drops()
            assert noted(feed) == []
            assert feed.counters.dropped_by_kernel > 1000
            mon0.write_many(numbered(3000, 3010))
            time.sleep(0.05)
            assert noted(feed) == [(3000, feed.counters.dropped_by_kernel)]

    def test_after_the_clock_is_set_back(
        self, mon0: MonitorTun, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Gaps are placed by the order of the ring's blocks, whatever the clock says."""
        with Ring(mon0.name, None, 1) as ring:
            feed = Feed(ring, monitor_interface(mon0.name), 0, 65_535)
            real = time.time_ns
            monkeypatch.setattr(time, "time_ns", lambda: real() + 3600 * 10**9)  # so it was before
            for first in range(0, 9000, 3000):
                mon0.write_many(numbered(first, first + 3000))
                time.sleep(0.05)
                assert noted(feed) == []
                mon0.write(numbered(first + 2999, first + 3000)[0])  # the first behind the gap
                time.sleep(0.05)
                ((number, count),) = noted(feed)
                assert number == first + 2999
                assert count > 1000


def test_a_capture_that_sleeps_flushes(
    mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is made durable when it is time, though no further frame comes."""
    flushed, real = threading.Event(), os.fdatasync

    def flush(fd: int) -> None:
        real(fd)
        flushed.set()

    monkeypatch.setattr(os, "fdatasync", flush)
    with running(settings(tmp_path / "run.pcapng", flush_seconds=0.05)):
        mon0.write(b"frame")
        assert flushed.wait(30)


def test_live_rates_are_those_of_the_file(mon0: MonitorTun, tmp_path: Path) -> None:
    """Counted beside the capture, frames by rate are what a reader finds in it."""
    path = tmp_path / "run.pcapng"
    rates = LiveRates()
    good = fcs.append(mac.data_frame(bytes(50), addr1=b"\2" * 6, addr2=b"\4" * 6, addr3=b"\6" * 6))
    with running(settings(path), observer=rates):
        for number in range(400):
            mpdu = good
            if number % 4 == 0:
                mpdu = bytes([mpdu[0], mpdu[1] | 0x08]) + mpdu[2:]  # a retry, whose FCS is wrong
            claims = radiotap.Flags.FCS | (radiotap.Flags.BAD_FCS if number % 8 == 0 else 0)
            header = radiotap.build(
                flags=claims, rate=(12, 108)[number % 2], dbm_antenna_signal=-40 - number % 2
            )
            mon0.write(header + mpdu)
        mon0.write(radiotap.build(flags=radiotap.Flags.FCS) + good)
    found = rates.rates()
    assert (rates.skipped, rates.failure) == (0, None)
    with CaptureReader(path) as reader:
        rows = [row for batch in reader for row in batch.arrow.to_pylist()]
    assert list(found) == [None, 6.0, 54.0]
    for rate, counts in found.items():
        mine = [row for row in rows if row["rate_mbps"] == rate]
        assert counts.frames == len(mine)
        assert counts.bad == sum(row["fcs_status"] == "bad" for row in mine)
        assert counts.claimed_bad == sum(row["bad_fcs"] is True for row in mine)
        assert counts.retries == sum(row["retry"] is True for row in mine)
        signals = [row["signal_dbm"] for row in mine if row["signal_dbm"] is not None]
        assert counts.signal == (sum(signals) / len(signals) if signals else None)
    assert found[6.0].bad == 100


def test_live_rates_that_cannot_be_loaded(
    mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The capture goes on; what was not counted is, and why."""
    monkeypatch.delattr(walk_kernel, "FULL")
    rates = LiveRates()
    with running(settings(tmp_path / "run.pcapng"), observer=rates):
        mon0.write_many(numbered(0, 100))
    assert isinstance(rates.failure, ImportError)
    assert rates.skipped == 100 * 1044
    assert len(frames(tmp_path / "run.pcapng")) == 100


@pytest.mark.parametrize("cycles", [10, pytest.param(200, marks=pytest.mark.endurance)])
def test_nothing_is_left_behind(mon0: MonitorTun, tmp_path: Path, cycles: int) -> None:
    """Captures that are begun and ended leave no descriptor, thread, socket, ring or memory."""
    path = tmp_path / "run.pcapng"

    def held() -> tuple[int, ...]:
        descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        sockets = Path("/proc/self/net/packet").read_text().count("\n")
        rings = Path("/proc/self/maps").read_text().count("socket:")
        return descriptors, threading.active_count(), sockets, rings

    def resident() -> int:  # what is only mapped grows by 64 MiB where malloc gives a thread a heap
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cycle() -> None:
        mine = settings(path, force=True, filter_text="len > 5", rotation=Rotation(frames=2))
        with running(mine) as one:
            mon0.write_many(numbered(0, 5))
        assert one.summary.counters.received == 5
        for each in files(one.summary.run, tmp_path):
            each.unlink()

    for _ in range(3):
        cycle()
    before, memory = held(), resident()
    for _ in range(cycles):
        cycle()
    assert held() == before
    assert resident() - memory < 16 << 20
