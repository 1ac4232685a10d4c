"""The ring and the loop of a capture, from the inside."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest

from wtrec.datasets.pcapng import EnhancedPacket, read_block
from wtrec.datasets.run import Run
from wtrec.recorder.capture import CaptureSettings, capture
from wtrec.recorder.capture_files import CaptureFiles
from wtrec.recorder.capture_loop import CaptureLoop
from wtrec.recorder.feed import Feed
from wtrec.recorder.interface import monitor_interface
from wtrec.recorder.ring import Ring
from wtrec.recorder.rotation import Limits, Moment
from wtrec.recorder.stop import Stop
from wtrec.recorder.tun import MonitorTun

pytestmark = pytest.mark.root


def numbered(first: int, last: int) -> list[bytes]:
    """Frames of 1000 bytes that hold their number."""
    return [number.to_bytes(4, "big") * 250 for number in range(first, last)]


class TestDropCount:
    """Where frames were dropped."""

    def test_stands_on_the_first_frame_behind_the_gap(
        self, mon0: MonitorTun, tmp_path: Path
    ) -> None:
        """Each gap is noted once, with its length, on the frame that follows it."""
        facts = monitor_interface(mon0.name)
        path = tmp_path / "packets"
        run = Run.begin(interface=mon0.name, start=0, snap_length=65_535)
        with (
            Stop() as stop,
            Ring(mon0.name, None, 1) as ring,
            CaptureFiles(path, run, lambda _run: b"") as files,
        ):
            mon0.write_many(numbered(0, 5000))  # five times what the ring holds
            feed = Feed(ring, facts, 0, 65_535)
            loop = CaptureLoop([feed], files, Limits(), None, Moment.now())
            thread = threading.Thread(target=loop.run, args=(stop, None))
            thread.start()
            while ring.current() is not None or not files.size:
                time.sleep(0.001)
            for number in range(5000, 5100):
                mon0.write_many(numbered(number, number + 1))
                time.sleep(0.001)
            stop.ask("enough")
            thread.join()
        packets, at, data = [], 0, path.read_bytes()
        while at < len(data):
            packet, _, at = read_block(data, at, "<")
            assert isinstance(packet, EnhancedPacket)
            packets.append(packet)
        numbers = [int.from_bytes(packet.data[:4], "big") for packet in packets]
        before = [-1, *numbers]
        gaps = [number - last - 1 for last, number in zip(before, numbers, strict=False)]
        assert max(gaps) > 3000
        assert [packet.dropcount or 0 for packet in packets] == gaps
        assert loop.counters.dropped_by_kernel == sum(gaps)
        assert loop.counters.written == len(packets)
        assert loop.counters.received == 5100


class TestCapture:
    """``capture`` as other code calls it."""

    def test_stopped_before_it_starts(
        self, mon0: MonitorTun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A stop that was asked for early ends it at once, with an empty capture."""
        monkeypatch.chdir(tmp_path)
        with Stop() as stop:
            stop.ask("changed my mind")
            stop.ask("again")
            summary = capture(CaptureSettings(interfaces=[mon0.name]), stop=stop)
        assert summary.run.ended_by == "changed my mind"
        assert (summary.counters.received, summary.counters.written) == (0, 0)
        assert summary.exit_code == 0
        assert summary.path.match("run-????????T??????Z.pcapng")
        assert summary.path.stat().st_size == summary.run.files[0].bytes

    def test_own_frames_are_left_out(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames that this machine injects into the interface are no received frames."""
        settings = CaptureSettings(
            interfaces=[mon0.name],
            output=tmp_path / "run.pcapng",
            limits=Limits(seconds=0.5),
        )
        ours = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with ours:
            ours.bind((mon0.name, 0))
            stop = threading.Event()

            def inject() -> None:
                while not stop.is_set():
                    ours.send(b"injected")
                    mon0.read(1)

            thread = threading.Thread(target=inject)
            thread.start()
            summary = capture(settings)
            stop.set()
            thread.join()
        assert summary.counters.received == 0
