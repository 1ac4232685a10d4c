"""``wtrec replay --to``: what arrives at a monitor interface, a socket and a pipe."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets import pcapng
from wtrec.datasets.expression import Expression
from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs, radiotap
from wtrec.recorder.interface import has_listener
from wtrec.replay.depart import depart
from wtrec.replay.depart_kernel import load, write_due
from wtrec.replay.outlets import Direct, OutletError, UdpOutlet
from wtrec.replay.pacing import FramesPerSecond, RecordedTime, TopSpeed
from wtrec.replay.schedule import Schedule
from wtrec.replay.source import Selection

from .. import forked

Write = Callable[..., Path]
Frame = Callable[..., bytes]

WTREC = str(Path(sys.executable).with_name("wtrec"))
BROKEN = range(0, 60, 6)


@pytest.fixture
def sent(udp_frame: Frame) -> list[bytes]:
    """Sixty frames as they were sent."""
    return [udp_frame(bytes([i]) * (30 + i), i) for i in range(60)]


@pytest.fixture
def capture(tmp_path: Path, write_capture: Write, sent: list[bytes]) -> Path:
    """They, one a millisecond, every sixth one broken."""
    received = [fcs.flip(f, [300, 302] if i in BROKEN else []) for i, f in enumerate(sent)]
    return write_capture(tmp_path / "run.pcapng", received)


def packets_of(path: Path) -> list[bytes]:
    """Its packets, headers and all."""
    data, at, order, found = path.read_bytes(), 0, None, []
    while at < len(data):
        block, order, at = pcapng.read_block(data, at, order)
        if isinstance(block, pcapng.EnhancedPacket):
            found.append(block.data)
    return found


def mpdus(packets: list[bytes]) -> list[bytes]:
    return [packet[radiotap.parse(packet).length :] for packet in packets]


def replayed(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return forked.run(["replay", *arguments], text=False)


class Kept:
    """An outlet that keeps what it gets."""

    def __init__(self, give_up_at: int = 1 << 60) -> None:
        self.name = "kept"
        self.refused: dict[str, int] = {}
        self.direct: Direct | None = None
        self.packets: list[bytes] = []
        self._most = give_up_at

    def send(self, packet: bytes | memoryview, note: str = "") -> None:
        del note
        if len(self.packets) == self._most:
            raise OutletError("kept: full")
        self.packets.append(bytes(packet))


class TestStdout:
    """``--to -``."""

    def test_the_frames_as_they_are(self, capture: Path, tmp_path: Path) -> None:
        """Nothing but pcapng comes, with the packets of the capture, byte for byte."""
        done = replayed(capture, "--to", "-", "--rate", "10")
        assert done.returncode == 0, done.stderr
        output = tmp_path / "out.pcapng"
        output.write_bytes(done.stdout)
        assert packets_of(output) == packets_of(capture)
        assert b"to -: 60 frames in " in done.stderr
        assert b"of what was asked" in done.stderr

    def test_repaired_ones(self, capture: Path, tmp_path: Path, sent: list[bytes]) -> None:
        """With an algorithm, repaired frames leave, tshark finds them good, results are written."""
        output = tmp_path / "out.pcapng"
        with output.open("wb") as file:
            words = ["replay", capture, "--to", "-", "--algo", "crc-flip"]
            done = forked.run(words, stdout=file, text=False)
        assert done.returncode == 0, done.stderr
        assert mpdus(packets_of(output)) == sent
        assert (tmp_path / "run.crc-flip.parquet").exists()
        assert b"60 frames, 10 repaired" in done.stderr
        seen = subprocess.run(
            ["tshark", "-r", output, "-o", "wlan.check_checksum:TRUE", "-T", "fields",
             "-e", "wlan.fcs.status", "-e", "frame.comment"],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
        assert [line.split("\t")[0] for line in seen] == ["1"] * 60
        commented = [i for i, line in enumerate(seen) if "repaired by crc-flip; 2 bits" in line]
        assert commented == list(BROKEN)

    def test_a_reader_that_goes_away(self, capture: Path) -> None:
        """It ends the replay, and is said; exit code 3."""
        words = ["replay", capture, "--to", "-", "--pps", "100"]
        running = forked.popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(200)
        running.stdout.close()
        said = running.stderr.read()
        running.stderr.close()
        assert running.wait(60) == 3
        assert b"nobody reads any more" in said


class TestUdp:
    """``--to udp://HOST:PORT``."""

    def test_a_datagram_a_frame(self, capture: Path) -> None:
        """Each datagram is a packet of the capture, as it is; the JSON says how it went."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind(("127.0.0.1", 0))
            receiver.settimeout(10)
            port = receiver.getsockname()[1]
            done = replayed(
                capture, "--to", f"udp://127.0.0.1:{port}", "--pps", "2000", "--format", "json"
            )
            found = [receiver.recv(70_000) for _ in range(60)]
        assert done.returncode == 0, done.stderr
        assert found == packets_of(capture)
        departed = json.loads(done.stdout)["departed"]
        assert (departed["frames"], departed["refused"]) == (60, {})
        assert departed["asked_fps"] == pytest.approx(2000, rel=1e-3)
        assert departed["late_us"]["median"] <= departed["late_us"]["p99"]

    def test_nobody_listens(self, capture: Path) -> None:
        """That is counted, and a loss."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
        done = replayed(capture, "--to", f"udp://127.0.0.1:{port}", "--pps", "2000")
        assert done.returncode == 3
        assert b"60 frames: nobody listens at the port" in done.stderr

    def test_every_packet_arrives_or_is_counted(self) -> None:
        """That nobody took a packet is said of it, not of the next one, which is sent."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
            listener.close()
            with (
                UdpOutlet(f"udp://127.0.0.1:{port}") as outlet,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as later,
            ):
                outlet.send(b"one")
                assert outlet.refused == {"nobody listens at the port": 1}
                later.bind(("127.0.0.1", port))
                outlet.send(b"two")
                outlet.send(b"three")
                assert [later.recv(9), later.recv(9)] == [b"two", b"three"]
                assert outlet.refused == {"nobody listens at the port": 1}

    @pytest.mark.parametrize(
        "address", ["udp://127.0.0.1", "udp://:5", "udp://h:0", "udp://h:99999", "tcp://h:1"]
    )
    def test_what_is_no_address(self, address: str) -> None:
        """It is refused with an example."""
        with pytest.raises(OutletError, match=r"wanted udp://HOST:PORT, as"):
            UdpOutlet(address)

    def test_ipv6(self) -> None:
        """An IPv6 address stands in brackets; too long a packet is counted."""
        with UdpOutlet("udp://[::1]:9") as outlet:
            outlet.send(bytes(65_508))
            assert outlet.refused == {"longer than a datagram": 1}


@pytest.mark.root
@pytest.mark.usefixtures("network_namespace")
class TestMonitor:
    """``--to IFACE``."""

    def test_a_capture_of_it(self, capture: Path, tmp_path: Path, sent: list[bytes]) -> None:
        """Who captures there gets every frame, repaired; then the interface goes away."""
        got = tmp_path / "got.pcapng"
        running = subprocess.Popen(
            [WTREC, "replay", str(capture), "--to", "mon9", "--algo", "crc-flip", "-q"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert running.stderr is not None
        line = running.stderr.readline()
        while line and "is up" not in line:
            line = running.stderr.readline()
        assert line
        words = ["capture", "mon9", "-w", got, "-c", "60", "-a", "duration:30", "-q"]
        recorded = forked.run(words)
        assert recorded.returncode == 0, recorded.stderr
        out, _ = running.communicate(timeout=60)
        assert running.returncode == 0
        assert "to mon9: 60 frames, 10 repaired" in out
        assert mpdus(packets_of(got)) == sent
        with CaptureReader(got) as reader:
            (frames,) = list(reader)
            assert frames.column("bad_fcs").to_pylist() == [False] * 60

    def test_ctrl_c(self, capture: Path) -> None:
        """It ends the departures, the wait for a listener, too."""
        running = subprocess.Popen(
            [WTREC, "replay", str(capture), "--to", "mon9", "--pps", "5"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while "mon9" not in dict(map(reversed, socket.if_nameindex())):  # type: ignore[arg-type]
            time.sleep(0.02)
        assert not has_listener("mon9")
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        assert running.returncode == 3
        assert re.search(r"mon9: ended by SIGINT after \d frames", said)


class TestDepart:
    """Departures without an algorithm."""

    @pytest.mark.parametrize("pace", [TopSpeed(), FramesPerSecond(4000), RecordedTime(20)], ids=str)
    def test_every_frame_once_not_before_it_is_due(
        self, capture: Path, pace: TopSpeed | FramesPerSecond | RecordedTime
    ) -> None:
        """All packets leave in order, and never faster than the pace."""
        outlet = Kept()
        departed = depart(capture, outlet, Schedule(pace))
        assert outlet.packets == packets_of(capture)
        assert departed.frames == 60
        if departed.asked_fps is None:
            assert isinstance(pace, TopSpeed)
            assert departed.late_us(1) is None
        else:
            least = 59 / (4000 if isinstance(pace, FramesPerSecond) else 20_000)
            assert departed.seconds + departed.late_us(1) / 1e6 + 1e-6 >= least  # type: ignore[operator]
            assert sum(departed.late) == 60

    def test_by_writes_with_nothing_left_to_compile(self, capture: Path) -> None:
        """The same packets, by a kernel that ``load`` has prepared for just these types."""
        load()
        compiled = set(write_due.signatures)  # type: ignore[attr-defined]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            outlet = Kept()
            outlet.direct = Direct(ours.fileno(), b"")
            departed = depart(capture, outlet, Schedule(FramesPerSecond(4000)))
            packets = [theirs.recv(4096) for _ in range(60)]
        assert packets == packets_of(capture)
        assert (departed.frames, outlet.packets) == (60, [])
        assert set(write_due.signatures) == compiled  # type: ignore[attr-defined]

    def test_limit(self, capture: Path) -> None:
        """Only the first frames."""
        outlet = Kept()
        assert depart(capture, outlet, Schedule(selection=Selection(limit=7))).frames == 7
        assert outlet.packets == packets_of(capture)[:7]

    def test_loops(self, capture: Path) -> None:
        """Each pass has the same packets again, of those that were selected."""
        outlet = Kept()
        chosen = Selection(loop=3, limit=4, select=Expression("fcs_status == 'good'"))
        assert depart(capture, outlet, Schedule(selection=chosen)).frames == 12
        every = packets_of(capture)
        assert outlet.packets == [every[i] for i in (1, 2, 3, 4)] * 3

    def test_an_outlet_that_fails(self, capture: Path) -> None:
        """What has left is counted, and why no more did is said."""
        departed = depart(capture, Kept(9), Schedule())
        assert (departed.frames, departed.ended_by) == (9, "kept: full")
        assert departed.losses() == ["kept: ended by kept: full after 9 frames"]

    def test_bare_frames_get_a_header(self, tmp_path: Path, sent: list[bytes]) -> None:
        """Link type 105 leaves behind a Radiotap header that says of the FCS what the file says."""
        path = tmp_path / "bare.pcapng"
        header = pcapng.SectionHeader.make().write("<")
        interface = pcapng.InterfaceDescription.make(105, fcslen_bits=32).write("<")
        bad = fcs.flip(sent[1], [400])
        blocks = [
            pcapng.EnhancedPacket.make(0, i, mpdu, flags=flags).write("<")
            for i, (mpdu, flags) in enumerate(
                [(sent[0], pcapng.GOOD_FRAME_FLAGS), (bad, pcapng.BAD_FRAME_FLAGS)]
            )
        ]
        path.write_bytes(header + interface + b"".join(blocks))
        outlet = Kept()
        depart(path, outlet, Schedule())
        assert mpdus(outlet.packets) == [sent[0], bad]
        good_flags, bad_flags = (radiotap.parse(each).get("flags") for each in outlet.packets)
        assert (good_flags, bad_flags) == (0x10, 0x50)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "give an algorithm (--algo), or where frames go (--to), or both"),
        (["--to", "-", "--format", "json"], "both want stdout"),
        (["--to", "-", "--algo", "crc-flip", "--algo", "auto"], "give one --algo"),
        (["--to", "udp://h:1", "--algo", "crc-flip", "--resume"], "no --resume"),
    ],
)
def test_what_cannot_be(capture: Path, options: list[str], said: str) -> None:
    """Options that contradict each other are usage errors."""
    done = replayed(capture, *options)
    assert done.returncode == 2
    assert said in done.stderr.decode()


def test_a_terminal_gets_no_pcapng(capture: Path) -> None:
    """Binary output into a terminal is refused."""
    master, slave = os.openpty()
    done = forked.run(["replay", capture, "--to", "-"], stdout=slave, text=False)
    os.close(slave)
    os.close(master)
    assert done.returncode == 2
    assert b"not to a terminal" in done.stderr
