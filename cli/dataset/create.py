"""``wtrec dataset create``: makes a dataset of runs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..files import FILE
from ..output import finish, say_when_compiling
from .options import QUIET, byte_progress, new_dataset_options

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


def metadata_options(command: Any) -> Any:
    """Add an option for each member that people say of a dataset."""
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


@click.command(short_help="Make a dataset of runs.")
@click.argument("name", metavar="NAME")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=FILE)
@new_dataset_options
@click.option(
    "--metadata",
    "file",
    type=FILE,
    metavar="FILE.toml",
    help="Metadata, by the names that dataset.json has; options come before it.",
)
@metadata_options
@click.option(
    "--part-size",
    type=click.IntRange(1),
    default=4096,
    show_default=True,
    metavar="MIB",
    help="Larger files are split into parts.",
)
@QUIET
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
    from ...datasets.sharing.create import check_metadata
    from ...datasets.sharing.create import create as make

    metadata = {**(from_toml(file) if file else {}), **given_metadata(options)}
    if not quiet and sys.stdin.isatty() and sys.stderr.isatty():
        metadata = asked_metadata(metadata)
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


def given_metadata(options: Mapping[str, Any]) -> dict[str, Any]:
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


def from_toml(path: Path) -> dict[str, Any]:
    """The metadata in a file."""
    import tomllib

    from ...errors import FormatError

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


def asked_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Ask for what is missing; an empty line leaves out what may be."""
    from ...datasets.sharing.dataset import REQUIRED

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
