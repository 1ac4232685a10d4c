"""``wtrec dataset reproduce``: makes the numbers of a dataset again, and compares."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from ...errors import EXIT_FAILED, EXIT_LOSS, DatasetError, FormatError, MatchError
from ..output import number, print_json, print_table, progress, say_when_compiling
from .options import FORMAT, QUIET, load_dataset, named_dataset

if TYPE_CHECKING:
    from ...analysis.again import Made
    from ...datasets.parts import Parts
    from ...datasets.sharing.dataset import DatasetFile, DatasetRun
    from ..output import Tick

SAME, DIFFERENT, UNJUDGED = "same", "different", "not judged"
_SHOWN = 5


@dataclass(slots=True)
class _Line:
    """What came of one file.

    Attributes:
        path: The file in the dataset.
        what: Who made it.
        version: By which version.
        numbers: Rows or values that were recorded, and those that differ.
        verdict: One of the three words.
        unjudged: Why not all could be judged.
        notes: What else is to be known.
        details: For programs.
    """

    path: str
    what: str
    version: str
    numbers: tuple[int | None, int | None] = (None, None)
    verdict: str = UNJUDGED
    unjudged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/reproduce.md."""
        return {
            "path": self.path,
            "made_by": self.what,
            "wtrec_version": self.version,
            "verdict": self.verdict,
            "numbers": self.numbers[0],
            "differing": self.numbers[1],
            "unjudged": self.unjudged,
            "notes": self.notes,
            **self.details,
        }


@click.command(short_help="Make the results of a dataset again: are they the same?")
@click.argument("folder", metavar="DATASET", type=click.Path(path_type=Path))
@click.option(
    "--exec",
    "programs",
    is_flag=True,
    help="Run programs that the dataset names (exec:), if they are here with the same SHA-256.",
)
@FORMAT
@QUIET
@click.pass_context
def reproduce(
    context: click.Context, folder: Path, programs: bool, output_format: str, quiet: bool
) -> None:
    """Make all results and analyses of DATASET again, and say whether every number is the same.

    DATASET is a folder, or the name of one that is here (NAME, NAME@VERSION). It is verified first,
    and not changed. Exit code 1 if a number differs, 3 if something could not be judged.
    """
    folder = named_dataset(folder)
    say_when_compiling()
    from ...datasets.sharing.verify import verify

    verdict = verify(folder)
    if verdict.problems:
        raise DatasetError(
            f"{folder}: {verdict.problems[0]}; {len(verdict.problems)} problem(s): see wtrec "
            "dataset verify"
        )
    if verdict.absent:
        raise DatasetError(f"{folder}: {len(verdict.absent):,} file(s) are not here: pull it whole")
    dataset = load_dataset(folder)
    lines: list[_Line] = []
    with progress(quiet=quiet) as tick:
        for run in dataset.runs:
            with _Bench(folder, run, programs=programs, tick=tick) as bench:
                lines += [bench.results(file) for file in run.of_kind("results")]
                lines += [bench.analysis(file) for file in run.of_kind("analysis")]
    is_same = bool(lines) and all(line.verdict == SAME and not line.unjudged for line in lines)
    if output_format == "json":
        files = [line.to_json() for line in lines]
        print_json({"path": str(folder), "same": is_same, "files": files})
    else:
        _print(folder, lines, quiet=quiet)
    if any(line.verdict == DIFFERENT for line in lines):
        context.exit(EXIT_FAILED)
    if not is_same:
        context.exit(EXIT_LOSS)


