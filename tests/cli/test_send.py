"""``wtrec send`` and ``wtrec receive`` as their users run them, through a pair of interfaces."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wtrec.cli.analyze import analyze
from wtrec.cli.send import send as send_command
from wtrec.datasets.journal import Journal
from wtrec.datasets.members import from_rfc3339
from wtrec.datasets.payload import run_key, self_describing
from wtrec.datasets.txlog import TX, open_tx_log, packets
from wtrec.dot11 import fcs, radiotap
from wtrec.dot11.radiotap import Flags
from wtrec.recorder.interface import has_listener
from wtrec.recorder.tun import MonitorTun

from .. import forked

WTREC = str(Path(sys.executable).with_name("wtrec"))
RUN = "00112233445566778899aabbccddeeff"


def send(folder: Path, *words: str, code: int = 0) -> str:
    """Run ``wtrec send`` to its end; what it said."""
    done: subprocess.CompletedProcess[str] = forked.run(["send", *words], cwd=folder)
    assert done.returncode == code, done.stderr
    return done.stderr


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


def metadata(path: Path) -> dict[str, str]:
    with open_tx_log(path) as log:
        return log.metadata


class Receiving:
    """A running ``wtrec receive`` whose output goes to a file, however much it is."""

    def __init__(self, words: Sequence[str], there: Sequence[str]) -> None:
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115 - close() closes it
        streams: dict[str, Any] = {"stdout": self._out, "stderr": subprocess.PIPE, "text": True}
        self.process = (
            subprocess.Popen([*there, WTREC, "receive", *words], **streams)
            if there
            else forked.popen(["receive", *words], **streams)
        )
        assert self.process.stderr is not None
        said = self.process.stderr.readline()
        assert said.startswith("receiving on"), said

    def end(self, code: int = 0, number: int | None = None) -> tuple[str, str]:
        """Let it end, or make it; what it printed, and what it said."""
        if number is not None:
            time.sleep(0.3)  # what is on its way arrives
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        assert self.process.returncode == code, said
        self._out.seek(0)
        return self._out.read(), said

    def packets(self, code: int = 0, number: int | None = None) -> tuple[list[dict[str, Any]], str]:
        """The same, of --json."""
        out, said = self.end(code, number)
        return [json.loads(line) for line in out.splitlines()], said

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.communicate()
        self._out.close()


@contextmanager
def receiving(*words: str, there: Sequence[str] = ()) -> Iterator[Receiving]:
    """A receiver that is ready."""
    receiver = Receiving(words, there)
    try:
        yield receiver
    finally:
        receiver.close()


@pytest.mark.root
class TestPair:
    """From one network into another."""

    def test_udp(self, veth: Any, tmp_path: Path) -> None:
        """What is received is what the log has: ids, bytes, order."""
        with receiving(
            veth.name_there, "-p", "6001", "-t", "30", "-c", "300", "--json", there=veth.there
        ) as receiver:
            said = send(
                tmp_path,
                *[veth.address_there, "-p", "6001", "-w", "run.pcapng", "--pps", "2000"],
                *["-c", "300", "--length", "200", "--run-id", RUN, "-i", veth.name_here],
            )
            received, summary = receiver.packets()
        assert "sent                        300" in said
        log = rows(tmp_path / "run.tx.parquet")
        assert [row["packet_id"] for row in log] == list(range(300))
        assert [packet["packet_id"] for packet in received] == list(range(300))
        assert [bytes.fromhex(packet["data"]) for packet in received] == [
            row["original"] for row in log
        ]
        assert log[37]["original"] == self_describing(run_key(RUN), 37, 200)
        assert {packet["run_key"] for packet in received} == {RUN[:16]}
        assert {packet["sender"].split()[0] for packet in received} == {veth.address_here}
        assert {(row["layer"], row["length"], row["destination"]) for row in log} == {
            ("payload", 200, veth.address_there)
        }
        assert f"run {RUN[:16]}: 300 packets from 0 to 299, 0 lost" in summary
        assert [path.name for path in tmp_path.iterdir()] == ["run.tx.parquet"]

    def test_times_are_before_the_arrival(self, veth: Any, tmp_path: Path) -> None:
        """A packet is logged with a time right before the kernel of the receiver has it."""
        with receiving(
            *[veth.name_there, "-m", "bpf", "-c", "20", "-t", "30", "--json"], there=veth.there
        ) as receiver:
            send(tmp_path, veth.address_there, "-c", "20", "--pps", "500", "-w", "run")
            received, _ = receiver.packets()
        assert [packet["packet_id"] for packet in received] == list(range(20))
        times = pq.read_table(tmp_path / "run.tx.parquet")["time"].cast("int64").to_pylist()
        for packet, sent in zip(received, times, strict=True):
            assert -1_000_000 < from_rfc3339(packet["time"]) - sent < 2 * 10**9

    def test_tcp(self, veth: Any, tmp_path: Path) -> None:
        """Messages of a known length come out of the stream as they went in."""
        with receiving(
            *[veth.name_there, "-m", "TCP", "-p", "6002", "-b", "1000", "-c", "50", "--json"],
            there=veth.there,
        ) as receiver:
            send(
                tmp_path,
                *[veth.address_there, "-m", "tcp", "-p", "6002", "-w", "a", "-c", "50", "-d", "0"],
            )
            received, _ = receiver.packets()
        assert [bytes.fromhex(packet["data"]) for packet in received] == [
            row["original"] for row in rows(tmp_path / "a.tx.parquet")
        ]
        assert metadata(tmp_path / "a.tx.parquet")["mode"] == "tcp"

    def test_tcp_receiver_that_goes_away(self, veth: Any, tmp_path: Path) -> None:
        """The run ends with an error, and its log is whole."""
        with receiving(
            veth.name_there, "-m", "tcp", "-b", "100", "-c", "5", there=veth.there
        ) as receiver:
            said = send(
                tmp_path,
                *[veth.address_there, "-m", "tcp", "-w", "a", "--pps", "200", "--length", "100"],
                code=1,
            )
            receiver.end()
        assert f"wtrec: {veth.address_there}: " in said
        log = rows(tmp_path / "a.tx.parquet")
        assert [row["packet_id"] for row in log] == list(range(len(log)))
        assert len(log) >= 5
        assert metadata(tmp_path / "a.tx.parquet")["ended_by"] == "error"

    def test_bpf(self, veth: Any, tmp_path: Path) -> None:
        """Only frames that the filter lets through are shown, each whole."""
        with receiving(
            *[veth.name_there, "-m", "bpf", "-p", "6003", "-c", "3", "-t", "30", "--json"],
            there=veth.there,
        ) as receiver:
            for port in ("6004", "6003"):
                send(
                    tmp_path,
                    *[veth.address_there, "-p", port, "--fill", "msgN", "-c", "3", "-w", port],
                )
            received, _ = receiver.packets()
        frames = [bytes.fromhex(packet["data"]) for packet in received]
        assert [frame[36:38] for frame in frames] == [(6003).to_bytes(2, "big")] * 3
        assert [frame[42:] for frame in frames] == [b"msg0", b"msg1", b"msg2"]
        assert all("radiotap" not in packet for packet in received)

    def test_raw(self, veth: Any, tmp_path: Path) -> None:
        """Every frame is shown, whichever its port, ARP's too."""
        with receiving(veth.name_there, "-m", "raw", "--json", there=veth.there) as receiver:
            for port in ("6005", "6006"):
                send(
                    tmp_path,
                    *[veth.address_there, "-p", port, "--fill", "msgN", "-c", "2", "-w", port],
                )
            received, _ = receiver.packets(number=signal.SIGINT)
        frames = [bytes.fromhex(packet["data"]) for packet in received]
        udp = [frame for frame in frames if frame[12:14] == b"\x08\x00" and frame[23] == 17]
        assert [(frame[36:38], frame[42:]) for frame in udp] == [
            (int(port).to_bytes(2, "big"), text)
            for port in ("6005", "6006")
            for text in (b"msg0", b"msg1")
        ]
        assert {frame[12:14] for frame in frames} >= {b"\x08\x00", b"\x08\x06"}

    def test_full_queue(self, veth: Any, tmp_path: Path) -> None:
        """A slow interface makes the sender wait; what it logs has arrived, all of it."""
        subprocess.run(
            f"tc qdisc add dev {veth.name_here} root tbf rate 8mbit burst 3kb limit 6kb".split(),
            check=True,
        )
        with receiving(veth.name_there, "-c", "400", "-t", "30", "--json", there=veth.there) as it:
            said = send(tmp_path, veth.address_there, "-d", "0", "-c", "400", "-w", "a")
            received, _ = it.packets()
        assert "queue full" in said
        assert int(metadata(tmp_path / "a.tx.parquet")["full_queue"]) > 0
        assert [packet["packet_id"] for packet in received] == list(range(400))
        assert len(rows(tmp_path / "a.tx.parquet")) == 400

    def test_nobody_listens(self, veth: Any, tmp_path: Path) -> None:
        """Errors that come back are counted, and every packet is sent."""
        said = send(tmp_path, veth.address_there, "-c", "50", "--pps", "500", "-w", "a")
        assert "refused" in said
        assert "sent                         50" in said
        assert int(metadata(tmp_path / "a.tx.parquet")["refused"]) > 0

    def test_cut(self, veth: Any, tmp_path: Path) -> None:
        """With -b, packets have their whole length and the bytes that were asked for."""
        with receiving(
            *[veth.name_there, "-b", "10", "-c", "4", "-t", "30", "--json"], there=veth.there
        ) as receiver:
            send(tmp_path, veth.address_there, "-c", "4", "-w", "a", "--length", "100")
            received, summary = receiver.packets()
        assert [packet["length"] for packet in received] == [100] * 4
        assert [len(packet["data"]) for packet in received] == [20] * 4
        assert {packet["packet_id"] for packet in received} == {None}
        assert "cut by -b                     4" in summary

    def test_lost(self, veth: Any) -> None:
        """Ids that are missing are counted as lost, those that come twice as copies."""
        with receiving(veth.name_there, "-t", "30", "-c", "7", "--json", there=veth.there) as it:
            key = run_key(RUN)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for packet_id in (3, 4, 4, 9, 5, 12):
                    sock.sendto(self_describing(key, packet_id, 80), (veth.address_there, 5005))
                sock.sendto(b"somebody else's", (veth.address_there, 5005))
            _, summary = it.packets()
        assert f"run {key.hex()}: 5 packets from 3 to 12, 5 lost between these, 1 copies" in summary
        assert "damaged or other              1" in summary

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_signals(self, veth: Any, tmp_path: Path, number: signal.Signals) -> None:
        """A signal ends sender and receiver cleanly, with all that was sent in the log."""
        with (
            receiving(veth.name_there, "--json", there=veth.there) as receiver,
            forked.popen(
                ["send", veth.address_there, "-w", "a", "--pps", "500"],
                cwd=tmp_path,
                stderr=subprocess.PIPE,
                text=True,
            ) as sender,
        ):
            journal = tmp_path / "a.tx.arrows"
            while not journal.exists() or journal.stat().st_size < 60_000:
                assert sender.poll() is None
                time.sleep(0.02)
            sender.send_signal(number)
            _, said = sender.communicate(timeout=30)
            assert sender.returncode == 0, said
            received, summary = receiver.packets(number=number)
        assert f"ended by {number.name}" in said
        assert f"ended by {number.name}" in summary
        sent = [row["packet_id"] for row in rows(tmp_path / "a.tx.parquet")]
        assert sent == [packet["packet_id"] for packet in received]
        assert metadata(tmp_path / "a.tx.parquet")["ended_by"] == number.name
        assert not journal.exists()

    def test_kill(self, veth: Any, tmp_path: Path) -> None:
        """After kill -9 the journal has all packets but those of the last moment."""
        with (
            receiving(veth.name_there, "--json", there=veth.there) as receiver,
            forked.popen(
                ["send", veth.address_there, "-w", "a", "--pps", "2000"], cwd=tmp_path
            ) as sender,
        ):
            journal = tmp_path / "a.tx.arrows"
            while not journal.exists() or journal.stat().st_size < 1_000_000:
                assert sender.poll() is None
                time.sleep(0.02)
            sender.kill()
            sender.wait()
            received, _ = receiver.packets(number=signal.SIGINT)
        assert [path.name for path in tmp_path.iterdir()] == ["a.tx.arrows"]
        with open_tx_log(journal) as log:
            logged = [n for batch in packets(log) for n in batch["packet_id"].to_pylist()]
            assert log.metadata["payload"] == "self"
        arrived = [packet["packet_id"] for packet in received]
        assert logged == arrived[: len(logged)]
        assert len(logged) > 800
        assert len(arrived) - len(logged) <= 512


