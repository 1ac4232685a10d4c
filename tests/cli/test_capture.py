"""``wtrec capture`` as its users run it, on an interface that the kernel takes for a monitor."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import mmap
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dpkt
import pcapng
import pytest
from pcapng import blocks

from wtrec.datasets.run import Run
from wtrec.dot11.fcs import append, flip
from wtrec.dot11.mac import data_frame, udp_datagram
from wtrec.dot11.radiotap import Flags, build
from wtrec.recorder.tun import MonitorTun

from .. import forked

WTREC = str(Path(sys.executable).with_name("wtrec"))
AP, STATION = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
COUNTERS = {
    "isb_ifrecv": "received",
    "isb_filteraccept": "received",
    "isb_osdrop": "dropped_by_kernel",
    "isb_usrdeliv": "written",
}

pytestmark = [
    pytest.mark.root,
    pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning"),  # pcapng's
]


def packets(path: Path) -> Iterator[bytes]:
    """The data of each Enhanced Packet Block: nothing but the lengths is looked at."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        at = 0
        while at < len(data):
            kind, length = struct.unpack_from("<II", data, at)
            if kind == 6:
                (captured,) = struct.unpack_from("<I", data, at + 20)
                yield data[at + 28 : at + 28 + captured]
            assert data[at + length - 4 : at + length] == struct.pack("<I", length)
            at += length


def pcapng_blocks(path: Path) -> list[Any]:
    """Every block as python-pcapng reads it."""
    with path.open("rb") as file:
        return list(pcapng.FileScanner(file))


def statistics(path: Path) -> dict[str, Any]:
    """The options of the statistics block, which is the last block."""
    last = pcapng_blocks(path)[-1]
    assert isinstance(last, blocks.InterfaceStatistics)
    return dict(last.options)


def udp_frame(port: int, number: int, *, bad: bool = False) -> bytes:
    """A data frame with a datagram for a port, behind a Radiotap header; good, or one bit off."""
    packet = udp_datagram("10.0.0.1", "10.0.0.2", 4000, port, number.to_bytes(4, "big") * 50)
    mpdu = append(data_frame(packet, addr1=STATION, addr2=AP, addr3=AP, from_ds=True))
    flags = Flags.FCS | Flags.BAD_FCS if bad else Flags.FCS
    return build(tsft=number, flags=flags, rate=12) + (flip(mpdu, [999]) if bad else mpdu)


def random_frames(count: int) -> Iterator[bytes]:
    """Always the same frames of random bytes and lengths."""
    source = random.Random(802.11)
    for _ in range(count):
        yield source.randbytes(source.randint(1, 2500))


