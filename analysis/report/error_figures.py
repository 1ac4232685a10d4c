"""Figures of what was received: broken frames, wrong bits, and how these lie in the frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from .draw import (
    COLOURS,
    MOST_PLACES,
    MOST_SERIES,
    Json,
    Keys,
    against,
    legend,
    percent_down,
    series,
    stacked,
)
from .figure import Figure

_BINS: Final = 64  # of positions along the frame
_FEWEST: Final = 10  # judged frames that a distribution is made of
_EXACT: Final = 64  # bits: lengths up to here are counted one by one, then by octave
_CLASSES: Final = {  # wrong bits in a frame, from pale to dark
    "0": "#e8e8e8",
    "1": "#fde0a6",
    "2": "#fdbe6f",
    "3": "#f48849",
    "4-10": "#d8576b",
    "11-32": "#9c2e7f",
    ">32": "#41107a",
}


def broken(keys: Keys, groups: Sequence[Json]) -> Figure:
    """Share of broken frames, by group."""
    shown = largest(groups, MOST_PLACES)
    rows = [
        (
            keys.label(g),
            *(g[name] for name in ("frames", "good", "bad", "rewritten", "share_bad")),
            g["share_bad_low"],
            g["share_bad_high"],
        )
        for g in shown
    ]
    points = [_point(keys, g, "share_bad") for g in shown]
    return Figure(
        "broken-frames",
        "Broken frames",
        "Share of the received frames whose FCS is wrong, with Wilson's 95 % interval."
        + _left_out(groups, shown),
        (keys.title(), "frames", "good", "bad", "rewritten", "share bad", "low", "high"),
        rows,
        lambda axes: against(axes, keys.columns, points, "broken frames, % of received"),
    )


def flipped(keys: Keys, groups: Sequence[Json]) -> Figure:
    """Share of wrong bits within broken frames, by group."""
    shown = largest(groups, MOST_PLACES)
    names = ("judged", "bits", "bit_errors", "ber_bad", "ber_bad_low", "ber_bad_high")
    rows = [(keys.label(g), *(g[name] for name in names)) for g in shown]
    points = [_point(keys, g, "ber_bad") for g in shown]
    return Figure(
        "flipped-bits",
        "Wrong bits in broken frames",
        "Share of the bits of broken frames that are wrong, as far as their original is known, "
        "with a 95 % interval by drawing whole frames again." + _left_out(groups, shown),
        (keys.title(), "judged frames", "bits", "bit errors", "BER in bad", "low", "high"),
        rows,
        lambda axes: against(axes, keys.columns, points, "wrong bits, % of known"),
    )


def patterns(keys: Keys, groups: Sequence[Json]) -> Iterator[Figure]:
    """How wrong bits lie: how many a frame, where in it, and in what clusters."""
    yield classes(keys, groups)
    yield positions(keys, groups)
    yield from distributions(keys, groups)


def classes(keys: Keys, groups: Sequence[Json]) -> Figure:
    """How many bits are wrong in a broken frame."""
    shown = largest(groups, MOST_PLACES)
    flips = [group["patterns"]["flips"] for group in shown]
    # Frames whose known part is intact are there only where a part is all that is known.
    names = [name for name in _CLASSES if name != "0" or any(each["0"] for each in flips)]
    rows = [
        (keys.label(g), *(each[name] for name in names))
        for g, each in zip(shown, flips, strict=True)
    ]

    def draw(axes: Any) -> None:
        colours = [_CLASSES[name] for name in names]
        stacked(
            axes, [r[0] for r in rows], [r[1:] for r in rows], names, colours, "wrong bits in it"
        )

    return Figure(
        "flips-per-frame",
        "Wrong bits in a broken frame",
        "Broken frames by how many bits are wrong in them, of those whose original is known."
        + _left_out(groups, shown),
        (keys.title(), *(f"{name} wrong" for name in names)),
        rows,
        draw,
    )


def positions(keys: Keys, groups: Sequence[Json]) -> Figure:
    """Where in the frame bits are wrong."""
    shown = largest(_telling(groups), MOST_SERIES)
    rows = []
    for group in shown:
        place = group["patterns"]["position"]
        errors, bits = place["bit_errors"], place["bits"]
        step = max(1, -(-len(bits) // _BINS))
        for start in range(0, len(bits), step):
            known = sum(bits[start : start + step])
            if known:
                share = sum(errors[start : start + step]) / known
                middle = (start + step / 2) * place["bytes"]
                rows.append((keys.label(group), middle, share, known))

    def draw(axes: Any) -> None:
        for (name, points), colour in zip(series(rows), COLOURS, strict=False):
            axes.plot(
                [p[1] for p in points], [100 * p[2] for p in points], label=name, lw=1, color=colour
            )
        axes.set_xlabel("position in the frame, bytes")
        axes.set_ylabel("wrong bits, % of known")
        axes.set_ylim(bottom=0)
        axes.set_xlim(left=0)
        legend(axes)

    return Figure(
        "positions",
        "Wrong bits along the frame",
        "Share of wrong bits in broken frames by their place in the frame."
        + _left_out(groups, shown),
        (keys.title(), "byte", "share of wrong bits", "bits"),
        rows,
        draw,
    )


def distributions(keys: Keys, groups: Sequence[Json]) -> Iterator[Figure]:
    """Lengths of error events, and of what is right between wrong bits."""
    shown = largest(_telling(groups), MOST_SERIES)
    gap = shown[0]["patterns"]["events"]["gap"]
    of_events = [group["patterns"]["events"]["lengths"] for group in shown]
    of_gaps = [group["patterns"]["gaps"] for group in shown]
    labels = [keys.label(group) for group in shown]
    more = _left_out(groups, shown)
    header = (keys.title(), "bits from", "bits to", "number", "share as long or longer")
    for name, title, unit, caption, lists in (
        (
            "event-lengths",
            "Length of error events",
            "length of the event, bits",
            f"Share of error events at least so long; one ends where {gap} bits are right.",
            of_events,
        ),
        (
            "gaps",
            "Right bits between wrong ones",
            "right bits in a row, bits",
            "Share of the gaps between wrong bits of a frame that are at least so long.",
            of_gaps,
        ),
    ):
        rows = _tails(labels, lists)
        if rows:
            yield Figure(name, title, caption + more, header, rows, _steps(rows, unit))


def _tails(labels: Sequence[str], lists: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Label, shortest and greatest length of a class, number, share that is as long or longer."""
    rows = []
    for label, counts in zip(labels, lists, strict=True):
        left = total = sum(count for _, count in counts)
        for greatest, count in counts:
            least = greatest if greatest <= _EXACT else greatest // 2 + 1
            rows.append((label, least, greatest, count, left / total))
            left -= count
    return rows


