"""Simulated runs: what a sender and a recorder would have written, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import dpkt
import numpy as np
import pyarrow.parquet as pq
import pytest

from wtrec.datasets.frames import FcsStatus
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.payload import run_key, self_describing
from wtrec.datasets.reader import CaptureReader
from wtrec.datasets.run import Run
from wtrec.datasets.txlog import TX
from wtrec.dot11 import fcs, mac
from wtrec.recorder.simulate import Simulation, simulate

START = 1_700_000_000_000_000_000
RATES = {6.0: 0.0, 54.0: 2e-4}


def _simulation(folder: Path, **changes: object) -> Simulation:
    facts = {
        "capture": folder / "run.pcapng",
        "error_rates": RATES,
        "frames": 150,
        "length": 500,
        "seed": 5,
        "start": START,
    }
    return Simulation(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 300 frames."""
    folder = tmp_path_factory.mktemp("run")
    simulate(_simulation(folder))
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
        assert times[0] == START
        assert (np.diff(times) == 1_000_000).all()
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
            simulate(_simulation(folder, seed=seed))
            with CaptureReader(run / "run.pcapng") as a, CaptureReader(folder / "run.pcapng") as b:
                (ours,), (theirs,) = list(a), list(b)
            assert ours.column("mpdu").equals(theirs.column("mpdu")) is same

    def test_a_length_without_room_is_refused(self, tmp_path: Path) -> None:
        """Headers and FCS take 64 bytes; nothing is written otherwise."""
        with pytest.raises(ValueError, match="wanted at least 64"):
            simulate(_simulation(tmp_path, length=63))
        assert not list(tmp_path.iterdir())
