"""The monitor interface without a radio, as the kernel and its tools see it."""

from __future__ import annotations

import random
import socket
import subprocess

import pytest

from wtrec.errors import CaptureError
from wtrec.recorder.tun import MonitorTun

pytestmark = pytest.mark.root


def listening(name: str) -> socket.socket:
    """A packet socket on an interface."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.bind((name, 0x0003))
    sock.settimeout(10)
    return sock


class TestMonitorTun:
    """To the kernel it is a card in monitor mode."""

    def test_kind(self, mon0: MonitorTun) -> None:
        """For ip it is an interface with Radiotap headers that is up."""
        done = subprocess.run(
            ["ip", "link", "show", mon0.name], capture_output=True, text=True, check=True
        )
        assert "link/ieee802.11/radiotap" in done.stdout
        assert ",UP" in done.stdout

    @pytest.mark.parametrize("length", [1, 13, 14, 60, 1500, 2400, 65_535])
    def test_write(self, mon0: MonitorTun, length: int) -> None:
        """A frame of any bytes and length is received as it was written."""
        frame = random.Random(length).randbytes(length)
        with listening(mon0.name) as sock:
            mon0.write(frame)
            received, address = sock.recvfrom(70_000)
        assert received == frame
        assert address[1] == 4  # ETH_P_802_2, as behind mac80211
        assert address[3] == 803

    def test_write_many(self, mon0: MonitorTun) -> None:
        """Frames come in the order in which they were written, and are counted."""
        frames = [bytes([n]) * (n + 1) for n in range(100)]
        with listening(mon0.name) as sock:
            assert mon0.write_many(iter(frames)) == 100
            assert [sock.recv(200) for _ in frames] == frames

    def test_read(self, mon0: MonitorTun) -> None:
        """What is injected into the interface is read, and a wait for nothing ends."""
        with listening(mon0.name) as sock:
            sock.send(b"injected" * 300)
        assert mon0.read(10) == b"injected" * 300
        assert mon0.read(0) is None

    def test_close(self, mon0: MonitorTun) -> None:
        """It is gone when it is closed, and closing twice does no harm."""
        mon0.close()
        mon0.close()
        assert mon0.name not in [name for _, name in socket.if_nameindex()]

    def test_free_name(self, mon0: MonitorTun) -> None:
        """The kernel finds a free number for %d."""
        with MonitorTun("mon%d") as other:
            assert (mon0.name, other.name) == ("mon0", "mon1")

    @pytest.mark.parametrize("name", ["", "m" * 16, "ä" * 8])
    def test_name_that_is_none(self, name: str) -> None:
        """A name that the kernel would cut is refused."""
        with pytest.raises(CaptureError, match="no name of an interface: wanted 1 to 15 bytes"):
            MonitorTun(name)

    def test_taken_name(self, mon0: MonitorTun) -> None:
        """A name that is taken is refused with the reason."""
        with pytest.raises(CaptureError, match="mon0 exists: a simulated"):
            MonitorTun(mon0.name)
