"""``wtrec algos``: which recovery algorithms there are, and their parameters."""

from __future__ import annotations

import inspect

import click


@click.command(short_help="The recovery algorithms and their parameters.")
@click.argument("name", required=False)
def algos(name: str | None) -> None:
    """List the recovery algorithms, or describe algorithm NAME."""
    from ..replay.algorithm import available, load, parameters

    if name is not None:
        click.echo(inspect.getdoc(inspect.getmodule(load(name))))
    for each in [name] if name else available():
        algorithm = load(each)
        summary = (inspect.getdoc(algorithm) or "").partition("\n")[0]
        taken = ",".join(f"{item.name}={item.default}" for item in parameters(algorithm))
        click.echo(f"\n{each}:{taken}" if name else f"{each}:{taken}\n    {summary}")
