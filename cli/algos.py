"""``wtrec algos``: which recovery algorithms there are, and what each says of itself."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_FAILED, AlgorithmError
from .output import print_json

if TYPE_CHECKING:
    from ..replay.describe import Description

_WIDTH = 100


@click.command(short_help="The recovery algorithms and their parameters.")
@click.argument("name", required=False)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
)
@click.pass_context
def algos(context: click.Context, /, name: str | None, output_format: str) -> None:
    """List the recovery algorithms, or describe algorithm NAME.

    Each stands as --algo takes it, with its parameters and their defaults.
    """
    from ..replay.choice import available, hidden
    from ..replay.describe import describe

    described: list[Description] = []
    broken: list[AlgorithmError] = []
    for each in [name] if name else available():
        try:
            described.append(describe(each))
        except AlgorithmError as error:  # of one package, which hides no other's
            broken.append(error)
    if output_format == "json":
        print_json({"algorithms": [description.to_json() for description in described]})
    else:
        for description in described:
            click.echo(_whole(description) if name else _short(description))
    unused = hidden()
    for line in unused.get(name, []) if name else itertools.chain.from_iterable(unused.values()):
        click.echo(f"wtrec: warning: {line}", err=True)
    if name and broken:
        raise broken[0]
    for failure in broken:
        click.echo(f"wtrec: {failure}", err=True)
    if broken:
        context.exit(EXIT_FAILED)


def _short(description: Description) -> str:
    return f"{description.usage}\n    {description.summary}"


def _whole(description: Description) -> str:
    """Parameters, source and cost stand before the details, which may be long."""
    facts = [
        f"{parameter.name} ({parameter.type.__name__}, default {_shown(parameter.default)}): "
        + description.meanings.get(parameter.name, "no description")
        for parameter in description.parameters
    ]
    facts += [f"source: {description.source}"] if description.source else []
    facts += [f"cost: {description.cost}"] if description.cost else []
    wrapped = "\n".join(
        textwrap.fill(fact, _WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8)
        for fact in facts
    )
    details = textwrap.indent(description.details, " " * 4)
    return "\n\n".join(filter(None, [_short(description), wrapped, details]))


def _shown(default: bool | float | str) -> str:
    return "empty" if default == "" else str(default)
