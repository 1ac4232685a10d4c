"""``wtrec dataset``: sets of runs that people share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_FAILED
from .files import FILE
from .output import finish, print_json, print_table, say_when_compiling

if TYPE_CHECKING:
    from ..datasets.sharing.dataset import Dataset
    from ..datasets.sharing.verify import Verdict

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FORMAT = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: for programs; its keys are stable.",
)
_QUIET = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes.")

# The words for each; the schema says more.
_QUESTIONS = {
    "title": "One line that says what it is",
    "authors": "Who made it, separated by ';'",
    "licence": "Terms of use, an SPDX identifier (CC-BY-4.0 ...)",
    "purpose": "What it was recorded for",
    "collection_environment": "Where: rooms, distances, what else was there",
    "network_configuration": "Standard, channel, stations, rates, traffic",
    "hardware": "Cards, antennas, drivers, firmware",
    "methodology": "How it was measured",
    "sanitisation": "What was removed or replaced, and what is still in there",
    "limitations": "What it does not show",
    "citation": "How to cite it",
    "doi": "DOI, like 10.5281/zenodo.1234567",
}
_LISTS = ("authors", "keywords")


@click.group(short_help="Sets of runs that people share.")
def dataset() -> None:
    """Make, look at and verify datasets: sets of runs in BagIt bags, which anybody can check."""


def _metadata_options(command: Any) -> Any:
    command = click.option(
        "--keyword", "keywords", multiple=True, metavar="WORD", help="Word to find it by; repeat."
    )(command)
    for name, words in reversed(_QUESTIONS.items()):
        if name != "authors":
            flag = f"--{name.replace('_', '-')}"
            command = click.option(flag, name, metavar="TEXT", help=f"{words}.")(command)
    return click.option(
        "--author",
        "authors",
        multiple=True,
        metavar="NAME",
        help="Who made it, 'NAME' or 'NAME <EMAIL>'; repeat.",
    )(command)


@dataset.command(short_help="Make a dataset of runs.")
@click.argument("name", metavar="NAME")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=FILE)
@click.option(
    "--version", default="1", show_default=True, metavar="N[.N[.N]]", help="Version of the dataset."
)
@click.option(
    "-d",
    "--directory",
    type=FOLDER,
    default=Path(),
    metavar="DIR",
    help="Where the folder NAME-VERSION is made; default: here.",
)
@click.option(
    "--metadata",
    "file",
    type=FILE,
    metavar="FILE.toml",
    help="Metadata, by the names that dataset.json has; options come before it.",
)
@_metadata_options
@click.option(
    "--part-size",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    metavar="MIB",
    help="Larger files are split into parts.",
)
@_QUIET
@click.pass_context
def create(
    context: click.Context,
    /,
    name: str,
    runs: tuple[Path, ...],
    version: str,
    directory: Path,
    file: Path | None,
    part_size: int,
    quiet: bool,
    **options: Any,
) -> None:
    """Make dataset NAME of RUNs, named by their captures.

    What stands beside a capture goes with it: run.json, tx log, results, masks, frames. Every file
    is copied, hashed and read through; files that are damaged or of other runs are refused.
    Metadata that is missing is asked for on a terminal.
    """
    from ..datasets.sharing.create import check_metadata
    from ..datasets.sharing.create import create as make

    metadata = {**(_from_toml(file) if file else {}), **_given(options)}
    if not quiet and sys.stdin.isatty() and sys.stderr.isatty():
        metadata = _asked(metadata)
    check_metadata(name, version, metadata)
    say_when_compiling()
    with byte_progress("create", quiet=quiet) as (start, advance):
        made = make(
            directory / f"{name}-{version}",
            runs,
            name=name,
            version=version,
            metadata=metadata,
            part_bytes=part_size << 20,
            on_start=start,
            on_bytes=advance,
        )
    if not quiet:
        for note in made.notes:
            click.echo(f"wtrec: note: {note}", err=True)
    held = made.dataset
    click.echo(f"{made.path}: {len(held.runs):,} run(s), {held.size:,} bytes")
    finish(context, made.losses)


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that options say."""
    given = {key: value for key, value in options.items() if value and key not in _LISTS}
    if options["authors"]:
        given["authors"] = [_author(text) for text in options["authors"]]
    if options["keywords"]:
        given["keywords"] = list(options["keywords"])
    return given


