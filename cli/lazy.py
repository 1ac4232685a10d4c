"""A group of commands, each a module of its own that is imported when it is used or listed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """Subcommands by name.

    Args:
        package: Where the modules are. Each holds the command of its own name, whose
            hyphens are underscores there.
        names: The subcommands, in the order of the help text.
        **options: Those of ``click.Group``.
    """

    def __init__(self, *, package: str, names: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self._package = package
        self._names = list(names)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in their order."""
        del ctx
        return self._names

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        del ctx
        if cmd_name not in self._names:
            return None
        module = import_module(f".{cmd_name.replace('-', '_')}", self._package)
        found = (each for each in vars(module).values() if isinstance(each, click.Command))
        return next(each for each in found if each.name == cmd_name)
