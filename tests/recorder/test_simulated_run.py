"""Simulated runs: what a sender and a recorder would have written, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import dpkt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from wtrec.analysis.analyze import analyze
from wtrec.analysis.conditions import Conditions
from wtrec.datasets.frames import FcsStatus
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import run_key, self_describing
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.run import Run
from wtrec.datasets.txlog import TX
from wtrec.dot11 import airtime, fcs, mac
from wtrec.recorder.simulate import Simulation
from wtrec.recorder.simulated_run import write_run

START = 1_700_000_000_000_000_000
POINTS = ((6.0, 0.0), (54.0, 2e-4))  # bit error rates


def _simulation(**changes: Any) -> Simulation:
    facts = {"points": POINTS, "channel": "bsc", "frames": 150, "length": 500, "seed": 5}
    return Simulation(**{**facts, **changes})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 300 frames."""
    folder = tmp_path_factory.mktemp("run")
    write_run(_simulation(), folder / "run.pcapng", start=START)
    return folder


class TestCapture:
    """run.pcapng."""

    def test_frames_are_bad_exactly_where_bits_were_flipped(self, run: Path) -> None:
        """Our FCS check, the driver's flag and the tx log agree on every frame."""
        originals = pq.read_table(run / "run.tx.parquet").column("original").to_pylist()
        with CaptureReader(run / "run.pcapng") as reader:
            (frames,) = list(reader)
        assert len(frames) == 300
        received = [frames.mpdu(row) for row in range(300)]
        bad = [a != b for a, b in zip(received, originals, strict=True)]
        assert (frames.fcs_status == FcsStatus.BAD).tolist() == bad
        assert frames.column("bad_fcs").to_pylist() == bad
        assert not any(bad[:150])
        assert 40 < sum(bad[150:]) < 110

    def test_metadata_says_what_was_simulated(self, run: Path) -> None:
        """Rates, times and lengths are those that were asked for."""
        with CaptureReader(run / "run.pcapng") as reader:
            (frames,) = list(reader)
        assert frames.column("rate_mbps").to_pylist() == [6.0] * 150 + [54.0] * 150
        times = frames.column("time").cast("int64").to_numpy()
        spacings = np.diff(times)
        assert START < times[0] < START + 1_000_000
        assert set(spacings[:149]) == {_cycle_ns(6.0)}
        assert set(spacings[150:]) == {_cycle_ns(54.0)}
        tsft = frames.column("tsft_us").to_numpy()
        assert (times - START == 1000 * tsft.astype(np.int64)).all()
        assert set(np.diff(frames.offsets)) == {500}

    def test_tshark_finds_nothing_wrong(self, run: Path) -> None:
        """Checksums of IP and UDP hold in good frames, and the FCS where we say so."""
        fields = ["wlan.fcs.status", "ip.checksum.status", "udp.checksum.status", "udp.dstport"]
        options = [f"{name}:TRUE" for name in ("wlan.check_checksum", "ip.check_checksum")]
        options.append("udp.check_checksum:TRUE")
        words = ["tshark", "-r", str(run / "run.pcapng"), "-Y", "radiotap.datarate == 6"]
        words += ["-T", "fields", *(word for field in fields for word in ("-e", field))]
        words += [word for option in options for word in ("-o", option)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == ["1\t1\t1\t5005"] * 150

    def test_dpkt_reads_the_datagrams(self, run: Path) -> None:
        """An independent parser finds the payload where udp_payload does."""
        sent = pq.read_table(run / "run.tx.parquet").column("original").to_pylist()[0]
        offset, length = mac.udp_payload(sent[: -fcs.LENGTH]) or (0, 0)
        ip = dpkt.ip.IP(sent[32 : -fcs.LENGTH])
        assert ip.data.data == sent[offset : offset + length]


class TestTxLog:
    """run.tx.parquet."""

    def test_every_original_can_be_made_again_from_the_metadata(self, run: Path) -> None:
        """Run id and packet id give the payload, the log's FCS is good."""
        with TableFile(run / "run.tx.parquet", TX) as log:
            key = run_key(log.metadata["run_id"])
            assert log.metadata["seed"] == "5"
            rows = [row for batch in log.batches() for row in batch.to_pylist()]
        assert [row["packet_id"] for row in rows] == list(range(300))
        for row in rows:
            assert row["layer"] == "mpdu"
            assert fcs.syndrome(row["original"]) == 0
            assert row["original"][60:-4] == self_describing(key, row["packet_id"], 436)


class TestRun:
    """run.json, and all files together."""

    def test_counters_and_hashes_are_those_of_the_files(self, run: Path) -> None:
        """run.json names the files beside it and counts what they hold."""
        facts = Run.load(run / "run.json")
        assert facts.counters is not None
        assert (facts.counters.received, facts.counters.written) == (300, 300)
        with CaptureReader(run / "run.pcapng") as reader:
            bad = sum(int((frames.fcs_status == FcsStatus.BAD).sum()) for frames in reader)
            assert json.loads(reader.sections[0].comments[0])["run_id"] == facts.run_id
        assert facts.counters.bad_fcs == bad
        assert {file.name for file in facts.files} == {"run.pcapng", "run.tx.parquet"}

    def test_the_same_seed_gives_the_same_frames(self, run: Path, tmp_path: Path) -> None:
        """Another seed gives other payloads and other errors."""
        for seed, same in ((5, True), (6, False)):
            folder = tmp_path / str(seed)
            folder.mkdir()
            write_run(_simulation(seed=seed), folder / "run.pcapng")
            with CaptureReader(run / "run.pcapng") as a, CaptureReader(folder / "run.pcapng") as b:
                (ours,), (theirs,) = list(a), list(b)
            assert ours.column("mpdu").equals(theirs.column("mpdu")) is same

    def test_nothing_is_left_of_a_run_that_fails(self, tmp_path: Path) -> None:
        """Neither files nor temporary ones."""

        class Unplugged:
            def write(self, frame: bytes) -> None:
                raise OSError(frame.hex())

        with pytest.raises(OSError, match="0000"):
            write_run(_simulation(), tmp_path / "run.pcapng", tap=Unplugged())
        assert not list(tmp_path.iterdir())


class TestReceivers:
    """Several copies of each transmission."""

    def test_each_is_an_interface_with_errors_of_its_own(self, tmp_path: Path) -> None:
        """Copies stand together, carry one packet id, and the log has a row for each."""
        simulation = _simulation(copies=3, points=((54.0, 2e-4),))
        write_run(simulation, tmp_path / "run.pcapng")
        with CaptureReader(tmp_path / "run.pcapng") as reader:
            (frames,) = list(reader)
            assert [interface.name for interface in reader.interfaces] == ["sim0", "sim1", "sim2"]
        assert frames.column("interface").to_pylist() == [0, 1, 2] * 150
        status = frames.fcs_status.reshape(150, 3)
        bad = (status == FcsStatus.BAD).sum(axis=0)
        assert (bad > 50).all()
        assert (status[:, 0] != status[:, 1]).any()
        log = pq.read_table(tmp_path / "run.tx.parquet")
        assert log.column("receiver").to_pylist() == [0, 1, 2] * 150
        assert log.column("time").equals(pa.chunked_array([frames.column("time")]))

    def test_the_first_one_does_not_depend_on_the_others(self, tmp_path: Path) -> None:
        """One receiver of three hears what the only one hears."""
        heard = []
        for copies in (1, 3):
            path = tmp_path / f"{copies}.pcapng"
            write_run(_simulation(copies=copies, run_id=32 * "5"), path)
            with CaptureReader(path) as reader:
                (frames,) = list(reader)
            first = frames.arrow.filter(pc.field("interface") == 0)
            heard.append(first.column("mpdu").to_pylist())
        assert heard[0] == heard[1]


class TestRetries:
    """Packets that are sent again."""

    def test_a_packet_is_sent_until_a_good_fcs_or_the_limit(self, tmp_path: Path) -> None:
        """With the Retry bit and nothing else changed, at most so often."""
        simulation = _simulation(retries=2, points=((54.0, 3e-4),))
        write_run(simulation, tmp_path / "run.pcapng")
        with CaptureReader(tmp_path / "run.pcapng") as reader:
            (frames,) = list(reader)
        log = pq.read_table(tmp_path / "run.tx.parquet")
        attempts: dict[int, list[int]] = {}
        for row, packet_id in enumerate(log.column("packet_id").to_pylist()):
            attempts.setdefault(packet_id, []).append(row)
        good = frames.fcs_status == FcsStatus.GOOD
        sent = log.column("original").to_pylist()
        assert {len(rows) for rows in attempts.values()} == {1, 2, 3}
        for rows in attempts.values():
            assert not good[rows[:-1]].any()
            assert good[rows[-1]] or len(rows) == 3
            for row in rows[1:]:
                flipped = bytearray(sent[row][:-4])
                flipped[1] ^= 0x08
                assert flipped == sent[rows[0]][:-4]
                assert mac.parse(sent[row]).retry
                assert fcs.syndrome(sent[row]) == 0


class TestPhy:
    """Frames through modulation, noise and decoder."""

    @pytest.mark.parametrize("channel", ["awgn", "rayleigh", "burst"])
    def test_flags_fcs_and_log_agree_on_every_frame(self, tmp_path: Path, channel: str) -> None:
        """Whatever the channel does."""
        simulation = Simulation(
            points=((54.0, 17.5), (11.0, -1.0)), channel=channel, frames=60, length=300
        )
        write_run(simulation, tmp_path / "run.pcapng")
        with CaptureReader(tmp_path / "run.pcapng") as reader:
            (frames,) = list(reader)
        log = pq.read_table(tmp_path / "run.tx.parquet")
        sent = log.column("original").to_pylist()
        bad = [frames.mpdu(row) != original for row, original in enumerate(sent)]
        assert any(bad)
        assert (frames.fcs_status == FcsStatus.BAD).tolist() == bad
        assert frames.column("bad_fcs").to_pylist() == bad
        assert log.column("snr_db").to_pylist() == [17.5] * 60 + [-1.0] * 60
        assert set(log.column("channel").to_pylist()) == {channel}
        signal = frames.column("signal_dbm").to_pylist()
        assert signal == [round(-95 + 17.5)] * 60 + [-96] * 60

    def test_analysis_groups_by_snr(self, tmp_path: Path) -> None:
        """The columns of the log are there to group by; more noise, more bad frames."""
        simulation = Simulation(
            points=tuple((54.0, snr) for snr in (15.0, 17.5, 20.0)),
            channel="awgn",
            frames=40,
            length=1000,
        )
        write_run(simulation, tmp_path / "run.pcapng")
        with TableFile(tmp_path / "run.tx.parquet", TX) as log:
            conditions = Conditions(log)
            analysis = analyze(tmp_path / "run.pcapng", conditions=conditions, by=["snr_db"])
        assert [group.frames for group in analysis.groups] == [40, 40, 40]
        bad = [group.bad for group in analysis.groups]
        assert bad[0] == 40
        assert 0 < bad[1] < 40
        assert bad[2] == 0


def _cycle_ns(rate: float) -> int:
    """DIFS, the mean backoff, the frame, SIFS, an ACK."""
    timing = airtime.timing(rate)
    backoff = timing.cw_min * timing.slot_us // 2
    on_air = airtime.ppdu_us(rate, 500) + timing.sifs_us + airtime.ack_us(rate)
    return 1000 * (timing.difs_us + backoff + on_air)
