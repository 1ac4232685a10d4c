"""Tables beside an anonymised capture: tx log, results, masks.

Rows stay what they were but for what was sent, and to whom. Where frames were left out, the others
have new numbers, and rows of the former go, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...dot11 import fcs
from ..parquet import TableFile, new_table
from ..parts import Parts
from ..schema import Table
from ..txlog import TX, open_tx_log
from .frames import Frames
from .lay import laid
from .runs import HOST
from .texts import Texts

REPLACED = "replaced"
"""What the tx log calls the payload rule when payloads are not kept."""
_NS_PER_S = 1_000_000_000
_ROWS = 4096
# What is no prose: words of ours, numbers, and JSON of these.
# fmt: off
_AS_IT_IS = {
    "run_id", "capture_sha256", "seed", "wtrec_version", "algorithm", "package", "pace",
    "achieved_fps", "facts", "selection", "batch", "deadline_us", "on_overrun", "queue", "partial",
    "covers_to", "resumed", "counts", "mode", "payload", "port", "payload_length", "asked_pps",
    "achieved_pps", "late_max_us", "full_buffer", "full_queue", "refused", "ended_by", "steps",
    "clock_offset_start_ns", "clock_offset_end_ns", "ntp_start", "ntp_end",
}
# fmt: on
_OF_THE_OLD_FILE = {"schema", "capture_bytes", "capture_mtime_ns"}
_CLOCK_OFFSETS = ("clock_offset_start_ns", "clock_offset_end_ns")


@dataclass(frozen=True, slots=True)
class NewCapture:
    """What a table of a capture has to know of the new one.

    Attributes:
        name: Its name.
        sha256: Its SHA-256.
        dropped: Numbers of frames that it has no more, rising.
    """

    name: str
    sha256: str
    dropped: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Copied:
    """What was copied: how many rows, and the old SHA-256 of the capture that they are of."""

    rows: int
    capture: str


def copy_table(
    source: Path | Parts,
    output: Path,
    table: Table,
    captures: Mapping[str, NewCapture],
    texts: Texts,
) -> Copied:
    """Copy results or masks for a capture that has another SHA-256 now.

    Args:
        source: The table.
        output: The file to make.
        table: What it holds.
        captures: By the old SHA-256.
        texts: For what the file says of itself.

    Raises:
        FormatError: The file is damaged.
        OSError: It cannot be read or written.
    """
    rows = 0
    with TableFile(source, table) as file:
        digest = file.metadata.get("capture_sha256", "")
        capture = captures.get(digest)
        metadata = said(file.metadata, texts)
        if capture is not None:
            metadata |= {"capture": capture.name, "capture_sha256": capture.sha256}
        covers = metadata.get("covers_to", "")
        if capture is not None and covers.isascii() and covers.isdigit():
            metadata["covers_to"] = str(int(covers) - _before(capture.dropped, int(covers)))
        with new_table(output, table, metadata) as writer:
            for batch in file.batches(_ROWS):
                kept = batch if capture is None else _renumbered(batch, capture.dropped)
                whole = pa.Table.from_batches([kept]).select(_names(table, kept))
                if len(whole.schema) == len(table.schema):
                    writer.write_table(whole.cast(table.schema))
                else:  # an older version of the table
                    writer.write_table(_filled(whole, table))
                rows += len(kept)
    return Copied(rows, digest)


def _names(table: Table, batch: Any) -> list[str]:
    return [column.name for column in table.columns if column.name in batch.schema.names]


def _filled(rows: Any, table: Table) -> Any:
    """Rows of an older version, with the columns that came later."""
    for place, column in enumerate(table.columns):
        if column.name not in rows.schema.names:
            values = (
                pa.nulls(len(rows), column.type)
                if column.nullable
                else pa.array(np.ones(len(rows)), column.type)  # the first pass is the only one
            )
            rows = rows.add_column(place, column.name, values)
    return rows.cast(table.schema)


def _before(dropped: NDArray[np.int64], number: int) -> int:
    return int(np.searchsorted(dropped, number, side="right"))


def _renumbered(batch: Any, dropped: NDArray[np.int64]) -> Any:
    if not len(dropped):
        return batch
    numbers = batch.column("number").to_numpy()
    behind = np.searchsorted(dropped, numbers)
    gone = dropped[np.minimum(behind, len(dropped) - 1)] == numbers
    place = batch.schema.get_field_index("number")
    kept = batch.set_column(place, batch.schema.field(place), pa.array(numbers - behind))
    return kept.filter(pa.array(~gone))


def said(metadata: Mapping[str, str], texts: Texts) -> dict[str, str]:
    """What a file says of itself, without names and paths."""
    kept = {
        key: value if key in _AS_IT_IS else texts.replace(value)
        for key, value in metadata.items()
        if key not in _OF_THE_OLD_FILE
    }
    if "parameters" in metadata:
        kept["parameters"] = parameters_said(metadata["parameters"], texts)
    if "host" in kept:
        kept["host"] = HOST
    if "problems" in kept:  # lines of a program; whatever it says
        kept["problems"] = json.dumps([])
    return kept


def parameters_said(parameters: str, texts: Texts) -> str:
    """An algorithm's parameters, as JSON: texts are replaced, names and numbers stay."""
    try:
        return json.dumps(texts.replace_in(json.loads(parameters)))
    except (ValueError, RecursionError):
        return texts.replace(parameters)


