"""Ways to draw a table that several figures share, on matplotlib's axes.

Legends stand above the axes, never on the data. Text is text: a ``$`` in a name starts no formula,
and what is too long for a label is cut.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]

# Okabe and Ito's palette: told apart in print and by colour-blind readers.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS: Final = "osD^vPX"
MOST_SERIES: Final = len(COLOURS)  # that can be told apart
MOST_PLACES: Final = 24  # names along an axis that can be read

_UNITS: Final = {
    "rate_mbps": ("data rate", "Mbit/s"),
    "snr_db": ("SNR", "dB"),
    "signal_dbm": ("signal", "dBm"),
    "noise_dbm": ("noise", "dBm"),
    "tx_power_dbm": ("transmit power", "dBm"),
    "channel_mhz": ("channel", "MHz"),
    "original_length": ("length", "bytes"),
}
_LONGEST: Final = 32  # characters of a label
_POINTS_PER_INCH: Final = 72
_SMALL: Final = 0.833  # of the font size, as matplotlib has it


@dataclass(frozen=True, slots=True)
class Keys:
    """The columns that groups are made by.

    Attributes:
        columns: Their names.
    """

    columns: Sequence[str]

    def values(self, group: Json) -> tuple[Any, ...]:
        """A group's values."""
        return tuple(group[column] for column in self.columns)

    def label(self, group: Json) -> str:
        """A group in words."""
        return ", ".join(map(_worded, self.columns, self.values(group))) or "all frames"

    def title(self) -> str:
        """All columns, for the head of a table."""
        return ", ".join(map(axis_title, self.columns)) or "group"


def axis_title(column: str) -> str:
    """A column with its unit."""
    name, unit = _UNITS.get(column, (column.replace("_", " "), ""))
    return f"{name}, {unit}" if unit else name


def short(text: str) -> str:
    """A label that fits."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _value(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _worded(column: str, value: Any) -> str:
    name, unit = _UNITS.get(column, (column.replace("_", " "), ""))
    if unit and value is not None:
        return f"{_value(value)} {unit}"
    return f"{name} {_value(value)}"


def series(rows: Sequence[Sequence[Any]]) -> list[tuple[str, list[Sequence[Any]]]]:
    """Rows by their first column, in the order of its first appearance."""
    found: dict[str, list[Sequence[Any]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return list(found.items())


def legend(axes: Any, title: str = "", most: int = 8) -> None:
    """Above the axes, in as many columns as fit, and no more than ``most``."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) < 2:
        return
    import matplotlib as mpl

    canvas = axes.figure
    labels = [short(label) for label in labels]
    points = mpl.rcParams["font.size"] * _SMALL
    fitting = canvas.get_figwidth() * _POINTS_PER_INCH / (0.55 * points)
    columns = max(1, min(len(labels), most, int(fitting / (max(map(len, labels)) + 6.4))))
    canvas.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=columns,
        fontsize="small",
        title=title or None,
        title_fontsize="small",
        handlelength=1.6,
        columnspacing=1.2,
    )


def against(
    axes: Any,
    columns: Sequence[str],
    rows: Sequence[tuple[tuple[Any, ...], Any, Any, Any]],
    y: str,
    scale: float = 100,
) -> None:
    """Shares with intervals against the last column, a series for each value of the others.

    Args:
        axes: Where.
        columns: The key's.
        rows: Key, share, lower and upper end.
        y: The title of the vertical axis.
        scale: What values are multiplied by: to percent, if not given.
    """
    values = list(dict.fromkeys(key[-1] if key else "all frames" for key, *_ in rows))
    # Rates are settings, and each is as far from the next; decibels are a measure.
    is_measure = list(columns[-1:]) != ["rate_mbps"] and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    places: dict[Any, Any] = {
        value: value if is_measure else place for place, value in enumerate(values)
    }
    outer = Keys(columns[:-1])
    named = [
        (outer.label(dict(zip(columns, key, strict=True))) if columns else "", key, *rest)
        for key, *rest in rows
    ]
    parts = series(named)
    for index, (name, points) in enumerate(parts):
        shift = 0.0 if is_measure else 0.5 * (index - (len(parts) - 1) / 2) / len(parts)
        drawn = [point for point in points if point[2] is not None]
        at = [places[point[1][-1] if point[1] else "all frames"] + shift for point in drawn]
        shares = [scale * point[2] for point in drawn]
        below = [
            scale * max(0.0, point[2] - (point[2] if point[3] is None else point[3]))
            for point in drawn
        ]
        above = [
            scale * max(0.0, (point[2] if point[4] is None else point[4]) - point[2])
            for point in drawn
        ]
        axes.errorbar(
            at,
            shares,
            [below, above],
            fmt=MARKS[index % len(MARKS)] + ("-" if is_measure else ""),
            color=COLOURS[index % len(COLOURS)],
            label=short(name),
            capsize=3,
            ms=5,
            lw=1.2,
        )
    if not is_measure:
        names = [_value(value) for value in values]
        is_long = sum(map(len, names)) > 60
        axes.set_xticks(
            range(len(values)),
            [short(name) for name in names],
            rotation=35 if is_long else 0,
            ha="right" if is_long else "center",
        )
        axes.set_xlim(-0.6, len(values) - 0.4)
    axes.set_xlabel(axis_title(columns[-1]) if columns else "")
    axes.set_ylabel(y)
    lowest = min((row[1] for row in rows if row[1] is not None), default=0)
    axes.set_ylim(bottom=min(0.0, 1.05 * scale * lowest))
    if len(parts) > 1:
        legend(axes)


def stacked(
    axes: Any,
    names: Sequence[str],
    counts: Sequence[Sequence[int]],
    parts: Sequence[str],
    colours: Sequence[Any],
    title: str = "",
) -> None:
    """Bars from left to right, in percent of each row, the first row on top."""
    left = [0.0] * len(names)
    for column, part in enumerate(parts):
        widths = [100 * row[column] / max(1, sum(row)) for row in counts]
        axes.barh(
            range(len(names)), widths, 0.7, left, label=part, color=colours[column], lw=0.4, ec="w"
        )
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of broken frames, %")
    legend(axes, title)


def percent_down(axes: Any, least: float) -> None:
    """A logarithmic axis of percent, from 100 downwards."""
    from matplotlib.ticker import NullFormatter

    axes.set_yscale("log")
    axes.set_ylim(10 ** math.floor(math.log10(least)), 130)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
