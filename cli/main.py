"""The command ``wtrec``: finds the subcommand, and turns errors into one line and an exit code.

Each subcommand is a module of its own, imported when it is used or listed. Those modules
import nothing heavy at their top, so ``wtrec --help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys

import click

from ..errors import EXIT_FAILED, NO_ROOM, WtrecError
from .lazy import LazyGroup
from .without_pandas import start_without_pandas

# In the order of a day's work; each is the module and the click command in it.
COMMANDS = (
    "demo",
    "doctor",
    "monitor",
    "send",
    "receive",
    "capture",
    "filter",
    "simulate",
    "info",
    "recover",
    "merge",
    "replay",
    "analyze",
    "compare",
    "convert",
    "dataset",
    "algos",
)


class _Commands(LazyGroup):
    """The subcommands."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; Ctrl-C where it does not end anything by itself is one line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("wtrec: interrupted", err=True)
            ctx.exit(EXIT_FAILED)


@click.group(
    cls=_Commands,
    package=__package__,
    names=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="wtrec")
def wtrec() -> None:
    """Evaluate packet-recovery algorithms on real 802.11 frames, the broken ones included.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong usage,
                3 done but with loss (dropped frames, truncated input).
    """  # noqa: D301 - click reads the backspace


def main() -> None:
    """The console script."""
    start_without_pandas()
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: nothing half-made stays behind
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    # Its threads spin when they start; a plug-in that multiplies large matrices may ask for them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        wtrec()
    except WtrecError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        advice = "; make room there, or write elsewhere" if error.errno in NO_ROOM else ""
        _fail(f"{where}{error.strerror or error}{advice}", EXIT_FAILED)


def _fail(message: str, code: int) -> None:
    click.echo(f"wtrec: {message}", err=True)
    sys.exit(code)