def _steps(rows: Sequence[Sequence[Any]], unit: str) -> Any:
    def draw(axes: Any) -> None:
        for (name, points), colour in zip(series(rows), COLOURS, strict=False):
            # From the shortest length on, so that nothing longer is hidden at the end
            at = [p[1] for p in points] + [points[-1][2]]
            shares = [100 * p[4] for p in points] + [100 * points[-1][4]]
            axes.plot(at, shares, label=name, lw=1.2, color=colour, drawstyle="steps-pre")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_xlim(left=1)
        percent_down(axes, 100 * min(row[4] for row in rows))
        axes.set_xlabel(unit)
        axes.set_ylabel("as long or longer, %")
        legend(axes)

    return draw


def signals(counts: Sequence[Json]) -> Figure:
    """Good and bad frames by signal strength."""
    rows = [(row["signal_dbm"], row["good"], row["bad"]) for row in counts]

    def draw(axes: Any) -> None:
        for column, name, colour in ((1, "good", COLOURS[0]), (2, "broken", COLOURS[1])):
            at = [row[0] + (column - 1.5) * 0.42 for row in rows]
            axes.bar(at, [row[column] for row in rows], 0.42, label=name, color=colour)
        if max(max(row[1:]) for row in rows) >= 1000:
            axes.set_yscale("symlog", linthresh=1)
            axes.yaxis.set_major_formatter("{x:g}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("signal, dBm")
        axes.set_ylabel("number of frames")
        legend(axes)

    return Figure(
        "signal",
        "Signal of good and broken frames",
        "Frames with a right and with a wrong FCS by signal strength, as the radio states it.",
        ("signal, dBm", "good", "broken"),
        rows,
        draw,
    )


def largest(groups: Sequence[Json], most: int) -> list[Json]:
    """So many groups with the most bad frames, in their order."""
    kept = sorted(range(len(groups)), key=lambda place: -groups[place]["bad"])[:most]
    return [groups[place] for place in sorted(kept)]


def _point(keys: Keys, group: Json, name: str) -> tuple[tuple[Any, ...], Any, Any, Any]:
    """A group's key, and a share of it with both ends of its interval."""
    return keys.values(group), group[name], group[f"{name}_low"], group[f"{name}_high"]


def _telling(groups: Sequence[Json]) -> Sequence[Json]:
    """Groups with enough frames for a distribution; all, if none has."""
    return [group for group in groups if group["judged"] >= _FEWEST] or groups


def _left_out(groups: Sequence[Json], shown: Sequence[Json]) -> str:
    """A sentence on groups that are not shown."""
    if len(shown) == len(groups):
        return ""
    return f" The {len(shown)} of {len(groups)} groups with the most broken frames."
