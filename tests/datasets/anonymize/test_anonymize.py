from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from wtrec.analysis.again import differences, nameless
from wtrec.cli.main import wtrec
from wtrec.datasets.anonymize.anonymize import Manner, anonymize
from wtrec.datasets.anonymize.inputs import InputFile, InputRun
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.anonymize.originals import State
from wtrec.datasets.files import sha256_of
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.pcapng import (
    EnhancedPacket,
    InterfaceDescription,
    NameRecord,
    NameResolution,
    SectionHeader,
    read_block,
)
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.results import RESULTS
from wtrec.datasets.run import Run
from wtrec.datasets.sharing.verify import verify
from wtrec.dot11 import fcs, mac, radiotap

SAID = ("--title", "T", "--author", "Ada", "--licence", "CC0-1.0")
RELAY = bytes.fromhex("02a5c31f7e99")
CHECKSUM = (58, 60)  # bytes of a simulated frame
_BY_CHANCE = 2  # frames of 20,000 of which a checksum lets other false candidates pass
ALGORITHMS = ("crc-flip", "crc-event", "crc-dsss", "chase")


def _wtrec(*words: object) -> str:
    done = CliRunner().invoke(wtrec, [str(word) for word in words])
    assert done.exit_code in {0, 3}, done.output  # 3: masks of frames whose original is ambiguous
    return done.stdout


@functools.cache  # so that what they make of a capture is kept, too
def _makers(lookups: int) -> dict[str, Callable[[], Any]]:
    from wtrec.replay.algorithms.chase import Chase
    from wtrec.replay.algorithms.crc_dsss import CrcDsss
    from wtrec.replay.algorithms.crc_event import LOOKUPS, CrcEvent
    from wtrec.replay.algorithms.crc_flip import CrcFlip

    event = functools.partial(CrcEvent, lookups=min(lookups, LOOKUPS))
    return dict(zip(ALGORITHMS, (CrcFlip, event, CrcDsss, Chase), strict=True))


@dataclass
class Both:
    """A run, and its anonymised self.

    Attributes:
        before: Its capture.
        bag: The dataset.
        after: The capture in it.
        truth: What ``analyze`` is told of originals.
    """

    before: Path
    bag: Path
    truth: tuple[str, ...]

    @property
    def after(self) -> Path:
        """The capture in the dataset."""
        return next(self.bag.rglob("*.pcapng"))

    def analysis(self, capture: Path) -> dict[str, Any]:
        """All of an analysis but what names the file."""
        return _analysis(capture, self.truth)


