"""Which programs that a dataset names ``wtrec dataset reproduce`` may run.

A dataset may come from anybody and name any command line, also one of a shell. So none is run that
its user has not named letter by letter, or seen whole and confirmed.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ...datasets.sharing.dataset import Dataset


def to_run(dataset: Dataset, named: Collection[str], *, quiet: bool) -> set[str]:
    """The command lines that may be run: those named; on a terminal, each other one is asked for.

    Args:
        dataset: Whose results name them.
        named: By the user, literally.
        quiet: Ask for none.

    Raises:
        click.UsageError: One was named that the dataset does not have.
    """
    from ...replay.reproduce import program_of

    there = {
        command: None
        for run in dataset.runs
        for file in run.of_kind("results")
        if (command := program_of(file.facts))
    }
    for command in named:
        if command not in there:
            known = "; ".join(shlex.quote(each) for each in there if each.isprintable()) or "none"
            raise click.UsageError(
                f"--exec {shlex.quote(command)}: the dataset has no results of it; its programs: "
                f"{known}"
            )
    allowed = set(named)
    if not quiet and sys.stdin.isatty() and sys.stderr.isatty():
        allowed.update(
            command
            for command in there
            if command not in allowed and command.isprintable() and _is_wanted(command)
        )
    return allowed


def _is_wanted(command: str) -> bool:
    click.echo(f"results were made by a program:\n  {command}", err=True)
    return click.confirm("run it?", default=False, err=True)
