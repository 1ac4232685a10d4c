"""What ``wtrec capture`` shows while it runs, and in the end."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..datasets.run import Counters
    from ..recorder.capture import CaptureSummary
    from ..recorder.capture_loop import Snapshot
    from ..recorder.live import LiveRates

_RATES = ("Mbit/s", "frames", "bad FCS", "share", "claimed bad", "retry", "signal dBm")


class Display:
    """One line on the terminal once a second, or a table by rate, or lines for a program.

    Args:
        on_terminal: Show the line, or the table.
        lines: Print a line an interface instead, wherever that goes.
        rates: Show these.
        more: What stands behind the numbers.
    """

    def __init__(
        self,
        *,
        on_terminal: bool,
        lines: bool = False,
        rates: LiveRates | None = None,
        more: Callable[[], str] = str,
    ) -> None:
        self._line = on_terminal and not lines
        self._lines = lines
        self._rates = rates
        self._more = more
        self._live: Any = None
        self._has_header = False
        self._written = 0
        self._at = time.monotonic()

    def __call__(self, snapshot: Snapshot) -> None:
        """Show the numbers; a terminal that is gone is no reason to stop."""
        with contextlib.suppress(OSError):
            if self._lines:
                self._print_lines(snapshot)
            if self._line and self._rates is not None:
                self._show_table(snapshot)
            elif self._line:
                click.echo(f"\r\x1b[K{self._summed(snapshot)}", nl=False, err=True)

    def hashing(self, size: int) -> None:
        """Say what the end waits for, and how not to."""
        with contextlib.suppress(OSError):
            if self._live is not None:
                self._live.stop()
                self._live = None
            if self._line:
                click.echo(
                    f"\r\x1b[Khashing {size / 1e6:,.1f} MB; Ctrl-C leaves the hash out",
                    nl=False,
                    err=True,
                )

    def close(self) -> None:
        """Leave the terminal as it was."""
        with contextlib.suppress(OSError):
            if self._live is not None:
                self._live.stop()
            elif self._line:
                click.echo("\r\x1b[K", nl=False, err=True)

    def _print_lines(self, snapshot: Snapshot) -> None:
        if not self._has_header:
            self._has_header = True
            click.echo(
                f"{'Interface':<15}  {'Received':>10}  {'Dropped':>10}  {'Written':>10}  "
                f"{'Bad FCS':>10}",
                err=True,
            )
        for name, counters in snapshot.interfaces.items():
            click.echo(
                f"{name:<15}  {counters.received:>10}  {counters.dropped_by_kernel:>10}  "
                f"{counters.written:>10}  {counters.bad_fcs:>10}",
                err=True,
            )

    def _summed(self, snapshot: Snapshot) -> str:
        now, counters = time.monotonic(), snapshot.counters
        rate = (counters.written - self._written) / (now - self._at)
        self._written, self._at = counters.written, now
        return (
            f"{counters.written:,} frames, {rate:,.0f}/s, {_share(counters)} bad FCS, "
            f"{counters.dropped_by_kernel:,} dropped, {snapshot.path.name} "
            f"{snapshot.size / 1e6:,.1f} MB{self._more()}"
        )

    def _show_table(self, snapshot: Snapshot) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.table import Table

        assert self._rates is not None  # noqa: S101 - so it was called
        table = Table(caption=self._summed(snapshot), caption_justify="left")
        for name in _RATES:
            table.add_column(name, justify="right")
        for row in rate_rows(self._rates):
            table.add_row(*row)
        if self._live is None:
            self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(table, refresh=True)


def rate_rows(rates: LiveRates) -> list[Sequence[str]]:
    """The table by rate, a list of cells a row."""
    rows: list[Sequence[str]] = []
    for rate, counts in rates.rates().items():
        signal = counts.signal
        rows.append(
            (
                "-" if rate is None else f"{rate:g}",
                f"{counts.frames:,}",
                f"{counts.bad:,}",
                f"{counts.bad / counts.frames:.1%}",
                f"{counts.claimed_bad:,}",
                f"{counts.retries:,}",
                "-" if signal is None else f"{signal:.1f}",
            )
        )
    return rows


def print_rates(rates: LiveRates) -> None:
    """The table by rate of the whole capture, and what is not in it."""
    rows = [_RATES, *rate_rows(rates)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells), err=True)
    if rates.failure is not None:
        click.echo(f"wtrec: warning: counting by rate ended early: {rates.failure}", err=True)
    if rates.skipped:
        click.echo(f"{rates.skipped:,} bytes of the capture are not in this table", err=True)


def print_summary(summary: CaptureSummary) -> None:
    """What came of a capture; printed whatever ended it."""
    counters, run = summary.counters, summary.run
    more = f", the last of {len(run.files)} files" if len(run.files) > 1 else ""
    lines = [
        f"{summary.path}{more}: ended by {run.ended_by}",
        *_numbers(counters),
    ]
    if len(run.interfaces) > 1:
        for each in run.interfaces:
            if each.counters is not None:
                lines += [f" {each.name}", *_numbers(each.counters)]
    if run.clock_change_ns:
        lines.append(
            f"wtrec: warning: the clock was set by {run.clock_change_ns / 1e9:+.3f} s under way: "
            "times of frames before and after do not fit together"
        )
    lines += [f"wtrec: note: {note}" for note in summary.notes]
    if summary.error is not None:
        lines.append(f"error: {summary.error}")
    with contextlib.suppress(OSError):  # the terminal may be gone
        for line in lines:
            click.echo(line, err=True)


def _numbers(counters: Counters) -> list[str]:
    left = counters.received - counters.dropped_by_kernel - counters.written
    return [
        f"  received           {counters.received:>12,}",
        f"  dropped by kernel  {counters.dropped_by_kernel:>12,}",
        *([f"  left at the end    {left:>12,}"] if left > 0 else []),
        f"  written            {counters.written:>12,}",
        f"  bad FCS            {counters.bad_fcs:>12,}  ({_share(counters)}, the driver's claim)",
    ]


def _share(counters: Counters) -> str:
    return f"{counters.bad_fcs / counters.written:.1%}" if counters.written else "0.0%"


def stderr_is_terminal() -> bool:
    """Whether somebody looks."""
    return sys.stderr.isatty()