@functools.cache
def _analysis(capture: Path, truth: tuple[str, ...]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(_wtrec("analyze", capture, *truth, "--format", "json"))
    for name in ("capture", "capture_sha256", "truth"):
        del value[name]
    return value


def _simulated(folder: Path, frames: int, key: Path, *points: object) -> Both:
    """Copies that only together can be repaired, with everything beside them."""
    capture = folder / "run.pcapng"
    words = ("--frames", frames, "--length", 400, "--copies", 2, "--retries", 1, "--seed", 7, "-q")
    _wtrec("simulate", "-w", capture, *points, *words)
    _wtrec("replay", capture, "--algo", "crc-flip", "-q")
    _wtrec("convert", capture, "-o", folder / "run.masks.parquet", "-q")
    _wtrec("convert", capture, "-o", folder / "run.frames.parquet", "-q")
    saved = ("--by", "addr2,rate", "--format", "json", "-o", folder / "run.analysis.json", "-q")
    _wtrec("analyze", capture, *saved)
    bag = folder / "s-1"
    _wtrec("dataset", "anonymize", "s", capture, *SAID, "--key-file", key, "-d", folder, "-q")
    return Both(capture, bag, ())


@pytest.fixture(scope="session")
def key_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file that is always the same."""
    path = tmp_path_factory.mktemp("key") / "key"
    path.touch(0o600)
    path.write_text("07" * 32)
    return path


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, key_path: Path) -> Both:
    """Some thousand frames."""
    return _simulated(tmp_path_factory.mktemp("small"), 450, key_path, "--rate", 54, "--snr", 17)


def _mpdus(capture: Path) -> Iterator[bytes]:
    with CaptureReader(capture) as reader:
        for frames in reader:
            yield from map(frames.mpdu, range(len(frames)))


def _same_frames(both: Both) -> None:
    """Status, syndrome, length and all that Radiotap and the file say of each frame."""
    with CaptureReader(both.before) as before, CaptureReader(both.after) as after:
        for one, other in zip(before, after, strict=True):
            for name in one.arrow.schema.names:
                if name not in {"mpdu", "addr1", "addr2", "addr3", "addr4"}:
                    assert one.column(name).equals(other.column(name)), name
    for old, new in zip(_mpdus(both.before), _mpdus(both.after), strict=True):
        assert len(old) == len(new)
        if len(old) >= fcs.LENGTH:
            assert fcs.syndrome(old) == fcs.syndrome(new)


def _same_answers(both: Both, answers: Callable[..., Any], lookups: int = 1 << 30) -> None:
    for name, make in _makers(lookups).items():
        before = answers(both.before, make)
        assert before == answers(both.after, make), name


def _hits_checksum(flips: tuple[int, ...]) -> bool:
    """Whether a candidate changes the UDP checksum, whose bits are others now."""
    return any(CHECKSUM[0] <= bit // 8 < CHECKSUM[1] for bit in flips)


class TestSimulated:
    """A simulated run, judged by its tx log."""

    def test_every_frame_has_the_errors_and_the_outcome_that_it_had(
        self, small: Both, answers: Callable[..., Any]
    ) -> None:
        """Syndromes, columns, and what four algorithms make of each frame."""
        _same_frames(small)
        for name, make in _makers(20_000).items():
            before, after = answers(small.before, make), answers(small.after, make)
            assert before.keys() == after.keys()
            others = [number for number in before if before[number] != after[number]]
            assert all(_hits_checksum(before[n][1] + after[n][1]) for n in others), name
            assert len(others) <= 1, name
        found = answers(small.before, _makers(1)["chase"])
        assert any(repaired for repaired, _ in found.values())

    def test_analysis_finds_the_same_numbers_results_and_all(self, small: Both) -> None:
        """BER, PER, histograms, patterns, scores: the whole JSON."""
        before = small.analysis(small.before)
        assert before["algorithms"]
        assert before == small.analysis(small.after)

    def test_the_tables_are_of_the_new_capture(self, small: Both) -> None:
        """The bag is sound, masks and results have the rows that they had."""
        assert verify(small.bag).problems == []
        for name in ("run.masks.parquet", "run.crc-flip.parquet"):
            old = pq.read_table(small.before.with_name(name))
            new = pq.read_table(small.after.with_name(name))
            assert old.equals(new)

    def test_a_saved_analysis_has_the_same_numbers(self, small: Both) -> None:
        """By the new addresses, which stand where no old one does."""
        before = json.loads(small.before.with_name("run.analysis.json").read_text())
        after = json.loads(small.after.with_name("run.analysis.json").read_text())
        count, wrong = differences(nameless(before), nameless(after))
        assert count > 1000
        assert wrong == []
        stations = [{group["addr2"] for group in said["by"]} for said in (before, after)]
        assert len(stations[0]) == len(stations[1]) > 2
        assert stations[0] & stations[1] <= {None}  # frames that, broken, have no second address
        assert after["truth"] == "tx log run.tx.parquet (mpdu)"

    def test_no_address_is_left(
        self, small: Both, found_texts: Callable[..., Any], found_strings: Callable[..., Any]
    ) -> None:
        """Not in any file, as bytes in either order, or as text."""
        assert _leaks(small, found_texts) == []
        assert found_strings(small.bag, _macs(small)) == 0
        assert found_texts(small.before.parent, _macs(small)) != []  # it does look

    def test_an_analysis_that_cannot_be_made_again_is_left_out(
        self, small: Both, tmp_path: Path
    ) -> None:
        """With a reason, a count and the exit code of a loss; so is one with other numbers."""
        for path in small.before.parent.glob("run.*"):
            shutil.copy(path, tmp_path)
        capture, saved = tmp_path / small.before.name, tmp_path / "run.analysis.json"
        said = json.loads(saved.read_text())
        spoilt = json.loads(saved.read_text())
        spoilt["by"][1]["bit_errors"] += 1
        cases = {
            "results of none": said | {"algorithms": [{"name": "none", "parameters": "{}"}]},
            "1 of its values differ": spoilt,
            "does not say how it was made": {"capture_sha256": said["capture_sha256"]},
            "is not here": said | {"capture_sha256": "0" * 64},
        }
        for number, (reason, content) in enumerate(cases.items()):
            saved.write_text(json.dumps(content))
            words = [str(number), str(capture), *SAID, "-d", str(tmp_path), "--format", "json"]
            done = CliRunner().invoke(wtrec, ["dataset", "anonymize", *words, "-q"])
            assert done.exit_code == 3, done.output
            assert "run.analysis.json: left out: " in done.stderr
            assert reason in done.stderr
            report = json.loads(done.stdout)
            assert (report["analyses"], report["analyses_left_out"]) == (0, 1)
            assert not list((tmp_path / f"{number}-1").rglob("*.analysis.json"))

    @pytest.mark.slow
    def test_replaced_payloads_are_gone_too(
        self, small: Both, key_path: Path, tmp_path: Path, found_strings: Callable[..., Any]
    ) -> None:
        """No six bytes of them, and still the same errors; the search finds what was kept."""
        words = (*SAID, "--key-file", key_path, "--payloads", "replace", "-d", tmp_path, "-q")
        _wtrec("dataset", "anonymize", "r", small.before, *words)
        replaced = Both(small.before, tmp_path / "r-1", ())
        payloads = _payloads(small.before)[::4]
        assert found_strings(replaced.bag, payloads) == 0
        assert found_strings(small.bag, payloads[:10]) > 0
        _same_frames(replaced)
        assert replaced.analysis(small.before) == replaced.analysis(replaced.after)

    def test_the_same_key_gives_the_same_again_and_of_a_dataset_too(
        self, small: Both, key_path: Path, tmp_path: Path
    ) -> None:
        """From the bag of the originals, in parts, to the same bytes; another key, others."""
        _wtrec(
            "dataset", "create", "o", small.before, *SAID, "-d", tmp_path, "--part-size", 1, "-q"
        )
        for name, words in (("a", ("--key-file", key_path)), ("b", ())):
            _wtrec("dataset", "anonymize", name, tmp_path / "o-1", "-d", tmp_path, *words, "-q")
        same, other = (next((tmp_path / f"{name}-1").rglob("*.pcapng")) for name in "ab")
        assert same.read_bytes() == small.after.read_bytes()
        assert other.read_bytes() != small.after.read_bytes()

    @pytest.mark.slow
    @pytest.mark.parametrize(("rate", "snr", "packets"), [(54, 17, 9500), (1, -1, 9500)])
    def test_twenty_thousand_frames(
        self,
        rate: int,
        snr: float,
        packets: int,
        tmp_path: Path,
        key_path: Path,
        answers: Callable[..., Any],
        found_texts: Callable[..., Any],
        found_strings: Callable[..., Any],
        found_by_chance: Callable[..., Any],
    ) -> None:
        """The same for runs of that size, OFDM and DSSS, and nothing is left of what is replaced.

        In shorter frames, whose payloads are ids for the most part, chase takes strangers for
        copies if their FCSs are close by chance, which another FCS need not be.
        """
        both = _simulated(tmp_path, packets, key_path, "--rate", rate, "--snr", snr)
        assert sum(1 for _ in _mpdus(both.before)) >= 20_000
        _same_frames(both)
        before = {name: answers(both.before, make) for name, make in _makers(1 << 30).items()}
        for name, make in _makers(1 << 30).items():
            assert answers(both.after, make) == before[name], name
        analysis = both.analysis(both.before)
        assert analysis == both.analysis(both.after)
        assert _leaks(both, found_texts) == []
        assert found_strings(both.bag, _macs(both)) == 0

        words = (*SAID, "--key-file", key_path, "--payloads", "replace", "-d", tmp_path, "-q")
        _wtrec("dataset", "anonymize", "r", both.before, *words)
        replaced = Both(both.before, tmp_path / "r-1", ())
        _same_frames(replaced)
        assert analysis == replaced.analysis(replaced.after)
        for name in ("crc-flip", "crc-dsss", "chase"):
            others = _others(before[name], answers(replaced.after, _makers(1)[name]))
            assert len(others) <= _BY_CHANCE, (name, others)
        assert _leaks(replaced, found_texts) == []
        payloads = _sent_payloads(both.before)
        assert len(payloads) == packets
        found, expected = found_by_chance(replaced.bag, payloads, 6)
        assert found <= 3 + 3 * expected
        assert found_by_chance(replaced.bag, payloads, 8)[0] == 0
        assert found_by_chance(both.bag, payloads, 8)[0] > packets  # it does look


def _others(before: dict[int, Any], after: dict[int, Any]) -> list[int]:
    """Frames of which an algorithm makes something else."""
    assert before.keys() == after.keys()
    return [number for number in before if before[number] != after[number]]


def _sent_payloads(capture: Path) -> list[bytes]:
    """All that were sent, by the tx log: also those of which no intact frame came."""
    found = []
    for original in pq.read_table(capture.with_name("run.tx.parquet"))["original"].to_pylist():
        place = mac.udp_payload(original[: -fcs.LENGTH])
        assert place is not None
        found.append(original[place[0] : place[0] + place[1]])
    return sorted(set(found))


def _macs(both: Both) -> list[bytes]:
    """Addresses of intact frames."""
    found = {
        mpdu[at : at + 6]
        for mpdu in _mpdus(both.before)
        if fcs.syndrome(mpdu) == 0
        for at in (4, 10, 16)
    }
    known = sorted(found - {b"\xff" * 6})
    assert known
    return known


def _ips(both: Both) -> set[bytes]:
    found = set()
    for mpdu in _mpdus(both.before):
        if fcs.syndrome(mpdu) == 0 and (place := mac.udp_payload(mpdu[: -fcs.LENGTH])):
            ip = place[0] - 28
            found |= {mpdu[ip + 12 : ip + 16], mpdu[ip + 16 : ip + 20]} - {b"\xff" * 4}
    return found


def _payloads(capture: Path) -> list[bytes]:
    found = []
    for mpdu in _mpdus(capture):
        place = mac.udp_payload(mpdu[: -fcs.LENGTH])
        if fcs.syndrome(mpdu) == 0 and place:
            found.append(mpdu[place[0] : place[0] + place[1]])
    return found


def _leaks(both: Both, found_texts: Callable[..., Any]) -> list[bytes]:
    """Addresses that stand in the bag, as bytes in either order or as text."""
    texts = set()
    for address in _macs(both):
        texts |= {address, address[::-1], address.hex().encode()}
        texts |= {address.hex(mark).encode() for mark in ":-"}
    for address in _ips(both):
        texts |= {address, address[::-1], ".".join(map(str, address)).encode()}
    for name in _ssids(both):
        texts |= {name, name[::-1]}
    found: list[bytes] = found_texts(both.bag, sorted(texts))
    return found


def _ssids(both: Both) -> set[bytes]:
    """Names of networks, of beacons and probe responses."""
    return {
        mpdu[38 : 38 + mpdu[37]]
        for mpdu in _mpdus(both.before)
        if mpdu[:1] in {b"\x80", b"\x50"} and fcs.syndrome(mpdu) == 0 and mpdu[36] == 0
        if mpdu[37] >= 6
    }


@pytest.fixture(scope="session")
def gvsp(captures: Path, tmp_path_factory: pytest.TempPathFactory, key_path: Path) -> Both:
    """Zeros in each payload."""
    folder = tmp_path_factory.mktemp("gvsp")
    capture = folder / "gvsp.pcapng"
    shutil.copy(captures / "aalborg_cooperation" / "gvsp.pcapng", capture)
    words = ("--payload", "zeros", *SAID, "--key-file", key_path, "-d", folder, "-q")
    _wtrec("dataset", "anonymize", "g", capture, *words)
    return Both(capture, folder / "g-1", ("--payload", "zeros"))


@pytest.mark.real
class TestGvsp:
    """The real capture, judged by its payload."""

    def test_every_frame_has_the_errors_and_the_outcome_that_it_had(
        self, gvsp: Both, answers: Callable[..., Any]
    ) -> None:
        """Also the twelve whose headers nothing proves."""
        _same_frames(gvsp)
        _same_answers(gvsp, answers)
        assert gvsp.analysis(gvsp.before) == gvsp.analysis(gvsp.after)
        copies = Both(gvsp.before, gvsp.bag, ("--truth", "siblings"))
        assert copies.analysis(gvsp.before) == copies.analysis(gvsp.after)

    def test_no_address_is_left(
        self, gvsp: Both, found_texts: Callable[..., Any], found_strings: Callable[..., Any]
    ) -> None:
        """MAC and IP addresses, and what they begin with."""
        assert _leaks(gvsp, found_texts) == []
        assert found_strings(gvsp.bag, _macs(gvsp)) == 0

    def test_replaced_payloads_have_no_zeros_left(
        self, gvsp: Both, key_path: Path, tmp_path: Path, answers: Callable[..., Any]
    ) -> None:
        """The payload of each intact frame is other bytes, the outcomes are what they were."""
        words = ("--payload", "zeros", "--payloads", "replace", *SAID, "--key-file", key_path)
        _wtrec("dataset", "anonymize", "r", gvsp.before, *words, "-d", tmp_path, "-q")
        new = Both(gvsp.before, tmp_path / "r-1", ("--truth", "siblings"))
        assert all(bytes(6) not in payload for payload in _payloads(new.after))
        _same_frames(new)
        _same_answers(new, answers)
        assert new.analysis(gvsp.before) == new.analysis(new.after)


class TestWhatIsNotKnown:
    """Frames without an original, other blocks, times."""

    @pytest.fixture
    def capture(self, tmp_path: Path, udp_frame: Callable[..., bytes]) -> Path:
        """Three frames; of the second nobody knows what it was; comments, names, a host."""
        frames = [udp_frame(b"private %d" % number * 9, number) for number in range(3)]
        frames[1] = fcs.flip(frames[1], [3 * 8, 80 * 8, 81 * 8 + 1, 90 * 8])
        path = tmp_path / "run.pcapng"
        with path.open("wb") as file:
            header = SectionHeader.make(os="Linux 6.1 vm", hardware="x", comments=["at Ada's"])
            file.write(header.write(">"))
            described = InterfaceDescription.make(
                127, name="wlx020000000001", mac=b"\2\0\0\0\0\1", description="Ada's", tsresol=9
            )
            file.write(described.write(">"))
            names = NameResolution.make([NameRecord.make(b"\2\0\0\0\0\1", "adas-laptop")])
            file.write(names.write(">"))
            for number, frame in enumerate(frames):
                packet = (
                    radiotap.build(flags=0x50 if number == 1 else 0x10, tsft=77, rate=12) + frame
                )
                block = EnhancedPacket.make(
                    0, 10**18 + number, packet, comments=["Ada"], flags=0x81, packetid=number
                )
                file.write(block.write(">"))
        run = Run.begin(
            interface="wlx020000000001",
            start=10**18,
            snap_length=0,
            meta={"latitude": "52", "note": "of 02:00:00:00:00:01 and 192.0.2.1", "antennas": "2"},
            comment="at Ada's",
        )
        run.save(tmp_path / "run.json")
        return path

    def _made(self, tmp_path: Path, *words: object) -> tuple[dict[str, Any], Path]:
        path = tmp_path / "run.pcapng"
        said = _wtrec(
            "dataset",
            "anonymize",
            "a",
            path,
            *SAID,
            "-d",
            tmp_path,
            "--format",
            "json",
            "-q",
            *words,
        )
        return json.loads(said), tmp_path / "a-1" / "data" / "runs" / "run"

    def test_such_a_frame_is_masked_flagged_and_counted(
        self, capture: Path, tmp_path: Path, found_texts: Callable[..., Any]
    ) -> None:
        """Its syndrome stays; nothing of comments, names, contents and positions does."""
        report, folder = self._made(tmp_path)
        assert report["frames"]["own"] == 2
        assert report["frames"]["unknown"] == 1
        assert report["blocks_left_out"] == 1
        old, new = list(_mpdus(capture)), list(_mpdus(folder / "run.pcapng"))
        assert list(map(fcs.syndrome, old)) == list(map(fcs.syndrome, new))
        data = (folder / "run.pcapng").read_bytes()
        assert data.count(b"original unknown") == 1
        secrets = [b"Ada's", b"adas-laptop", b"wlx02", b"private", b"latitude", b"192.0.2.1"]
        secrets += [b"02:00:00:00:00:01", b"\2\0\0\0\0\1", b"6.1 vm"]
        assert found_texts(folder, secrets) == []
        run = Run.load(folder / "run.json")
        assert (run.host, run.interface, run.comment) == ("host", "if0", "")
        assert set(run.meta) == {"note", "antennas"}
        block, order, at = read_block(data, 0)
        assert isinstance(block, SectionHeader)
        assert block.os == "Linux"
        block, _, _ = read_block(data, at, order)
        assert isinstance(block, InterfaceDescription)
        assert block.name == "if0"

    def test_it_can_be_left_out_and_tables_follow(self, capture: Path, tmp_path: Path) -> None:
        """Frames behind it have new numbers, in the results, too."""
        _wtrec("replay", capture, "--algo", "crc-flip", "-q")
        assert pq.read_table(tmp_path / "run.crc-flip.parquet").num_rows == 1
        report, folder = self._made(tmp_path, "--drop-unmatched")
        assert report["dropped"] == 1
        assert report["frames"]["unknown"] == 0
        assert len(list(_mpdus(folder / "run.pcapng"))) == 2
        assert pq.read_table(folder / "run.crc-flip.parquet").num_rows == 0
        assert verify(tmp_path / "a-1").problems == []

    def test_times_are_shifted_everywhere(self, capture: Path, tmp_path: Path) -> None:
        """In the capture, its run.json, the radio's clock; what is between them stays."""
        _, folder = self._made(tmp_path, "--shift-time", "-1000")
        assert Run.load(folder / "run.json").start == 10**18 - 10**12
        with CaptureReader(folder / "run.pcapng") as reader:
            (frames,) = reader
        times = frames.column("time").cast("int64").to_numpy()
        assert times.tolist() == [10**18 - 10**12 + n for n in range(3)]
        clocks = frames.column("tsft_us").to_numpy()
        assert set(clocks) == {np.uint64((77 - 10**9) % 2**64)}
        assert capture.exists()

    def test_a_shift_before_all_time_is_refused(self, capture: Path, tmp_path: Path) -> None:
        """Nothing is left of the new dataset."""
        words = ("anonymize", "a", str(capture), *SAID, "--shift-time", "-2000000000", "-d")
        done = CliRunner().invoke(wtrec, ["dataset", *words, str(tmp_path)])
        assert done.exit_code != 0
        assert "cannot be shifted" in str(done.exception)
        assert not [path for path in tmp_path.iterdir() if "a-1" in path.name]


AP = bytes.fromhex("00c0caab12cd")
STATION = bytes.fromhex("a4c3f0851be7")
VENDOR = b"SERIAL-4711-of-this-AP"


def _beacon(name: bytes, sequence: int = 0) -> bytes:
    """With rates, a channel, and what a vendor says."""
    head = b"\x80\0\0\0" + b"\xff" * 6 + AP + AP + (sequence << 4).to_bytes(2, "little")
    elements = bytes([0, len(name)]) + name + b"\1\4\2\4\x0b\x16" + b"\3\1\6"
    elements += bytes([221, len(VENDOR)]) + VENDOR
    return fcs.append(head + b"\x15\xcd\x5b\7\0\0\0\0" + b"\x64\0\x11\4" + elements)


class TestNames:
    """Names of networks: in frames, files, and what is said of them."""

    @pytest.fixture
    def made(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> Callable[..., Path]:
        """A run of a network, whose last frame is bad, with results."""

        def make(name: bytes, stem: str, more: tuple[bytes, ...] = ()) -> Path:
            data = [udp_frame(b"private %d" % number * 9, number) for number in range(3)]
            frames = [*(_beacon(name, number) for number in range(3)), *more, *data]
            path = write_capture(
                tmp_path / f"{stem}.pcapng", [*frames, fcs.flip(data[2], [70 * 8])]
            )
            _wtrec("replay", path, "--algo", "crc-flip", "-q")
            return path

        return make

    def test_no_file_is_lost_whose_name_is_that_of_a_network(
        self, made: Callable[..., Path], tmp_path: Path, found_texts: Callable[..., Any]
    ) -> None:
        """Nor is that name left: capture, results, frames and all that they say."""
        path = made(b"CafeLovelace", "CafeLovelace-2")
        _wtrec("convert", path, "-o", tmp_path / "CafeLovelace-2.frames.parquet", "-q")
        _wtrec("dataset", "anonymize", "a", path, *SAID, "-d", tmp_path, "-q")
        bag = tmp_path / "a-1"
        (folder,) = (bag / "data" / "runs").iterdir()
        names = sorted(file.name for file in folder.iterdir())
        behind = [".crc-flip.parquet", ".frames.parquet", ".pcapng"]
        assert names == [f"{folder.name}{each}" for each in behind]
        assert found_texts(bag, [b"CafeLovelace", AP, AP.hex(":").encode()]) == []
        assert verify(bag).problems == []

    @pytest.mark.parametrize("name", [b"crc", b"65536"])
    def test_what_is_no_prose_stays_whatever_a_network_is_called(
        self, name: bytes, made: Callable[..., Path], tmp_path: Path
    ) -> None:
        """Algorithm and parameters: the results are those that can be made again."""
        path = made(name, "run")
        with TableFile(tmp_path / "run.crc-flip.parquet", RESULTS) as file:
            before = file.metadata
        said = ("--purpose", f"of {name.decode()}", *SAID)
        _wtrec("dataset", "anonymize", "a", path, *said, "-d", tmp_path, "-q")
        folder = tmp_path / "a-1" / "data" / "runs" / "run"
        with TableFile(folder / "run.crc-flip.parquet", RESULTS) as file:
            after = file.metadata
        for key in ("algorithm", "parameters", "selection", "facts", "queue", "batch"):
            assert after[key] == before[key]
        assert not {"capture_bytes", "capture_mtime_ns"} & set(after)
        value = json.loads((tmp_path / "a-1" / "data" / "dataset.json").read_text())
        assert value["purpose"].startswith("of ")
        assert name.decode() not in value["purpose"]

    def test_metadata_are_searched_to_their_depth_but_for_authors(
        self, made: Callable[..., Path], tmp_path: Path
    ) -> None:
        """Keywords, too; who made it is said on purpose."""
        words = ("--keyword", "CafeLovelace", "--keyword", "of 00:c0:ca:ab:12:cd", "--keyword", "x")
        said = ("--title", "T", "--author", "CafeLovelace", "--licence", "CC0-1.0", *words)
        path = made(b"CafeLovelace", "run")
        _wtrec("dataset", "anonymize", "a", path, *said, "-d", tmp_path, "-q")
        value = json.loads((tmp_path / "a-1" / "data" / "dataset.json").read_text())
        first, second, third = value["keywords"]
        assert first not in {"CafeLovelace", "x"}
        assert second.startswith("of ")
        assert "00:c0:ca" not in second
        assert third == "x"
        assert value["authors"][0]["name"] == "CafeLovelace"

    def test_nothing_of_damaged_management_frames_is_left(
        self,
        made: Callable[..., Path],
        tmp_path: Path,
        found_strings: Callable[..., Any],
        found_texts: Callable[..., Any],
    ) -> None:
        """Each bit of the frame control wrong, and some behind it: no name, no address."""
        whole = _beacon(b"CafeLovelace", 9)
        whole = fcs.append(whole[:10] + STATION + whole[16:-4])
        places = [*range(16), *range(12 * 8, 12 * 8 + 8), *range(36 * 8, 40 * 8), 45 * 8 + 3]
        bad = tuple(fcs.flip(whole, [place]) for place in places)
        path = made(b"CafeLovelace", "run", bad)
        secrets = [AP, STATION, b"CafeLovelace", VENDOR]
        assert found_strings(tmp_path, secrets) > 0
        said = ("--purpose", "CafeLovelace", *SAID)
        _wtrec("dataset", "anonymize", "a", path, *said, "-d", tmp_path, "-q")
        bag = tmp_path / "a-1"
        parts = [part for frame in bad for part in (frame[36:50], frame[61:-4])]  # no rates
        assert found_strings(bag, [*secrets, *parts]) == 0
        assert found_texts(bag, [*secrets, AP.hex(":").encode()]) == []
        old, new = list(_mpdus(path)), list(_mpdus(bag / "data" / "runs" / "run" / "run.pcapng"))
        assert list(map(fcs.syndrome, old)) == list(map(fcs.syndrome, new))


def test_each_capture_of_a_run_without_metadata_is_kept(
    tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
) -> None:
    """Two files that a dataset says are one run."""
    files = []
    for number, name in enumerate(("a.pcapng", "b.pcapng")):
        path = write_capture(tmp_path / name, [udp_frame(b"private", number)])
        files.append(InputFile(name, "capture", path, sha256_of(path)))
    made = anonymize(
        tmp_path / "x-1",
        [InputRun("both", None, tuple(files)), InputRun("a", None, tuple(files[:1]))],
        lambda *_: [],
        lambda *_: ({}, 0),
        Key(bytes(32)),
        name="x",
        version="1",
        metadata={"title": "T", "authors": [{"name": "Ada"}], "licence": "CC0-1.0"},
        manner=Manner(),
    )
    runs = made.created.dataset.runs
    assert [run.id for run in runs] == ["a", "a-2"]
    assert [[file.name for file in run.files] for run in runs] == [
        ["a.pcapng", "b.pcapng"],
        ["a.pcapng"],
    ]
    assert verify(tmp_path / "x-1").problems == []


class TestRewritten:
    """Frames with other addresses and the FCS that they had before."""

    def _both(
        self, tmp_path: Path, write_capture: Callable[..., Path], addresses: list[bytes]
    ) -> Both:
        """Intact frames, then copies of them with another receiver and the old FCS."""
        packet = mac.udp_datagram("192.0.2.1", "192.0.2.2", 1, 2, bytes(range(40)))
        frames = []
        for number, address in enumerate(addresses):
            whole = mac.data_frame(
                packet + bytes([number]),
                addr1=b"\2\0\0\0\0\1",
                addr2=b"\2\0\0\0\0\2",
                addr3=b"\2\0\0\0\0\3",
                to_ds=True,
                sequence=number,
            )
            sent = fcs.append(whole)
            frames += [sent, sent[:4] + address + sent[10:]]
        other = mac.data_frame(
            packet, addr1=RELAY, addr2=b"\2\0\0\0\0\2", addr3=b"\2\0\0\0\0\3", to_ds=True
        )
        capture = write_capture(tmp_path / "run.pcapng", [*frames, fcs.append(other)])
        _wtrec("dataset", "anonymize", "r", capture, *SAID, "-d", tmp_path, "-q")
        return Both(capture, tmp_path / "r-1", ("--truth", "siblings"))

    def _counted(self, both: Both) -> None:
        before = both.analysis(both.before)
        assert before["matching"]["rewritten"] == 4
        assert before["matching"] == both.analysis(both.after)["matching"]

    def test_what_a_relay_wrote_stays_that(
        self, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """Its address is the one that it has elsewhere, the FCS is that of the frame before."""
        both = self._both(tmp_path, write_capture, [RELAY] * 4)
        self._counted(both)
        *new, alone = _mpdus(both.after)
        assert {mpdu[4:10] for mpdu in new[1::2]} == {alone[4:10]}
        assert [mpdu[-4:] for mpdu in new[::2]] == [mpdu[-4:] for mpdu in new[1::2]]

    def test_an_error_that_repeats_keeps_its_syndrome(
        self, tmp_path: Path, write_capture: Callable[..., Path]
    ) -> None:
        """Some bits of an address, the same each time: what looks like a relay may be none."""
        both = self._both(tmp_path, write_capture, [b"\2\0\0\0\x33\1"] * 4)
        self._counted(both)
        _same_frames(both)


def test_states_are_all_said() -> None:
    """The report has a line for each."""
    from wtrec.datasets.anonymize.report import Report

    report = Report()
    report.states.update(State)
    assert len(report.lines()) == len(State)
