r"""Error traces of other people as text, one frame a line.

    number,bits,rate_mbps,signal_dbm,flips
    1,9120,54,-61,17 19 400-407
    2,9120,,,

The first line names the columns, in any order; ``bits`` and ``flips`` must be there. ``flips`` are
bit positions (byte * 8 + bit, bit 0 first on the air) and ranges of them, both ends included,
separated by spaces, in any order but none twice. Without ``number``, lines are counted from 1.
UTF-8, lines end with LF or CRLF; empty lines and those that begin with ``#`` are skipped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..errors import FormatError
from .masks import MASKS, MAX_BITS

COLUMNS = ("number", "bits", "rate_mbps", "signal_dbm", "flips")

_LONGEST_LINE = 8 * MAX_BITS  # characters: every bit by name
_MAX_NUMBER = 2**63 - 1
_FLIP = re.compile(r"([0-9]{1,7})(?:-([0-9]{1,7}))?", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_ROWS = 8192


def read_csv(path: Path) -> Iterator[Any]:
    """Record batches of ``MASKS``.

    Raises:
        FormatError: With the number of the line, what was wanted and what was found.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        yield from parse(_lines(file, str(path)), str(path))


def _lines(file: Any, path: str) -> Iterator[str]:
    at = 0
    while line := file.readline(_LONGEST_LINE):
        at += 1
        if len(line) == _LONGEST_LINE:
            raise FormatError(f"line {at} is longer than any frame's", path=path)
        try:
            yield line.decode()
        except UnicodeDecodeError:
            raise FormatError(f"line {at} is not UTF-8 text", path=path) from None


def parse(lines: Iterable[str], path: str) -> Iterator[Any]:
    """As :func:`read_csv`, from lines."""
    columns: list[str] | None = None
    rows: list[dict[str, object]] = []
    last = 0
    for at, line in enumerate(lines, 1):
        text = line.strip().removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        if not text or text.startswith("#"):
            continue
        cells = [cell.strip() for cell in text.split(",")]
        try:
            if columns is None:
                columns = _header(cells)
                continue
            row = _row(dict(_named(columns, cells)), last)
        except FormatError as error:
            raise FormatError(f"line {at}: {error.what}", path=path) from None
        last = int(str(row["number"]))
        rows.append(row)
        if len(rows) == _ROWS:
            yield pa.RecordBatch.from_pylist(rows, schema=MASKS.schema)
            rows = []
    if columns is None:
        raise FormatError(f"no line with the columns, wanted {','.join(COLUMNS)}", path=path)
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=MASKS.schema)


def _header(cells: list[str]) -> list[str]:
    unknown = [cell for cell in cells if cell not in COLUMNS]
    if unknown or len(set(cells)) < len(cells) or not {"bits", "flips"} <= set(cells):
        raise FormatError(
            f"columns {','.join(cells)[:80]!r}, wanted {','.join(COLUMNS)} "
            "(bits and flips at least, none twice)"
        )
    return cells


def _named(columns: list[str], cells: list[str]) -> Iterable[tuple[str, str]]:
    if len(cells) != len(columns):
        raise FormatError(
            f"{len(cells)} cells, wanted {len(columns)}; flips are separated by spaces"
        )
    return zip(columns, cells, strict=True)


def _row(cells: dict[str, str], last: int) -> dict[str, object]:
    """A line's mask; ``last`` is the number of the one before."""
    bits = _integer("bits", cells["bits"], 8, MAX_BITS)
    if bits % 8:
        raise FormatError(f"bits {bits}, wanted whole bytes")
    number = last + 1
    if cells.get("number"):
        number = _integer("number", cells["number"], 1, _MAX_NUMBER)
    if not last < number <= _MAX_NUMBER:
        raise FormatError(f"number {number}, wanted one above {last}: in rising order")
    signal = cells.get("signal_dbm")
    return {
        "number": number,
        "bits": bits,
        "rate_mbps": _rate(cells["rate_mbps"]) if cells.get("rate_mbps") else None,
        "signal_dbm": _integer("signal_dbm", signal, -128, 127) if signal else None,
        "flips": _flips(cells["flips"], bits),
    }


def _integer(name: str, text: str, least: int, most: int) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else None
    if value is None or not least <= value <= most:
        raise FormatError(f"{name} {text[:40]!r}, wanted an integer from {least} to {most}")
    return value


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise FormatError(f"rate_mbps {text[:40]!r}, wanted a number above 0")
    return rate


def _flips(text: str, bits: int) -> list[int]:
    flips: set[int] = set()
    for part in text.split():
        found = _FLIP.fullmatch(part)
        if not found:
            raise FormatError(f"flips {part[:40]!r}, wanted positions such as 17 or ranges 400-407")
        first = int(found[1])
        last = int(found[2] or first)
        if not first <= last < bits:
            raise FormatError(f"flips {part!r}, wanted rising positions below {bits}")
        count = len(flips) + last - first + 1
        flips.update(range(first, last + 1))
        if len(flips) < count:
            raise FormatError(f"flips {part!r}: a position stands twice")
    return sorted(flips)


def write_csv(batches: Iterable[Any], path: Path) -> None:
    """Write masks as text; the file is made, not replaced with care: see ``files.replacing``."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(",".join(COLUMNS) + "\n")
        for batch in batches:
            for row in batch.to_pylist():
                rate = "" if row["rate_mbps"] is None else f"{row['rate_mbps']:.10g}"
                signal = "" if row["signal_dbm"] is None else str(row["signal_dbm"])
                flips = " ".join(map(str, row["flips"]))
                file.write(f"{row['number']},{row['bits']},{rate},{signal},{flips}\n")
