"""``wtrec algos``: which recovery algorithms there are, and their parameters."""

from __future__ import annotations

import inspect
import sys
import textwrap

import click


@click.command(short_help="The recovery algorithms and their parameters.")
@click.argument("name", required=False)
def algos(name: str | None) -> None:
    """List the recovery algorithms, or describe algorithm NAME."""
    from ..replay.algorithm import available, load, parameters

    for each in [name] if name else available():
        algorithm = load(each)
        taken = ",".join(f"{item.name}={item.default}" for item in parameters(algorithm))
        click.echo(f"{each}:{taken}" if taken else each)
        text = inspect.cleandoc(algorithm.__doc__ or "no description")
        if name:
            module = inspect.cleandoc(sys.modules[algorithm.__module__].__doc__ or "")
            text = f"{text}\n\n{module}".strip()
        else:
            text = text.partition("\n")[0]
        click.echo(textwrap.indent(text, "    "))