def _author(text: str) -> dict[str, str]:
    name, bracket, email = text.partition("<")
    if not bracket:
        return {"name": text.strip()}
    return {"name": name.strip(), "email": email.strip().removesuffix(">")}


def _from_toml(path: Path) -> dict[str, Any]:
    import tomllib

    from ..errors import FormatError

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"no TOML ({error})", path=str(path)) from None
    known = {*_QUESTIONS, "keywords"}
    unknown = sorted(values.keys() - known)
    if unknown:
        raise FormatError(
            f"{', '.join(unknown)}: wanted {', '.join([*_QUESTIONS, 'keywords'])}", path=str(path)
        )
    if isinstance(values.get("authors"), list):
        values["authors"] = [
            _author(each) if isinstance(each, str) else each for each in values["authors"]
        ]
    return values


def _asked(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for what is missing; an empty line leaves out what may be."""
    from ..datasets.sharing.dataset import REQUIRED

    answers = dict(metadata)
    for name, question in _QUESTIONS.items():
        if answers.get(name):
            continue
        text = ""
        while not text:
            text = click.prompt(question, default="", show_default=False, err=True).strip()
            if name not in REQUIRED:
                break
        if name == "authors":
            answers[name] = [_author(each) for each in text.split(";") if each.strip()]
        elif text:
            answers[name] = text
    return answers


@dataset.command(short_help="What a dataset is, and what it holds.")
@click.argument("folder", metavar="DATASET", type=FOLDER)
@_FORMAT
def info(folder: Path, output_format: str) -> None:
    """Say what DATASET is and holds, as its dataset.json does; nothing else of it is read."""
    found = _load(folder)
    if output_format == "json":
        print_json({"path": str(folder), **found.to_json()})
        return
    _print(folder, found)


def _load(folder: Path) -> Dataset:
    from ..datasets.sharing.bag import read_small
    from ..datasets.sharing.dataset import MOST_BYTES, PATH, load

    path = folder / PATH
    return load(read_small(path, MOST_BYTES), str(path))


def _print(folder: Path, found: Dataset) -> None:
    from ..datasets.sharing.dataset import TEXTS

    lines = [
        ("name", f"{found.name}, version {found.version}"),
        ("title", found.title),
        ("authors", ", ".join(author.name for author in found.authors)),
        ("licence", found.licence),
        ("doi", found.doi),
        ("keywords", ", ".join(found.keywords)),
        ("recorded", f"{found.start} to {found.end}" if found.start else ""),
        ("made", f"{found.created} by wtrec {found.wtrec_version}"),
        ("size", f"{len(found.runs):,} run(s), {found.size:,} bytes"),
        *((name.replace("_", " "), " ".join(getattr(found, name).split())) for name in TEXTS),
    ]
    click.echo(f"{folder}:")
    for label, text in lines:
        if text:
            click.echo(f"  {label:<24}{text}")
    rows = []
    for run in found.runs:
        for file in run.files:
            counts = ", ".join(
                f"{name} {count:,}"
                for name, count in file.counts.items()
                if name in _SHOWN and (count or name in {"frames", "rows"})
            )
            parts = f" in {len(file.parts)} parts" if file.parts else ""
            rows.append((run.id, file.name, file.kind, f"{file.bytes:,}{parts}", counts or "-"))
    print_table(("run", "file", "kind", "bytes", "holds"), rows)


_SHOWN = ("frames", "good", "bad", "rows", "repaired", "abstained", "written")


@dataset.command("list", short_help="The datasets in folders.")
@click.argument("folders", nargs=-1, metavar="[DIR]...", type=FOLDER)
@_FORMAT
@click.pass_context
def list_datasets(context: click.Context, folders: tuple[Path, ...], output_format: str) -> None:
    """List the datasets that are in DIRs, or are these; without any, those here."""
    from ..datasets.sharing.dataset import PATH
    from ..errors import WtrecError

    found: list[tuple[Path, Dataset]] = []
    losses = []
    for folder in folders or (Path(),):
        inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
        for path in (folder, *inside):
            if not (path / PATH).is_file():
                continue
            try:
                found.append((path, _load(path)))
            except (WtrecError, OSError) as error:
                losses.append(str(error))
    if output_format == "json":
        print_json([{"path": str(path), **each.to_json()} for path, each in found])
    else:
        rows = [
            (
                each.name,
                each.version,
                f"{len(each.runs):,}",
                f"{each.count('frames'):,}",
                f"{each.count('bad'):,}",
                f"{each.size:,}",
                each.licence,
                str(path),
            )
            for path, each in found
        ]
        header = ("name", "version", "runs", "frames", "bad FCS", "bytes", "licence", "folder")
        print_table(header, rows)
    finish(context, losses)


@dataset.command(short_help="Whether all of a dataset is as it was made.")
@click.argument("folder", metavar="DATASET", type=FOLDER)
@_FORMAT
@_QUIET
@click.pass_context
def verify(context: click.Context, folder: Path, output_format: str, quiet: bool) -> None:
    """Verify DATASET: hashes, schema, names, and whether every file reads and counts as it says.

    All problems are listed; exit code 1 if there is one.
    """
    say_when_compiling()
    from ..datasets.sharing.verify import verify as check

    with byte_progress("verify", quiet=quiet) as (start, advance):
        verdict = check(folder, on_start=start, on_bytes=advance)
    if output_format == "json":
        print_json(_verdict(verdict))
    else:
        for problem in verdict.problems:
            click.echo(str(problem))
        for note in verdict.notes if not quiet else ():
            click.echo(f"wtrec: note: {note}", err=True)
        problems = f"{len(verdict.problems):,} problem(s)" if verdict.problems else "no problem"
        click.echo(f"{folder}: {problems} in {verdict.files:,} files, {verdict.bytes:,} bytes")
    if not verdict.is_sound:
        context.exit(EXIT_FAILED)


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "path": str(verdict.path),
        "sound": verdict.is_sound,
        "digest": verdict.digest,
        "files": verdict.files,
        "bytes": verdict.bytes,
        "problems": [{"path": each.path, "what": each.what} for each in verdict.problems],
        "notes": verdict.notes,
    }


@dataset.command(short_help="Publish a dataset in a team's folder.")
@click.argument("folder", metavar="DATASET", type=FOLDER)
@click.argument("store", metavar="STORE", type=click.Path(file_okay=False, path_type=Path))
@click.option("--init", is_flag=True, help="Make STORE if it is not there.")
@_QUIET
def push(folder: Path, store: Path, init: bool, quiet: bool) -> None:
    """Publish DATASET in STORE, a folder that a team shares.

    It is verified first. Files that are there already are not copied again; the dataset is visible
    when all of it is there, and does not change any more.
    """
    if init:
        store.mkdir(exist_ok=True)
    elif not store.is_dir():
        raise click.UsageError(f"{store} is not there: mount it, or make it with --init")
    say_when_compiling()
    from ..datasets.sharing.store import Store

    with byte_progress("push", quiet=quiet) as (start, advance):
        copied = Store(store).push(folder, on_start=start, on_bytes=advance)
    click.echo(f"{folder}: in {store}, {copied:,} bytes copied")


@dataset.command(short_help="Fetch a dataset from a team's folder.")
@click.argument("store", metavar="STORE", type=FOLDER)
@click.argument("name", metavar="NAME[@VERSION]")
@click.option(
    "-d", "--directory", type=FOLDER, default=Path(), metavar="DIR", help="Where it goes."
)
@_QUIET
def pull(store: Path, name: str, directory: Path, quiet: bool) -> None:
    """Fetch dataset NAME from STORE into the folder NAME-VERSION.

    Without a version, it is the newest. Every file is checked as it arrives, and the whole before
    it gets its name. A pull that broke off goes on where it was.
    """
    say_when_compiling()
    from ..datasets.sharing.store import Store
    from ..errors import DatasetError

    source = Store(store)
    name, _, version = name.partition("@")
    versions = source.versions(name)
    if not version and not versions:
        raise DatasetError(f"{store}: no dataset {name}")
    version = version or versions[-1]
    target = directory / f"{name}-{version}"
    with byte_progress("pull", quiet=quiet) as (start, advance):
        copied = source.pull(name, version, target, on_start=start, on_bytes=advance)
    click.echo(f"{target}: {copied:,} bytes copied")


@contextlib.contextmanager
def byte_progress(
    step: str, *, quiet: bool
) -> Iterator[tuple[Callable[[int], None], Callable[[int], None]]]:
    """A progress bar of bytes on stderr, if that is a terminal, with rate and time left.

    Yields:
        What to call with all bytes that there will be, and with those that were done since.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda _: None, lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(step, total=None)
        yield (
            lambda total: bar.update(task, total=total),
            lambda count: bar.update(task, advance=count),
        )
