"""Results made again from what they say of themselves, and compared row by row.

What an algorithm answers depends on the capture, on its parameters and on which frames it was
given in which batches; the results' metadata have all of that. When frames were due does not
matter, so all is replayed at top speed. Only where late frames were dropped could the clock
decide what was asked: rows of these are passed over.

Times (``service_ns`` and so on) are those of another machine at another moment, and not compared.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets.expression import Expression
from ..datasets.parquet import TableFile
from ..datasets.parts import Parts
from ..datasets.results import DROPPED, RESULTS
from ..datasets.results_file import covers_to
from ..datasets.row_diff import RowDiff, compare_rows
from ..errors import AlgorithmError
from .calls import Held
from .choice import EXEC, PROVENANCE, available, package_of, remake
from .engine import replay_one
from .exec.decoder import provenance
from .pacing import TopSpeed
from .queue import Service
from .schedule import Schedule
from .score import Contender, Tell
from .source import Selection

KEYS: Final = ("loop", "number")
TIMES: Final = ("queued_ns", "service_ns", "deadline_met", "queue_length", "sojourn_ns")
_ROWS: Final = 65_536
_MOST_LOOPS: Final = 1_000_000


@dataclass(slots=True)
class Reproduced:
    """Results that were made again.

    Attributes:
        diff: What differs; None if nothing could be compared.
        facts: Of what the algorithm measured (``facts`` of the metadata), the names of what
            differs.
        unjudged: Why nothing, or not all, could be judged; a sentence each.
        notes: What was otherwise when they were made; a sentence each.
    """

    diff: RowDiff | None = None
    facts: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        """Whether a number is not what it was."""
        return bool(self.facts) or (self.diff is not None and not self.diff.is_same)


def reproduce(
    recorded: Path | Parts,
    capture: Path,
    digest: str,
    folder: Path,
    *,
    programs: Collection[str] = (),
    tell: Tell = lambda _: None,
) -> Reproduced:
    """Make results again, and compare them.

    Args:
        recorded: The results.
        capture: Their capture.
        digest: Its SHA-256.
        folder: Where the new ones go: ``again.parquet``.
        programs: Command lines that may be run, if they are what made the results, and are here
            with the hash that they say.
        tell: Is told from time to time where the replay stands.

    Raises:
        FormatError: A file is damaged.
        OSError: A file cannot be read or written.
    """
    found = Reproduced()
    with TableFile(recorded, RESULTS) as old:
        said = old.metadata
        name = said.get("algorithm", "")
        _note_versions(found, said, name)
        try:
            values = _parameters(said)
            schedule = _schedule(said)
            _refuse_program(said, values, programs)
            algorithm, given = remake(name, values)
        except AlgorithmError as error:
            found.unjudged.append(str(error))
            return found
        _note_parameters(found, values, given)
        output = folder / "again.parquet"
        output.unlink(missing_ok=True)
        try:
            contender = Contender(algorithm, given, output)
            with Held(algorithm) as held:
                score = replay_one(capture, contender, schedule, lambda: digest, tell=tell)
        except AlgorithmError as error:
            found.unjudged.append(str(error))
            return found
        found.notes += [f"now: {problem}" for problem in (*score.problems, *held.problems)]
        with TableFile(output, RESULTS) as new:
            _compare(found, old, new)
    return found


def _compare(found: Reproduced, old: TableFile, new: TableFile) -> None:
    until = covers_to(old.metadata)
    last = None if until is None else (1, until)
    found.diff = compare_rows(
        old.batches(_ROWS),
        new.batches(_ROWS),
        keys=KEYS,
        ignored=TIMES,
        passes=_dropped,
        until=last,
    )
    if until is not None:
        found.unjudged.append(f"partial: nothing is said of frames behind {until}")
    if found.diff.passed:
        found.unjudged.append(
            f"{found.diff.passed:,} frames were dropped, too late when their turn came, and "
            "never given to it"
        )
        if found.diff.differing:
            found.notes.append(
                "an algorithm that remembers frames may answer otherwise where some were dropped"
            )
    if until is None and not found.diff.passed:
        facts = [_facts(each.metadata) for each in (old, new)]
        names = dict.fromkeys([*facts[0], *facts[1]])
        found.facts = [name for name in names if not _alike(*(each.get(name) for each in facts))]


def _alike(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)


def _dropped(rows: Any) -> NDArray[np.bool_]:
    outcomes = rows.column("outcome").cast(pa.string())
    return np.asarray(outcomes.to_numpy(zero_copy_only=False) == DROPPED)


def _note_versions(found: Reproduced, said: Mapping[str, str], name: str) -> None:
    made_by, here = said.get("wtrec_version", "an unknown version"), version("wtrec")
    if made_by != here:
        found.notes.append(f"made by wtrec {made_by}, this is {here}")
    packages = said.get("package", ""), package_of(name)
    if name in available() and packages[0] != packages[1]:
        was, now = (package or "wtrec itself" for package in packages)
        found.notes.append(f"{name} was of {was}, here it is of {now}")


def _note_parameters(
    found: Reproduced, values: Mapping[str, Any], given: Mapping[str, Any]
) -> None:
    new = [key for key in given if key not in values and key != PROVENANCE]
    if new:
        found.notes.append(f"parameters that it did not have then: {', '.join(new)}")
    if not _alike(values.get(PROVENANCE), given.get(PROVENANCE)):
        found.notes.append("what else it says that its answers depend on is not what it was")


def program_of(said: Mapping[str, str]) -> str | None:
    """The command line of the program that made results; None if they are of an algorithm.

    Args:
        said: The results' metadata, which anybody may have written.
    """
    name = said.get("algorithm", "")
    is_program = name == EXEC or (name not in available() and name.startswith(f"{EXEC}-"))
    if not is_program:
        return None
    try:
        return str(_parameters(said).get("command", ""))
    except AlgorithmError:
        return ""


def _refuse_program(
    said: Mapping[str, str], values: Mapping[str, Any], allowed: Collection[str]
) -> None:
    """Refuse to run what a dataset names, unless the user wants just that, and it is the same.

    Raises:
        AlgorithmError: Why it is not run.
    """
    command = program_of(said)
    if command is None:
        return
    if not command.isprintable():
        raise AlgorithmError(
            f"made by a program, {command[:200]!a}, which has characters that cannot be shown: it "
            "is not run"
        )
    shown = shlex.quote(command)
    if command not in allowed:
        raise AlgorithmError(
            f"made by a program, which is run only if you trust it and name it: --exec {shown}"
        )
    try:
        here = provenance(command)
    except ValueError as error:
        raise AlgorithmError(f"{shown}: {error}") from None
    if not _alike(values.get(PROVENANCE), here):
        raise AlgorithmError(
            f"the program {shown} here is not the one that made them: its SHA-256, or that of a "
            "file it is given, differs"
        )


def _parameters(said: Mapping[str, str]) -> dict[str, Any]:
    if "algorithm" not in said:
        raise AlgorithmError("they do not say which algorithm made them")
    return _object(said.get("parameters", "{}"))


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise AlgorithmError(f"{text[:60]!a} in their metadata, wanted a JSON object")
    return value


def _facts(said: Mapping[str, str]) -> dict[str, Any]:
    try:
        return _object(said.get("facts", "{}"))
    except AlgorithmError:
        return {}


def _schedule(said: Mapping[str, str]) -> Schedule:
    """Which frames they are of, and in which batches.

    Raises:
        AlgorithmError: They say it in a way that no replay does.
    """
    try:
        selection = Selection(**dict(_selected(_object(said.get("selection", "{}")))))
        batch = said.get("batch")
        return Schedule(TopSpeed(), selection, Service(int(batch) if batch else None))
    except (TypeError, ValueError) as error:
        raise AlgorithmError(f"their selection or batch is none: {error}") from None


def _selected(said: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in said.items():
        if name == "select":
            yield name, Expression(str(value))
            continue
        is_whole = name in {"limit", "loop"}
        is_number = isinstance(value, int if is_whole else int | float)
        most = _MOST_LOOPS if name == "loop" else 1e15
        if isinstance(value, bool) or not is_number or not 0 <= value <= most:
            raise ValueError(f"{name}={value!a:.40}")
        yield name, value