class _Bench:
    """A temporary folder in which the numbers of one run are made again."""

    def __init__(self, folder: Path, run: DatasetRun, *, programs: bool, tick: Tick) -> None:
        self._folder = folder / run.folder
        self._run = run
        self._programs = programs
        self._tick = tick
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        import tempfile

        name = self._held.enter_context(tempfile.TemporaryDirectory(prefix="wtrec-reproduce-"))
        self._place = Path(name)
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def results(self, file: DatasetFile) -> _Line:
        """Replay again."""
        from ...datasets.sharing.card import algorithm
        from ...replay.reproduce import reproduce

        line = self._line(file, algorithm(file))
        digest = file.facts.get("capture_sha256", "")
        found = reproduce(
            self._source(file),
            self._capture(digest),
            digest,
            self._place,
            programs=self._programs,
            tell=lambda standing: self._tick(f"replaying into {standing.name}", standing),
        )
        line.unjudged, line.notes = found.unjudged, found.notes
        if found.diff is not None:
            diff = found.diff
            line.numbers = diff.rows[0], diff.differing + sum(diff.alone)
            line.verdict = DIFFERENT if found.differs else SAME
            line.details = {"rows": diff.to_json(), "facts": found.facts}
            if diff.columns:
                counts = ", ".join(f"{name} in {n:,}" for name, n in diff.columns.items())
                line.notes.append(f"columns that differ, and in how many rows: {counts}")
            if any(diff.alone):
                line.notes.append(f"rows that are there now or then alone: {sum(diff.alone):,}")
            if diff.first is not None:
                line.notes.append(f"the first that differs is frame {diff.first[-1]}")
            if found.facts:
                line.notes.append(f"facts that differ: {', '.join(found.facts)}")
        return line

    def analysis(self, file: DatasetFile) -> _Line:
        """Analyze again."""
        import json

        from ...analysis.again import differences, made

        line = self._line(file, "wtrec analyze")
        said = json.loads(b"".join(piece.read_bytes() for piece in self._pieces(file)))
        try:
            how = made(said)
            again = self._analyzed(how, file)
        except (MatchError, FormatError) as error:
            line.unjudged.append(str(error))
            return line
        from importlib.metadata import version

        if how.wtrec_version != version("wtrec"):
            line.notes.append(f"made by wtrec {how.wtrec_version}, this is {version('wtrec')}")
        count, wrong = differences(said, again)
        line.numbers = count, len(wrong)
        line.verdict = DIFFERENT if wrong else SAME
        line.details = {"places": wrong}
        if wrong:
            more = f" and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
            line.notes.append(f"differs at {', '.join(wrong[:_SHOWN])}{more}")
        return line

    def _analyzed(self, how: Made, file: DatasetFile) -> dict[str, Any]:
        from ...analysis.again import results_for
        from .analyzed import analyzed

        digest = file.facts.get("capture_sha256", "")
        there = [
            each
            for each in self._run.of_kind("results")
            if each.facts.get("capture_sha256") == digest
        ]
        names = [(f.facts.get("algorithm", ""), f.facts.get("parameters", "{}")) for f in there]
        results = [self._whole(there[at]) for at in results_for(how, names)]
        logs = self._run.of_kind("tx")
        log = self._whole(logs[0]) if logs else None
        return analyzed(how, self._capture(digest), log, results, self._tick)

    def _line(self, file: DatasetFile, what: str) -> _Line:
        path = f"{self._run.id}/{file.name}"
        return _Line(path, what, file.facts.get("wtrec_version", "unknown"))

    def _pieces(self, file: DatasetFile) -> list[Path]:
        return [self._folder / piece for piece in file.pieces]

    def _source(self, file: DatasetFile) -> Path | Parts:
        from ...datasets.parts import Parts

        return Parts(tuple(self._pieces(file))) if file.parts else self._folder / file.name

    def _capture(self, digest: str) -> Path:
        captures = [each for each in self._run.of_kind("capture") if each.sha256 == digest]
        path = self._whole(captures[0])
        beside = self._run.of_kind("run")
        if captures[0].parts and beside:  # what is known of the recording is looked for beside it
            shutil.copyfile(self._whole(beside[0]), self._place / beside[0].name)
        return path

    def _whole(self, file: DatasetFile) -> Path:
        """A file in one piece; one in parts is put together here."""
        if not file.parts:
            return self._folder / file.name
        path = self._place / file.name
        if not path.exists():
            with path.open("xb") as out:
                for piece in self._pieces(file):
                    with piece.open("rb") as part:
                        shutil.copyfileobj(part, out, 1 << 20)
        return path


def _print(folder: Path, lines: list[_Line], *, quiet: bool) -> None:
    if not lines:
        click.echo(f"{folder}: no results and no analysis in it: nothing to reproduce")
        return
    rows = [
        (line.path, line.version, number(line.numbers[0]), number(line.numbers[1]), line.verdict)
        for line in lines
    ]
    print_table(("file", "wtrec", "rows or values", "differing", "verdict"), rows)
    for line in lines:
        for text in line.unjudged:
            click.echo(f"{line.path}: not judged: {text}")
        for text in line.notes if line.verdict == DIFFERENT or not quiet else ():
            click.echo(f"{line.path}: {text}")
    counts = {word: sum(line.verdict == word for line in lines) for word in _words()}
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    click.echo(f"{folder}: {len(lines):,} file(s) made again: {said}")


def _words() -> Iterator[str]:
    yield from (SAME, DIFFERENT, UNJUDGED)
