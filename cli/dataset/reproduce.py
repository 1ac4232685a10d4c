"""``wtrec dataset reproduce``: makes the numbers of a dataset again, and compares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...errors import EXIT_FAILED, EXIT_LOSS, DatasetError
from ..output import number, print_json, print_table, progress, say_when_compiling
from .options import DATASET, FORMAT, QUIET, load_dataset

if TYPE_CHECKING:
    from ...datasets.sharing.dataset import Dataset
    from .bench import Line

_RECORDED = {"capture": "capture(s)", "tx": "tx log(s)"}


@click.command(short_help="Make the results of a dataset again: are they the same?")
@click.argument("folder", metavar="DATASET", type=DATASET)
@click.option(
    "--exec",
    "programs",
    multiple=True,
    metavar="COMMAND",
    help="Run this program, which the dataset names (exec:), if it is here with the same SHA-256; "
    "repeat. COMMAND is the whole command line, as the dataset has it.",
)
@FORMAT
@QUIET
@click.pass_context
def reproduce(
    context: click.Context, folder: Path, programs: tuple[str, ...], output_format: str, quiet: bool
) -> None:
    """Make all that was computed of DATASET again, and say whether every number is the same.

    Results, masks, frames and analyses are made again; captures and tx logs are what was recorded.

    DATASET is a folder, or the name of one that is here (NAME, NAME@VERSION). It is verified first,
    and not changed. Exit code 1 if a number differs, 3 if something could not be judged.
    """
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
    from .bench import DIFFERENT, SAME, Bench
    from .programs import to_run

    commands = to_run(dataset, programs, quiet=quiet)
    lines: list[Line] = []
    with progress(quiet=quiet) as tick:
        for run in dataset.runs:
            with Bench(folder, run, programs=commands, tick=tick) as bench:
                lines += [bench.results(file) for file in run.of_kind("results")]
                lines += [bench.masks(file) for file in run.of_kind("masks")]
                lines += [bench.frames(file) for file in run.of_kind("frames")]
                lines += [bench.analysis(file) for file in run.of_kind("analysis")]
    is_same = bool(lines) and all(line.verdict == SAME and not line.unjudged for line in lines)
    if output_format == "json":
        files = [line.to_json() for line in lines]
        recorded = [
            f"{run.id}/{file.name}"
            for run in dataset.runs
            for kind in _RECORDED
            for file in run.of_kind(kind)
        ]
        print_json({"path": str(folder), "same": is_same, "files": files, "recorded": recorded})
    else:
        _print(folder, lines, dataset, quiet=quiet)
    if any(line.verdict == DIFFERENT for line in lines):
        context.exit(EXIT_FAILED)
    if not is_same:
        context.exit(EXIT_LOSS)


def _print(folder: Path, lines: list[Line], dataset: Dataset, *, quiet: bool) -> None:
    if not lines:
        click.echo(f"{folder}: nothing in it was computed: nothing to reproduce")
        return
    from .bench import DIFFERENT, SAME, UNJUDGED

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
    words = (SAME, DIFFERENT, UNJUDGED)
    counts = {word: sum(line.verdict == word for line in lines) for word in words}
    said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
    click.echo(f"{folder}: {len(lines):,} file(s) made again: {said}")
    given = {
        name: sum(len(run.of_kind(kind)) for run in dataset.runs)
        for kind, name in _RECORDED.items()
    }
    recorded = " and ".join(f"{count:,} {name}" for name, count in given.items() if count)
    if not quiet:
        click.echo(f"{folder}: {recorded} taken as recorded")