class TestLoopback:
    """What needs no rights."""

    def test_full_disk(self, tmp_path: Path) -> None:
        """The run ends; the journal has all packets but those that are told as missing."""
        words = ["127.0.0.1", "-p", "5998", "-w", "a", "--pps", "5000", "--length", "1000"]
        done = subprocess.run(
            ["prlimit", "--fsize=700000", WTREC, "send", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert "a.tx.arrows: cannot write it: File too large" in done.stderr
        told = dict(re.findall(r"^  (sent|unlogged) +([\d,]+)", done.stderr, re.MULTILINE))
        numbers = {name: int(number.replace(",", "")) for name, number in told.items()}
        with open_tx_log(tmp_path / "a.tx.arrows") as log:
            logged = [n for batch in packets(log) for n in batch["packet_id"].to_pylist()]
        assert logged == list(range(numbers["sent"] - numbers["unlogged"]))
        assert 0 < numbers["unlogged"] <= 512

    def test_ipv6(self, tmp_path: Path) -> None:
        """Nobody listens there, which is counted; nothing is left out."""
        said = send(tmp_path, "::1", "-p", "5997", "-w", "a", "-c", "20", "--pps", "1000")
        assert "refused" in said
        log = rows(tmp_path / "a.tx.parquet")
        assert [row["packet_id"] for row in log] == list(range(20))
        assert {row["destination"] for row in log} == {"::1"}

    def test_clocks(self, tmp_path: Path) -> None:
        """The log says how its times were made, and what the kernel says of its clock."""
        before = time.time_ns()
        send(tmp_path, "127.0.0.1", "-p", "5996", "-w", "a", "-c", "2", "-d", "0.01")
        found = metadata(tmp_path / "a.tx.parquet")
        first = pq.read_table(tmp_path / "a.tx.parquet")["time"].cast("int64").to_pylist()[0]
        assert before < first < time.time_ns()
        drift = int(found["clock_offset_end_ns"]) - int(found["clock_offset_start_ns"])
        assert abs(drift) < 10**9
        for name in ("ntp_start", "ntp_end"):
            assert re.fullmatch(r"(un)?synchronized maxerror_us=\d+ esterror_us=\d+", found[name])
        (step,) = json.loads(found["steps"])
        assert (step["first_packet"], step["packets"]) == (0, 2)


@pytest.mark.root
class TestInject:
    """Frames into a simulated monitor interface."""

    def test_log_and_air_are_equal(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Out of the interface come a Radiotap header and the log's MPDU without the card's FCS."""
        send(
            tmp_path,
            *["192.0.2.2", "-m", "Inject", "-i", mon0.name, "-w", "a", "-c", "40", "--pps", "2000"],
            *["--rates", "6,54", "--powers", "15", "--length", "300", "--seed", "7"],
        )
        log = rows(tmp_path / "a.tx.parquet")
        assert len(log) == 80
        for row in log:
            frame = mon0.read(5)
            assert frame is not None
            header = radiotap.parse(frame)
            assert frame[header.length :] == row["original"][:-4]
            assert header.get("flags") == 0
            assert header.get("rate") == 2 * row["rate_mbps"]
            assert (row["layer"], row["length"]) == ("mpdu", 364)
            assert fcs.syndrome(row["original"]) == 0
        assert mon0.read(0) is None

    def test_seed(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """The same seed sends the same frames; another, or none, others."""
        found = []
        for name, words in (("a", ["7"]), ("b", ["7"]), ("c", ["8"])):
            send(
                tmp_path,
                *["192.0.2.2", "-m", "inject", "-i", mon0.name, "-w", name, "-c", "3", "-d", "0"],
                *["--seed", *words],
            )
            found.append([row["original"] for row in rows(tmp_path / f"{name}.tx.parquet")])
        assert found[0] == found[1]
        assert found[0] != found[2]

    def test_drops_of_the_interface(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Frames that the interface threw away, as nobody took them, are told."""
        said = send(
            tmp_path,
            *["192.0.2.2", "-m", "inject", "-i", mon0.name, "-w", "a", "-c", "1000", "-d", "0"],
            code=3,
        )
        assert "dropped                     500  (by mon0" in said
        assert len(rows(tmp_path / "a.tx.parquet")) == 1000


@pytest.mark.root
class TestReceiveFrames:
    """Frames from a monitor interface."""

    @staticmethod
    def frames() -> list[bytes]:
        from wtrec.recorder.inject import Header

        mpdu = Header(destination="192.0.2.2").mpdu(self_describing(run_key(RUN), 5, 100), 5)
        good = radiotap.build(flags=Flags.FCS, rate=108, dbm_antenna_signal=-48)
        bad = radiotap.build(flags=Flags.FCS | Flags.BAD_FCS, rate=12)
        return [good + mpdu, bad + fcs.flip(mpdu, [700]), good + fcs.append(b"\xd4\0" + bytes(8))]

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (["-m", "RAW"], [0, 1, 2]),
            (["-m", "BPF"], [0, 1]),
            (["-m", "bpf", "-f", "type ctl"], [2]),
        ],
    )
    def test_modes(self, mon0: MonitorTun, words: list[str], expected: list[int]) -> None:
        """Raw gives all, bpf what the filter says; the driver's claim and ours beside it."""
        with receiving(mon0.name, *words, "-t", "1", "--json") as receiver:
            frames = self.frames()
            mon0.write_many(frames)
            received, summary = receiver.packets()
        assert [bytes.fromhex(packet["data"]) for packet in received] == [
            frames[n] for n in expected
        ]
        claims = [(False, "good", 54.0), (True, "bad", 6.0), (False, "good", 54.0)]
        for n, packet in zip(expected, received, strict=True):
            said = packet["radiotap"]
            assert (said["bad_fcs"], said["fcs"], said["rate_mbps"]) == claims[n]
        ids = [packet["packet_id"] for packet in received]
        assert ids == [{0: 5}.get(n) for n in expected]
        assert f"bad FCS            {int(1 in expected):>12}" in summary

    def test_text(self, mon0: MonitorTun) -> None:
        """The line of the Radiotap header says what the seed report's said, then the dump."""
        with receiving(mon0.name, "-m", "raw", "-c", "2") as receiver:
            mon0.write_many(self.frames()[:2])
            out, _ = receiver.end()
        assert "radiotap  bad_fcs: false, FCS: good, rate: 54 Mbit/s, signal: -48 dBm\n" in out
        assert "radiotap  bad_fcs: true, FCS: bad, rate: 6 Mbit/s\n" in out
        assert "#1  " in out
        assert "\n000000  00 00" in out

    def test_program(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """A compiled filter from a file."""
        (tmp_path / "none.bpf").write_text("1\n6 0 0 0\n")
        with receiving(
            mon0.name, "-m", "bpf", "--bpf-file", str(tmp_path / "none.bpf"), "-t", "0.5", "--json"
        ) as receiver:
            mon0.write_many(self.frames())
            received, _ = receiver.packets()
        assert received == []

    def test_interface_that_goes_away(self, mon0: MonitorTun) -> None:
        """That is an error, not an endless wait."""
        with receiving(mon0.name, "-m", "raw", "--json") as receiver:
            assert has_listener(mon0.name)
            mon0.close()
            _, said = receiver.packets(code=1)
        assert "wtrec: mon0: Network is down" in said


class TestAnalysis:
    """What was sent is what `wtrec analyze` compares with."""

    @staticmethod
    def analyzed(capture: Path, code: int = 0) -> tuple[dict[str, Any], str]:
        words = [str(capture), "--format", "json", "--by", "tx_power_dbm"]
        done = CliRunner().invoke(analyze, words)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout), done.stderr

    @staticmethod
    def heard(mpdus: list[bytes]) -> list[bytes]:
        """Every fourth frame with a few errors, which are three bits each."""
        return [
            fcs.flip(mpdu, [700, 900 + n, 1100 + n]) if n % 4 == 0 else mpdu
            for n, mpdu in enumerate(mpdus)
        ]

    def check(self, capture: Path, truth: str, code: int = 0) -> str:
        """All ten bad frames of forty are matched, and their 30 errors are found."""
        found, said = self.analyzed(capture, code)
        assert f"truth: tx log {capture.parent}/{truth}\n" in said
        assert found["matching"]["matched"] == 10
        assert [(row["tx_power_dbm"], row["bit_errors"]) for row in found["by"]] == [
            (10.0, 15),
            (15.0, 15),
        ]
        return said

    def test_payloads(
        self,
        tmp_path: Path,
        write_capture: Callable[..., Path],
        udp_frame: Callable[..., bytes],
    ) -> None:
        """A log of UDP payloads, and the journal that a sender leaves when it is killed."""
        send(
            tmp_path,
            *["127.0.0.1", "-p", "5999", "-w", "a.pcapng", "-c", "20", "--pps", "1000"],
            *["--powers", "10,15", "--length", "200"],
        )
        log = tmp_path / "a.tx.parquet"
        mpdus = self.heard([udp_frame(row["original"], 1) for row in rows(log)])
        sent = pq.read_table(log)["time"].cast("int64").to_pylist()
        capture = write_capture(
            tmp_path / "a.pcapng", mpdus, times=[time_ + 100_000 for time_ in sent]
        )
        self.check(capture, "a.tx.parquet (payload)")

        with Journal(tmp_path / "a.tx.arrows", TX, metadata(log)) as journal:
            for batch in pq.read_table(log).cast(TX.schema).to_batches():
                journal.append(batch)
        log.unlink()
        said = self.check(capture, "a.tx.arrows (payload)", code=3)
        assert "a.tx.arrows: its sender did not come to its end" in said

    @pytest.mark.root
    def test_frames(
        self, mon0: MonitorTun, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """A log of injected frames, against what came out of the interface."""
        send(
            tmp_path,
            *["192.0.2.2", "-m", "inject", "-i", mon0.name, "-w", "a.pcapng", "-c", "20"],
            *["--pps", "1000", "--powers", "10,15", "--length", "200"],
        )
        frames = [mon0.read(5) or b"" for _ in range(40)]
        mpdus = self.heard([fcs.append(frame[radiotap.parse(frame).length :]) for frame in frames])
        sent = pq.read_table(tmp_path / "a.tx.parquet")["time"].cast("int64").to_pylist()
        capture = write_capture(
            tmp_path / "a.pcapng", mpdus, times=[time_ + 100_000 for time_ in sent]
        )
        self.check(capture, "a.tx.parquet (mpdu)")


class TestUsage:
    """What is refused before anything is sent."""

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["-d", "1", "--pps", "1"], "two ways to give one pace"),
            (["--step", "rate=1", "--rates", "6"], "two ways to give steps"),
            (["--rates", "6,9"], "several steps need a count"),
            (["-m", "inject"], "-m inject needs -i"),
            (["--ack"], "--ack: of -m inject alone"),
            (["--addr1", "1:2"], "wanted a MAC address"),
            (["--fill", "xyz"], "fill 'xyz', wanted self"),
            (["--length", "20"], "length=20, wanted 28 to 65507"),
            (["--length", "70000", "--fill", "zeros"], "length=70000, wanted 1 to 65507"),
            (["--run-id", "12"], "run_id='12', wanted 32 hex digits"),
            (["--pps", "0"], "wanted more than 0"),
            (["-d", "-1"], "wanted a number from 0 on"),
            (["--step", "rate=x"], "rate_mbps: wanted a number, found 'x'"),
            (["--hook", "echo {x}"], "the hook asks for {x}, the step has no values"),
            (["-m", "inject", "-i", "mon0", "--step", "rate=5.7"], "rate_mbps=5.7, wanted"),
        ],
    )
    def test_send(self, tmp_path: Path, words: list[str], message: str) -> None:
        """Exit code 2, a sentence, and no file."""
        done = CliRunner().invoke(send_command, ["127.0.0.1", "-w", str(tmp_path / "a"), *words])
        assert done.exit_code == 2
        assert message in done.output
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["no.such.host.invalid"], "no.such.host.invalid: no address"),
            (["127.0.0.1", "-i", "nix0"], "nix0: cannot send there: No such device"),
            (["127.0.0.1", "-m", "tcp", "-p", "9"], "127.0.0.1 port 9: no connection: Connection"),
            (["127.0.0.1", "-m", "inject", "-i", "lo"], "lo is loopback (772), wanted 802.11"),
            (["127.0.0.1", "-w", "no/such/a"], "no/such/a.tx.arrows: cannot write there: No such"),
        ],
    )
    def test_send_cannot_begin(self, tmp_path: Path, words: list[str], message: str) -> None:
        """Exit code 1, one line, and no file."""
        said = send(tmp_path, *words, "-c", "1", code=1)
        assert said.startswith("wtrec: ")
        assert message in said
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        ("words", "code", "message"),
        [
            (["lo", "-f", "udp"], 2, "-f and --bpf-file are for -m bpf"),
            (["lo", "-m", "raw", "-p", "1"], 2, "-p: raw takes every frame"),
            (["nix0"], 1, "nix0, port 5005: cannot receive there: no such interface"),
            (["nix0", "-m", "raw"], 1, "nix0: no such interface"),
            (["lo", "-m", "bpf", "-f", "nonsense"], 1, "filter 'nonsense'"),
        ],
    )
    def test_receive(self, words: list[str], code: int, message: str) -> None:
        """Exit code and a sentence."""
        done = forked.run(["receive", *words])
        assert done.returncode == code
        assert message in done.stderr