class TestFrames:
    """What comes out is what went in."""

    @pytest.mark.parametrize(
        ("count", "ring"), [(40_000, "32"), pytest.param(200_000, "128", marks=pytest.mark.slow)]
    )
    def test_every_byte(
        self, capturing: Any, mon0: MonitorTun, tmp_path: Path, count: int, ring: str
    ) -> None:
        """Frames of any bytes and lengths are written in order, unchanged, and all of them.

        They go round the ring more than once.
        """
        with capturing(tmp_path / "run.pcapng", "-c", f"{count}", "-B", ring) as running:
            running.send_paced(mon0, random_frames(count))
            assert running.end() == 0
        counters = running.run.counters
        assert counters is not None
        assert (counters.received, counters.dropped_by_kernel, counters.written) == (
            count,
            0,
            count,
        )
        pairs = zip(packets(running.path), random_frames(count), strict=True)
        assert all(found == sent for found, sent in pairs)

    def test_peers_read_it(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """tshark, capinfos, tcpdump and dpkt count the same frames and complain of nothing."""
        path = tmp_path / "run.pcapng"
        with capturing(path, "-c", "2000", "--comment", "a short wire") as running:
            running.send_paced(mon0, (udp_frame(5005, n, bad=n % 10 == 0) for n in range(2000)))
            assert running.end() == 0

        flags = tool("tshark", "-r", path, "-Tfields", "-eframe.packet_flags").split()
        assert [flags.count("0x00000081"), flags.count("0x01000081")] == [1800, 200]
        checked = tool(
            "tshark", "-r", path, "-owlan.check_checksum:TRUE", "-Tfields", "-ewlan.fcs.status"
        )
        assert [checked.split().count("1"), checked.split().count("0")] == [1800, 200]
        assert len(tool("tcpdump", "-nr", path).splitlines()) == 2000
        about = tool("capinfos", "-M", path)
        assert "Number of packets:   2000" in about
        assert "Capture comment:     a short wire" in about
        with path.open("rb") as file:
            assert sum(1 for _ in dpkt.pcapng.Reader(file)) == 2000

    def test_bad_frames_are_counted(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """The driver's claims are counted, and shown as its claims."""
        with capturing(tmp_path / "run.pcapng", "-c", "100") as running:
            running.send_paced(mon0, (udp_frame(5005, n, bad=n % 4 == 0) for n in range(100)))
            assert running.end() == 0
        assert running.run.counters is not None
        assert running.run.counters.bad_fcs == 25
        assert "bad FCS                      25  (25.0%, the driver's claim)" in running.said

    def test_times(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames carry the time at which they came, in nanoseconds."""
        before = time.time_ns()
        with capturing(tmp_path / "run.pcapng", "-c", "10") as running:
            mon0.write_many(udp_frame(5005, n) for n in range(10))
            assert running.end() == 0
        times = [
            block.timestamp_high << 32 | block.timestamp_low
            for block in pcapng_blocks(running.path)
            if isinstance(block, blocks.EnhancedPacket)
        ]
        assert times == sorted(times)
        assert before <= running.run.start < times[0]
        assert times[-1] <= (running.run.end or 0) <= time.time_ns()

    def test_snap_length(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames are cut, and say how long they were."""
        frames = [bytes(range(n)) for n in range(1, 201)]
        with capturing(tmp_path / "run.pcapng", "-s", "64", "-c", "200") as running:
            running.send_paced(mon0, frames)
            assert running.end() == 0
        assert list(packets(running.path)) == [frame[:64] for frame in frames]
        read = [b for b in pcapng_blocks(running.path) if isinstance(b, blocks.EnhancedPacket)]
        assert [block.packet_len for block in read] == list(range(1, 201))
        assert running.run.snap_length == 64


class TestFilter:
    """The kernel lets through what the filter accepts, and nothing before it is in place."""

    @pytest.mark.parametrize("form", ["expression", "-dd", "-ddd"])
    def test_exactly_the_matching_frames(
        self, capturing: Any, mon0: MonitorTun, tmp_path: Path, form: str
    ) -> None:
        """An expression and both text forms of its program record the same frames."""
        wanted = [udp_frame(5005, n) for n in range(300)]
        others = [udp_frame(5006, n) for n in range(300)] + list(random_frames(300))
        mixed = random.Random(1).sample([*wanted, *others], 900)
        arguments = ["-f", "udp port 5005"]
        if form != "expression":
            program = tool("tcpdump", form, "-i", "mon0", "udp port 5005")
            (tmp_path / "filter.bpf").write_text(program)
            arguments = ["--bpf-file", str(tmp_path / "filter.bpf")]
        with capturing(tmp_path / "run.pcapng", *arguments) as running:
            running.send_paced(mon0, mixed)
            mon0.write(udp_frame(5005, 300))
            running.wait_for_bytes(300 * len(wanted[0]))
            assert running.end(signal.SIGINT) == 0
        expected = [frame for frame in mixed if frame in set(wanted)]
        assert list(packets(running.path)) == [*expected, udp_frame(5005, 300)]
        recorded = running.run.filter
        assert recorded is not None
        assert recorded.text == ("udp port 5005" if form == "expression" else None)
        assert recorded.program == tool("tcpdump", "-ddd", "-i", "mon0", "udp port 5005")

    def test_capinfos_shows_it(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """The filter's text is in the capture."""
        with capturing(tmp_path / "run.pcapng", "-f", "udp port 5005", "-c", "1") as running:
            mon0.write(udp_frame(5005, 0))
            assert running.end() == 0
        assert "Filter string = udp port 5005" in tool("capinfos", running.path)
        assert "3 more fields (up to 11 bytes of a frame): a frame with an error" in running.said

    def test_mended(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """A filter that libpcap compiles wrongly records what it should, named filters too."""
        frames = [udp_frame(5005, n) for n in range(50)] + [udp_frame(5006, n) for n in range(50)]
        with capturing(tmp_path / "run.pcapng", "-f", "no-retries and test-traffic") as running:
            mon0.write_many(frames)
            running.wait_for_bytes(50 * len(frames[0]))
            assert running.end(signal.SIGINT) == 0
        assert list(packets(running.path)) == frames[:50]
        assert "warning: libpcap compiles this filter wrongly" in running.said
        recorded = running.run.filter
        assert recorded is not None
        assert recorded.text == "(wlan[1] & 0x08 = 0) and (udp port 5005)"
        wrong = tool("tcpdump", "-ddd", "-i", "mon0", recorded.text)
        assert recorded.program != wrong

    def test_a_fair_filter(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """Broken frames alone can be recorded by the driver's claim, which needs no note."""
        frame = append(data_frame(bytes(20), addr1=AP, addr2=STATION, addr3=AP, to_ds=True))
        good = build(tsft=1, flags=Flags.FCS) + frame
        bad = build(tsft=1, flags=Flags.FCS | Flags.BAD_FCS) + flip(frame, [7, 77])
        with capturing(tmp_path / "run.pcapng", "-f", "bad-fcs", "-c", "9") as running:
            mon0.write_many([good, bad] * 9)
            assert running.end() == 0
        assert list(packets(running.path)) == [bad] * 9
        assert "note" not in running.said
        assert "warning" not in running.said


class TestEnd:
    """Every way out leaves a whole capture with statistics, and says what was lost."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_signal(
        self, capturing: Any, mon0: MonitorTun, tmp_path: Path, number: signal.Signals
    ) -> None:
        """A signal ends it after the frames that came before."""
        with capturing(tmp_path / "run.pcapng", "--meta", "room=B2-107") as running:
            mon0.write_many(random_frames(500))
            assert running.end(number) == 0
        assert list(packets(running.path)) == list(random_frames(500))
        run = running.run
        assert run.ended_by == number.name
        assert run.meta == {"room": "B2-107"}
        options = statistics(running.path)
        for option, counter in COUNTERS.items():
            assert options[option] == getattr(run.counters, counter)
        assert f"run.pcapng: ended by {number.name}" in running.said
        assert "written                     500" in running.said

    def test_run_json_describes_the_capture(
        self, capturing: Any, mon0: MonitorTun, tmp_path: Path
    ) -> None:
        """The section header holds the same run, and the file's size and hash are right."""
        with capturing(tmp_path / "run.pcapng", "-c", "1", "--comment", "ein Schuß") as running:
            mon0.write(b"frame")
            assert running.end() == 0
        run, data = running.run, running.path.read_bytes()
        comments = pcapng_blocks(running.path)[0].options.get_all("opt_comment")
        assert comments[0] == run.comment == "ein Schuß"
        begun = Run.from_json(comments[1])
        assert (begun.run_id, begun.start, begun.end) == (run.run_id, run.start, None)
        assert [(f.name, f.bytes, f.sha256) for f in run.files] == [
            ("run.pcapng", len(data), hashlib.sha256(data).hexdigest())
        ]

    def test_count_is_exact(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """It writes no frame more than asked for, and names the reason."""
        with capturing(tmp_path / "run.pcapng", "-c", "123") as running:
            mon0.write_many(random_frames(500))
            assert running.end() == 0
        assert list(packets(running.path)) == list(random_frames(123))
        assert running.run.ended_by == "packets"

    def test_duration(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """It ends by itself without a frame, and later frames are not in it."""
        with capturing(tmp_path / "run.pcapng", "-a", "duration:0.5", ready=False) as running:
            while running.process.poll() is None:
                mon0.write(b"frame")
                time.sleep(0.001)
            assert running.end() == 0
        run = running.run
        assert run.ended_by == "duration"
        assert (run.end or 0) - run.start == pytest.approx(500_000_000, abs=1_000_000)
        times = [
            block.timestamp_high << 32 | block.timestamp_low
            for block in pcapng_blocks(running.path)
            if isinstance(block, blocks.EnhancedPacket)
        ]
        assert times[-1] <= (run.end or 0)

    def test_file_size(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """The file, statistics included, is as large as allowed and not larger."""
        frames = itertools.repeat(bytes(1000), 500)
        with capturing(tmp_path / "run.pcapng", "-a", "filesize:100", "-c", "9999") as running:
            running.send_paced(mon0, frames)
            assert running.end() == 0
        assert running.run.ended_by == "filesize"
        assert 100_000 - 1044 < running.path.stat().st_size <= 100_000
        assert statistics(running.path)["isb_usrdeliv"] == len(list(packets(running.path)))

    def test_full_disk(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """A full disk ends it with a valid capture, statistics and run.json, and exit code 1."""
        disk = tmp_path / "disk"
        disk.mkdir()
        tool("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk)
        try:
            with capturing(disk / "run.pcapng") as running:
                running.send_paced(mon0, random_frames(8000))
                assert running.end() == 1
            found = list(packets(running.path))
            assert 1000 < len(found) < 3000
            assert found == list(random_frames(len(found)))
            assert f"{len(found)}" in tool("capinfos", "-M", "-c", running.path)
            assert statistics(running.path)["isb_usrdeliv"] == len(found)
            assert running.run.ended_by == "write failed"
            assert running.run.counters is not None
            assert running.run.counters.written == len(found)
            assert "run.pcapng: No space left on device" in running.said
            assert "; make room, or keep fewer files" in running.said
        finally:
            tool("umount", disk)

    def test_interface_gone(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """An interface that is taken away ends it with all frames, and exit code 1."""
        with capturing(tmp_path / "run.pcapng") as running:
            mon0.write_many(random_frames(500))
            mon0.close()
            assert running.end() == 1
        assert list(packets(running.path)) == list(random_frames(500))
        assert running.run.ended_by == "interface gone"
        assert "error: mon0 is gone" in running.said
        assert statistics(running.path)["isb_usrdeliv"] == 500

    def test_interface_down(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """An interface that is set down ends it, too."""
        with capturing(tmp_path / "run.pcapng") as running:
            mon0.write(b"frame")
            tool("ip", "link", "set", "mon0", "down")
            assert running.end() == 1
        assert list(packets(running.path)) == [b"frame"]
        assert running.run.ended_by == "interface down"

    def test_kernel_drops(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames that found the ring full are counted everywhere, and the exit code is 3."""
        with capturing(tmp_path / "run.pcapng", "-B", "1") as running:
            running.process.send_signal(signal.SIGSTOP)
            mon0.write_many(random_frames(5000))
            running.process.send_signal(signal.SIGCONT)
            assert running.end(signal.SIGINT) == 3
        counters = running.run.counters
        assert counters is not None
        assert counters.received == 5000
        assert counters.dropped_by_kernel > 1000
        assert counters.written == len(list(packets(running.path)))
        assert counters.written + counters.dropped_by_kernel == 5000
        assert statistics(running.path)["isb_osdrop"] == counters.dropped_by_kernel

    def test_killed(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """What was written before it was killed is a whole capture of a run without an end."""
        with capturing(tmp_path / "run.pcapng") as running:
            before = running.path.stat().st_size
            mon0.write_many(random_frames(500))
            blocks = sum(32 + len(frame) + -len(frame) % 4 for frame in random_frames(500))
            running.wait_for_bytes(before + blocks)
            assert running.process.poll() is None, running.run
            assert running.end(signal.SIGKILL) == -signal.SIGKILL
        assert list(packets(running.path)) == list(random_frames(500))
        assert running.run.end is None


class TestTerminal:
    """What a user sees while it runs."""

    def test_progress(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """On a terminal, a line shows frames, share of bad ones, drops and size."""
        said = on_terminal(mon0, ["capture", "mon0", "-w", tmp_path / "r.pcapng"], "dropped")
        assert re.search(
            r"[\d,]+ frames, [\d,]+/s, 100.0% bad FCS, 0 dropped, r.pcapng \d+.\d MB", said
        )
        assert re.search(r"hashing \d+.\d MB; Ctrl-C leaves the hash out", said)
        assert "ended by SIGINT" in said

    def test_live_table(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """With --live, a table by rate, and once more in the end."""
        command = ["capture", "mon0", "-w", tmp_path / "r.pcapng", "--live"]
        said = on_terminal(mon0, command, "100.0%")
        assert said.count("claimed bad") >= 2
        assert re.search(r"\n +6 +[\d,]+ +[\d,]+ +100.0% +[\d,]+ +0 +-\r\n", said)
        assert "not in this table" not in said

    def test_quiet(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """-q hides it, not the summary."""
        arguments = ["-a", "duration:2.5", "-q"]
        arguments += ["-i", "mon0"]
        said = on_terminal(mon0, ["capture", "-w", tmp_path / "r.pcapng", *arguments])
        assert "frames, " not in said
        assert "ended by duration" in said


class TestRefused:
    """What cannot be captured is refused in one line with the next step, and leaves no file."""

    @pytest.mark.parametrize(
        ("arguments", "code", "message"),
        [
            (["nix0"], 1, "nix0: no such interface; monitor interfaces here: mon0"),
            (["lo"], 1, "lo is loopback (772), wanted 802.11 Radiotap (803); make a monitor"),
            (["mon0", "-f", "udp prt 1"], 1, "filter 'udp prt 1': "),
            (["mon0", "-a", "filesize:1", "--comment", "x" * 999], 1, "1000 bytes has no room"),
            (["mon0", "--comment", "ä" * 33_000], 2, "at most 65,535 bytes, found 66,000"),
            (["mon0", "-w", "nowhere/x.pcapng"], 1, "nowhere/x.pcapng: cannot write there"),
            (["mon0", "-a", "frames:9"], 2, "wanted duration:SECONDS, packets:N, filesize:KB or"),
            (["mon0", "-a", "files:9"], 2, "-b says when another one begins"),
            (["mon0", "-b", "files:9"], 2, "nothing says when a new file begins"),
            (["mon0", "-Z", "nobody-here"], 1, "nobody-here: no such user"),
            (["mon0", "--channel", "6"], 1, "neither channel nor flags: leave out --channel"),
            (["mon0", "--no-fcsfail"], 1, "mon0 is no monitor interface of a wireless card"),
            (["mon0", "--channel", "abc"], 1, "channel 'abc': wanted a channel of 2.4 GHz"),
            (["mon0", "--width", "80"], 2, "--width is the width of a --channel: give both"),
            (["mon0", "-i", "mon0"], 1, "mon0 is named twice"),
            ([], 2, "no interface: wtrec capture mon0; wtrec monitor list shows them"),
            (["mon0", "-a", "duration:nan"], 2, "found 'duration:nan'"),
            (["mon0", "--meta", "room"], 2, "wanted key=value, found 'room'"),
            (["mon0", "--time-stamp-type", "adapter"], 1, "no time stamps of the card's clock"),
            (["mon0", "-c", "0"], 2, "0 is not in the range"),
            (["mon0", "-f", "udp", "--bpf-file", "/dev/null"], 2, "take one"),
        ],
    )
    def test_message(
        self, mon0: MonitorTun, tmp_path: Path, arguments: list[str], code: int, message: str
    ) -> None:
        """The exit code says whether the call or the capture was wrong."""
        assert mon0.name == "mon0"
        done = forked.run(["capture", *arguments], cwd=tmp_path)
        assert (done.returncode, done.stdout) == (code, "")
        assert message in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_interface_that_is_down(self, capturing: Any, mon0: MonitorTun, tmp_path: Path) -> None:
        """A monitor interface has to be up."""
        tool("ip", "link", "set", mon0.name, "down")
        with capturing(tmp_path / "run.pcapng") as running:
            assert running.end() == 1
        assert "mon0 is down; bring it up: ip link set mon0 up" in running.said

    @pytest.mark.parametrize("name", ["run.pcapng", "run.json"])
    def test_existing_files(self, mon0: MonitorTun, tmp_path: Path, name: str) -> None:
        """Neither a capture nor a run.json is overwritten, unless by force."""
        (tmp_path / name).write_bytes(b"mine")
        words = ["capture", mon0.name, "-w", tmp_path / "run.pcapng", "-a", "duration:0.1"]
        done = forked.run(words)
        assert done.returncode == 1
        assert f"{name} exists; " in done.stderr
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
        assert forked.run([*words, "--force"]).returncode == 0
        assert json.loads((tmp_path / "run.json").read_text())["ended_by"] == "duration"

    def test_broken_program(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """A program that does not parse is named with its file and line."""
        (tmp_path / "f.bpf").write_text("1\n6 0 0\n")
        done = forked.run(["capture", mon0.name, "--bpf-file", tmp_path / "f.bpf"])
        assert done.returncode == 1
        assert "f.bpf: line 2: wanted" in done.stderr

    def test_no_rights(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Without CAP_NET_RAW it says so."""
        done = subprocess.run(
            [
                "setpriv",
                "--bounding-set=-net_raw",
                "--inh-caps=-net_raw",
                WTREC,
                "capture",
                mon0.name,
                "-w",
                str(tmp_path / "run.pcapng"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "mon0: no right to capture; it needs CAP_NET_RAW" in done.stderr


def on_terminal(mon0: MonitorTun, command: Sequence[object], until: str = "\0") -> str:
    """What a command writes to its terminal while bad frames come, until it has said something."""
    ours, theirs = pty.openpty()
    process = forked.popen(command, stderr=theirs)
    os.close(theirs)
    said, asked = "", False
    with contextlib.suppress(OSError):  # that is how a terminal ends
        while True:
            mon0.write(udp_frame(5005, 1, bad=True))
            if select.select([ours], [], [], 0.005)[0]:
                said += os.read(ours, 10_000).decode()
            if until in said and not asked:
                process.send_signal(signal.SIGINT)
                asked = True
    os.close(ours)
    assert process.wait(30) == 0
    return said


def tool(name: str, *arguments: object) -> str:
    """What another tool prints; it must have no complaint."""
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, text=True, check=True)
    complaints = [
        line
        for line in done.stderr.splitlines()
        if not line.startswith(("reading from file", "Running as user"))
    ]
    assert complaints == []
    return done.stdout
