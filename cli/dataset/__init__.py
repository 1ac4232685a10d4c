"""``wtrec dataset``: sets of runs that people share; one module a subcommand."""

from __future__ import annotations

import click

from ..lazy import LazyGroup

COMMANDS = (
    "create",
    "anonymize",
    "forget-key",
    "info",
    "list",
    "verify",
    "push",
    "pull",
    "remote",
    "reproduce",
    "export",
    "diff",
    "pack",
    "unpack",
)


@click.group(
    cls=LazyGroup, package=__name__, names=COMMANDS, short_help="Sets of runs that people share."
)
def dataset() -> None:
    """Make, look at and verify datasets: sets of runs in BagIt bags, which anybody can check."""
