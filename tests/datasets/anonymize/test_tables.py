from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from wtrec.datasets.anonymize.frames import Frames
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.anonymize.tables import copy_tx_log, parameters_said, said
from wtrec.datasets.anonymize.texts import Texts
from wtrec.datasets.journal import Journal
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.parts import Parts
from wtrec.datasets.txlog import TX

FRAMES = Frames(Key(bytes(32)), [])


def _texts() -> Texts:
    made = Texts(FRAMES)
    made.add_networks([b"zeros", b"5004", b"udp", b"home"])
    return made


def test_a_tx_log_has_other_addresses_and_clocks_and_its_own_rule(tmp_path: Path) -> None:
    """Where the sender's clock began would tell by how much times were shifted."""
    row = {
        "packet_id": 0,
        "time": 10**18,
        "layer": "payload",
        "length": 7,
        "original": b"private",
        "destination": "192.0.2.1:5004",
    }
    metadata = {
        "payload": "zeros",
        "port": "5004",
        "mode": "udp",
        "hook": "/home/ada/set-rate {rate} at home",
        "clock_offset_start_ns": "1000",
        "clock_offset_end_ns": "-5",
        "host": "adas-laptop",
    }
    path, output = tmp_path / "run.tx.parquet", tmp_path / "new.tx.parquet"
    with new_table(path, TX, metadata) as log:
        log.write_table(pa.Table.from_pylist([row], schema=TX.schema))
    copy_tx_log(path, output, FRAMES, _texts(), shift_s=2, keeps_payloads=True)
    with Journal(tmp_path / "run.tx.arrows", TX, metadata) as journal:
        journal.append(pa.RecordBatch.from_pylist([row], schema=TX.schema))
        content = journal.path.read_bytes()
    parts = [tmp_path / f"run.tx.arrows.part00{number}" for number in (1, 2)]
    for part, bytes_ in zip(parts, (content[:300], content[300:]), strict=True):
        part.write_bytes(bytes_)
    again = tmp_path / "again.tx.parquet"  # of what a killed sender left, in parts
    copy_tx_log(Parts(tuple(parts)), again, FRAMES, _texts(), shift_s=2, keeps_payloads=True)
    assert pq.read_table(again).equals(pq.read_table(output))
    with TableFile(output, TX) as file:
        new = file.metadata
    assert (new["payload"], new["port"], new["mode"]) == ("zeros", "5004", "udp")
    assert new["hook"].startswith("set-rate {rate} at ")
    assert "home" not in new["hook"]
    assert new["clock_offset_start_ns"] == "2000001000"
    assert new["clock_offset_end_ns"] == "1999999995"
    assert new["host"] == "host"
    (table,) = pq.read_table(output).to_pylist()
    assert table["destination"].endswith(":5004")
    assert not table["destination"].startswith("192.0.2.1")


def test_of_parameters_only_texts_are_searched() -> None:
    """Names and numbers stay; what is no JSON is a text."""
    parameters = {"home": 5004, "list": ["home", 1.5], "flag": True}
    new = json.loads(parameters_said(json.dumps(parameters), _texts()))
    assert new == {"home": 5004, "list": [new["list"][0], 1.5], "flag": True}
    assert new["list"][0] != "home"
    assert "home" not in parameters_said("{home", _texts())


def test_what_tells_of_the_old_file_goes() -> None:
    """When it was written is a time that nobody shifts."""
    metadata = {"capture_bytes": "1", "capture_mtime_ns": "1", "schema": "x", "seed": "5004"}
    assert said(metadata, _texts()) == {"seed": "5004"}
