"""Analyses that were saved as JSON, by somebody else perhaps, as tables again.

Whatever the file holds, it is tables of the declared types afterwards, with counts that fit each
other, or an error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import FormatError, MatchError
from .provenance import SCHEMA
from .tables import tables

_HINT = "save one with wtrec analyze --format json -o FILE"
_NAME, _, _VERSION = SCHEMA.partition("/")
# Parts and wholes of a row: an interval is made from no others.
_PARTS = {
    "groups": (("good", "frames"), ("bad", "frames"), ("judged", "bad"), ("bit_errors", "bits")),
    "algorithms": (("correct", "attempted"), ("wrong", "attempted"), ("unjudged", "attempted")),
    "comparisons": (("b", "frames"), ("c", "frames")),
}


def load(path: Path) -> dict[str, Any]:
    """Read a saved analysis.

    Args:
        path: What ``wtrec analyze --format json`` wrote.

    Returns:
        Its tables by name, see :func:`wtrec.analysis.tables.tables`.

    Raises:
        FormatError: It is none, is damaged, or is newer than this wtrec.
        OSError: It cannot be read.
    """
    try:
        analysis = json.loads(path.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON ({error})", path=str(path), hint=_HINT) from None
    schema = analysis.get("schema") if isinstance(analysis, dict) else None
    name, _, said = str(schema).partition("/")
    if name != _NAME or not said.isdecimal() or len(said) > 9:
        raise FormatError("no saved analysis, wanted one", path=str(path), hint=_HINT)
    if int(said) > int(_VERSION):
        raise FormatError(
            f"{schema}, this wtrec reads up to {SCHEMA}", path=str(path), hint="update wtrec"
        )
    try:
        found = tables(analysis)
    except FormatError as error:
        raise FormatError(f"damaged: {error.what}", path=str(path), hint=_HINT) from None
    except MatchError as error:
        raise FormatError(f"damaged: {error}", path=str(path), hint=_HINT) from None
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        what = f"{type(error).__name__} {error}"
        raise FormatError(f"damaged: {what}", path=str(path), hint=_HINT) from None
    _check(found, path)
    return found


def _check(found: dict[str, Any], path: Path) -> None:
    for name, parts in _PARTS.items():
        for number, row in enumerate(found[name].to_pylist(), 1):
            for part, whole in parts:
                if not 0 <= row[part] <= row[whole]:
                    raise FormatError(
                        f"row {number} of {name}: {part} {row[part]}, wanted 0 to {row[whole]}",
                        path=str(path),
                        hint=_HINT,
                    )
    most = len(found["algorithms"])
    for name, table in found.items():
        if "algorithm" in table.column_names:
            for number, place in enumerate(table.column("algorithm").to_pylist(), 1):
                if place is not None and not 1 <= place <= most:
                    raise FormatError(
                        f"row {number} of {name}: algorithm {place}, wanted 1 to {most}",
                        path=str(path),
                        hint=_HINT,
                    )
    for number, row in enumerate(found["algorithms"].to_pylist(), 1):
        try:
            is_object = isinstance(json.loads(row["parameters"]), dict)
        except (ValueError, RecursionError):
            is_object = False
        if not is_object:
            raise FormatError(
                f"parameters of algorithm {number}: wanted a JSON object",
                path=str(path),
                hint=_HINT,
            )


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON")