def copy_tx_log(
    source: Path | Parts,
    output: Path,
    frames: Frames,
    texts: Texts,
    *,
    shift_s: int,
    keeps_payloads: bool,
    on_rows: Callable[[int], None] = lambda _: None,
) -> int:
    """Write a tx log, or what a killed sender left of one, with other packets.

    Args:
        source: The log, or its parts.
        output: The new log.
        frames: Makes other packets.
        texts: Makes other texts.
        shift_s: What is added to times.
        keeps_payloads: Whether payloads that say their rule are kept.
        on_rows: Called with the number of packets that were written since.

    Returns:
        How many packets it has.

    Raises:
        FormatError: The file is damaged.
        OSError: It cannot be read or written.
    """
    rows = 0
    with open_tx_log(source) as log:
        metadata = said(log.metadata, texts)
        if not keeps_payloads and "payload" in metadata:
            metadata["payload"] = REPLACED
        for key in _CLOCK_OFFSETS:  # of a clock that began when the machine did
            if shift_s and metadata.get(key, "").removeprefix("-").isdecimal():
                metadata[key] = str(int(metadata[key]) + shift_s * _NS_PER_S)
        with new_table(output, TX, metadata) as writer:
            for batch in _sent(log.batches(_ROWS), frames, texts, shift_s):
                writer.write_batch(batch)
                rows += len(batch)
                on_rows(len(batch))
    return rows


def _sent(batches: Iterator[Any], frames: Frames, texts: Texts, shift_s: int) -> Iterator[Any]:
    for batch in batches:
        columns = {name: batch.column(name) for name in batch.schema.names}
        layers = columns["layer"].to_pylist()
        originals = columns["original"].to_pylist()
        columns["original"] = pa.array(
            [
                _mpdu(frames, original) if layer == "mpdu" else frames.contents.payload(original)
                for layer, original in zip(layers, originals, strict=True)
            ],
            pa.binary(),
        )
        places = {
            text: texts.replace_addresses(text)
            for text in set(columns["destination"].to_pylist())
            if text
        }
        columns["destination"] = pa.array(
            [text and places[text] for text in columns["destination"].to_pylist()], pa.string()
        )
        times = columns["time"].cast("int64").to_numpy() + shift_s * _NS_PER_S
        columns["time"] = pa.array(times).cast(pa.timestamp("ns", "UTC"))
        arrays = [columns[column.name].cast(column.type) for column in TX.columns]
        yield pa.RecordBatch.from_arrays(arrays, schema=TX.schema)


def _mpdu(frames: Frames, original: bytes) -> bytes:
    """A frame that was sent, with its FCS; one that has a wrong one keeps its syndrome."""
    if len(original) < fcs.LENGTH:
        return frames.replace(original)
    body = original[: -fcs.LENGTH]
    return laid(original, body, frames.replace(body))
