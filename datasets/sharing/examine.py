"""Reads a file of a run from its first to its last byte, and says what is in it.

The same numbers are taken when a dataset is made and when it is verified, so they must agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import FormatError, WtrecError
from ..parts import Parts
from ..run import Run
from .bag import read_small

if TYPE_CHECKING:
    from ..schema import Table

_MOST_RUN = 16 << 20  # bytes of run.json
MOST_ANALYSIS = 256 << 20
_FACTS = (
    *("algorithm", "parameters", "capture", "capture_sha256", "pace", "achieved_fps", "truth"),
    *("selection", "batch", "deadline_us", "on_overrun", "partial", "covers_to", "resumed"),
    *("run_id", "mode", "payload", "seed", "counts", "wtrec_version", "package"),
)
"""Of a table's metadata: what says how it was made."""
_ANALYSIS = ("schema", "capture_sha256", "truth_kind", "group_by", "seed", "block")


@dataclass(slots=True)
class Contents:
    """What a file holds.

    Attributes:
        counts: Numbers by name.
        facts: How it was made.
        losses: What of it cannot be read.
        first: Earliest frame, ns since 1970; None if none has a time.
        last: Latest frame.
        run: What ``run.json`` says; None for other files.
    """

    counts: dict[str, int] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    losses: list[str] = field(default_factory=list)
    first: int | None = None
    last: int | None = None
    run: Run | None = None


def examine(kind: str, pieces: Sequence[Path], name: str) -> Contents:
    """Read a file through.

    Args:
        kind: What it is, as in ``dataset.json``.
        pieces: The file, or the parts of it.
        name: Its name, by which a journal is known, also where it is in parts.

    Raises:
        FormatError: It is not what its kind says, or damaged.
        OSError: It cannot be read.
    """
    from ..txlog import is_journal

    try:
        is_left = kind == "tx" and is_journal(Path(name))
        return _journal(pieces) if is_left else _KINDS[kind](pieces)
    except WtrecError:
        raise
    except (OSError, MemoryError):
        raise
    except Exception as error:  # whatever a library makes of damaged bytes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FormatError(f"cannot be read ({reason[:200]})", path=name) from error


def _capture(pieces: Sequence[Path]) -> Contents:
    from ..census import Census
    from ..reader import CaptureReader

    contents, census = Contents(), Census()
    times = _Times()
    with CaptureReader(_one(pieces)) as reader:
        for frames in reader:
            census.add(frames)
            times.add(frames.column("time"))
    contents.counts = {
        "packets": reader.packets,
        **{("frames" if key == "total" else key): n for key, n in census.to_json().items()},
        "other_linktypes": reader.other_linktypes,
        "malformed": reader.malformed,
        "drops": reader.drops,
    }
    contents.losses = [loss.removeprefix(reader.path).lstrip(":, ") for loss in reader.losses]
    contents.first, contents.last = times.first, times.last
    return contents


def _one(pieces: Sequence[Path]) -> Path | Parts:
    return pieces[0] if len(pieces) == 1 else Parts(tuple(pieces))


class _Times:
    """The span of times."""

    def __init__(self) -> None:
        self.first: int | None = None
        self.last: int | None = None

    def add(self, times: Any) -> None:
        numbers = times.cast("int64").drop_null().to_numpy()
        if not len(numbers):
            return
        first, last = int(numbers.min()), int(numbers.max())
        self.first = first if self.first is None else min(self.first, first)
        self.last = last if self.last is None else max(self.last, last)


def _run(pieces: Sequence[Path]) -> Contents:
    run = Run.from_json(b"".join(read_small(piece, _MOST_RUN) for piece in pieces))
    contents = Contents(facts={"run_id": run.run_id, "wtrec_version": run.wtrec_version}, run=run)
    if run.counters is not None:
        contents.counts = {
            "received": run.counters.received,
            "dropped_by_kernel": run.counters.dropped_by_kernel,
            "written": run.counters.written,
        }
    return contents


def _table(table: Callable[[], Table]) -> Callable[[Sequence[Path]], Contents]:
    def read(pieces: Sequence[Path]) -> Contents:
        from ..parquet import TableFile

        contents = Contents()
        with TableFile(_one(pieces), table()) as file:
            rows = 0
            for batch in file.batches():
                batch.validate(full=True)
                rows += len(batch)
                if "outcome" in batch.schema.names:
                    _count_outcomes(batch, contents.counts)
            if rows != file.rows:
                raise FormatError(
                    f"{rows} rows can be read, its footer says {file.rows}", path=str(pieces[0])
                )
            contents.facts = {key: file.metadata[key] for key in _FACTS if key in file.metadata}
        contents.counts["rows"] = rows
        return contents

    return read


def _count_outcomes(batch: Any, counts: dict[str, int]) -> None:
    """Rows by outcome, and passes over the capture: ``loops``."""
    for item in batch.column("outcome").value_counts().to_pylist():
        name = str(item["values"])
        counts[name] = counts.get(name, 0) + item["counts"]
    if "loop" in batch.schema.names and len(batch):  # since version 2 of the table
        counts["loops"] = max(counts.get("loops", 1), *batch.column("loop").to_pylist())


def _journal(pieces: Sequence[Path]) -> Contents:
    from ..journal import JournalFile
    from ..txlog import TX

    journal = JournalFile(_one(pieces), TX)
    contents = Contents(counts={"rows": sum(len(batch) for batch in journal.batches())})
    contents.facts = {key: journal.metadata[key] for key in _FACTS if key in journal.metadata}
    behind = sum(piece.stat().st_size for piece in pieces) - journal.whole
    if behind:
        contents.losses = [f"{behind:,} bytes behind its last whole batch"]
    return contents


def _analysis(pieces: Sequence[Path]) -> Contents:
    """What ``wtrec analyze --format json`` has written: one object with its provenance."""
    where = str(pieces[0])
    try:
        said = json.loads(b"".join(read_small(piece, MOST_ANALYSIS) for piece in pieces))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON ({str(error)[:160]})", path=where) from None
    schema = said.get("schema") if isinstance(said, dict) else None
    if not isinstance(schema, str) or not schema.startswith("analysis/"):
        raise FormatError("no saved analysis, wanted one", path=where)
    facts = {key: said.get(key) for key in (*_ANALYSIS, "wtrec_version")}
    census = said.get("frames")
    counts = census if isinstance(census, dict) else {}
    return Contents(
        counts={
            name: counts[key]
            for name, key in (("frames", "total"), ("bad", "bad"))
            if type(counts.get(key)) is int
        },
        facts={
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in facts.items()
            if value is not None
        },
    )


def _tx_table() -> Table:
    from ..txlog import TX

    return TX


def _results_table() -> Table:
    from ..results import RESULTS

    return RESULTS


def _masks_table() -> Table:
    from ..masks import MASKS

    return MASKS


def _frames_table() -> Table:
    from ..frames import FRAMES

    return FRAMES


_KINDS: dict[str, Callable[[Sequence[Path]], Contents]] = {
    "capture": _capture,
    "run": _run,
    "analysis": _analysis,
    "tx": _table(_tx_table),
    "results": _table(_results_table),
    "masks": _table(_masks_table),
    "frames": _table(_frames_table),
}
