"""The figures of a report, each from a part of the analysis as JSON (keys: docs/analyze.md).

A figure that there are no numbers for is left out. Groups are shown in the order of the analysis,
by their keys; where there are too many to tell apart, those with the most bad frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from .figure import COLOURS, Figure

Json = Mapping[str, Any]

_MOST: Final = len(COLOURS)  # groups that can be told apart
_BINS: Final = 64  # of positions along the frame
_UNIFORM: Final = {"none": "no repair", "flip1": "1 flip mended", "flip2": "2 flips mended"}


def figures(analysis: Json) -> Iterator[Figure]:
    """All figures that the analysis has numbers for."""
    groups = [group for group in analysis["by"] if group["frames"]]
    judged = [group for group in groups if group["judged"]]
    if groups:
        yield broken(analysis, groups)
    if judged:
        yield flipped(analysis, judged)
        yield classes(analysis, judged)
        yield positions(analysis, judged)
        yield from distributions(analysis, judged)
    if analysis.get("signal"):
        yield signals(analysis["signal"])
    if any(algorithm["attempted"] for algorithm in analysis["algorithms"]):
        yield recovery(analysis["algorithms"])
    model = analysis.get("model") or {}
    if any(group["recorded"]["judged"] for group in model.get("groups", [])):
        yield promised(model)
    if model.get("curves") and model.get("groups"):
        yield goodput(model)


def label(group: Json) -> str:
    """A group by its key."""
    words = {"rate_mbps": "{} Mbit/s", "snr_db": "{} dB", "signal_dbm": "{} dBm"}
    return ", ".join(
        words.get(name, name + " {}").format("?" if value is None else f"{value:g}")
        if not isinstance(value, str | bool)
        else f"{name} {value}"
        for name, value in group["key"].items()
    )


def broken(analysis: Json, groups: Sequence[Json]) -> Figure:
    """Share of broken frames, by group."""
    rows = [
        (label(g), g["frames"], g["bad"], g["share_bad"], g["share_bad_low"], g["share_bad_high"])
        for g in groups
    ]
    return Figure(
        "broken-frames",
        "Broken frames",
        "Share of the received frames whose FCS is wrong, with Wilson's 95 % interval.",
        (_by(analysis), "frames", "bad", "share bad", "low", "high"),
        rows,
        lambda axes: _intervals(
            axes, [(r[0], *r[3:]) for r in rows], "broken frames, % of received"
        ),
    )


def flipped(analysis: Json, groups: Sequence[Json]) -> Figure:
    """Share of wrong bits within broken frames, by group."""
    rows = [
        (label(g), g["judged"], g["bits"], g["bit_errors"], g["ber_bad"], *_bounds(g, "ber_bad"))
        for g in groups
    ]
    return Figure(
        "flipped-bits",
        "Flipped bits in broken frames",
        "Share of the bits of broken frames that are wrong, as far as their original is known, "
        "with a 95 % interval by resampling frames.",
        (_by(analysis), "judged frames", "bits", "bit errors", "BER in bad", "low", "high"),
        rows,
        lambda axes: _intervals(axes, [(r[0], *r[4:]) for r in rows], "flipped bits, % of known"),
    )


def classes(analysis: Json, groups: Sequence[Json]) -> Figure:
    """How many bits are wrong in a broken frame."""
    names = [name for name in groups[0]["patterns"]["flips"] if name not in {"0", "quantiles"}]
    rows = [(label(g), *(g["patterns"]["flips"][name] for name in names)) for g in groups]
    header = (_by(analysis), *(f"{name} flips" for name in names))

    def draw(axes: Any) -> None:
        shares = [[count / max(1, sum(row[1:])) for count in row[1:]] for row in rows]
        _stacked(axes, [row[0] for row in rows], shares, names, "share of broken frames, %")
        axes.get_legend().set_title("wrong bits")

    return Figure(
        "flips-per-frame",
        "Wrong bits in a broken frame",
        "Broken frames by how many bits are wrong in them, of those whose original is known.",
        header,
        rows,
        draw,
    )


def positions(analysis: Json, groups: Sequence[Json]) -> Figure:
    """Where in the frame bits are wrong."""
    rows = []
    for group in _largest(groups):
        place = group["patterns"]["position"]
        errors, bits = place["bit_errors"], place["bits"]
        step = max(1, -(-len(bits) // _BINS))
        for start in range(0, len(bits), step):
            known = sum(bits[start : start + step])
            if known:
                share = sum(errors[start : start + step]) / known
                rows.append((label(group), start * place["bytes"], share, known))

    def draw(axes: Any) -> None:
        for name, points in _series(rows):
            axes.plot([p[1] for p in points], [100 * p[2] for p in points], "-", label=name, lw=1)
        axes.set_xlabel("position in the frame, bytes")
        axes.set_ylabel("flipped bits, % of known")
        axes.set_ylim(bottom=0)
        axes.legend(fontsize="small")

    return Figure(
        "positions",
        "Flipped bits along the frame",
        "Share of wrong bits in broken frames by the place in the frame.",
        (_by(analysis), "byte", "share of wrong bits", "bits"),
        rows,
        draw,
    )


def distributions(analysis: Json, groups: Sequence[Json]) -> Iterator[Figure]:
    """Lengths of error events, and of what is right between wrong bits."""
    for name, title, unit, path in (
        ("event-lengths", "Length of error events", "length of the event, bits", "events"),
        ("gaps", "Right bits between wrong ones", "right bits in a row", "gaps"),
    ):
        rows = []
        for group in _largest(groups):
            counts = group["patterns"][path]
            counts = counts["lengths"] if path == "events" else counts
            left = total = sum(count for _, count in counts)
            for length, count in counts:
                rows.append((label(group), length, count, left / total))
                left -= count

        def draw(axes: Any, rows: list[Any] = rows, unit: str = unit) -> None:
            for series, points in _series(rows):
                axes.step([p[1] for p in points], [p[3] for p in points], label=series, lw=1)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_xlabel(unit)
            axes.set_ylabel("share that is as long or longer")
            axes.legend(fontsize="small")

        yield Figure(
            name,
            title,
            "Share of those that are at least as long. An event ends where 16 bits in a row are "
            "right."
            if path == "events"
            else "Share of those that are at least as long.",
            (_by(analysis), "bits up to", "number", "share as long or longer"),
            rows,
            draw,
        )


def signals(counts: Sequence[Json]) -> Figure:
    """Good and bad frames by signal strength."""
    rows = [(row["signal_dbm"], row["good"], row["bad"]) for row in counts]

    def draw(axes: Any) -> None:
        for column, name, colour in ((1, "good", COLOURS[0]), (2, "broken", COLOURS[1])):
            axes.bar(
                [r[0] for r in rows],
                [r[column] for r in rows],
                0.9,
                label=name,
                color=colour,
                alpha=0.75,
            )
        axes.set_yscale("symlog", linthresh=1)
        axes.set_xlabel("signal, dBm")
        axes.set_ylabel("frames")
        axes.legend()

    return Figure(
        "signal",
        "Signal of good and broken frames",
        "As the radio states it.",
        ("signal, dBm", "good", "broken"),
        rows,
        draw,
    )


def recovery(algorithms: Sequence[Json]) -> Figure:
    """What algorithms did with the broken frames."""
    names = ("correct", "wrong", "unjudged", "abstained")
    rows = [(_named(a), *(a[name] for name in names)) for a in algorithms]

    def draw(axes: Any) -> None:
        shares = [[count / max(1, sum(row[1:])) for count in row[1:]] for row in rows]
        colours = (COLOURS[2], COLOURS[1], COLOURS[4], "#c9ccd1")
        _stacked(axes, [r[0] for r in rows], shares, names, "share of broken frames, %", colours)

    return Figure(
        "recovery",
        "What the algorithms repair",
        "Broken frames by what became of them; wrong repairs are as visible as right ones.",
        ("algorithm", *names),
        rows,
        draw,
    )


def promised(model: Json) -> Figure:
    """Frames with few wrong bits: what uniform errors would leave, and what was recorded."""
    rows = []
    for group in model["groups"]:
        recorded, uniform = group["recorded"], group["uniform"]
        if recorded["judged"] and uniform:
            few = recorded["at_most"]
            rows.append(
                (label(group), *(v for k in few for v in (uniform["at_most"][k], few[k]["share"])))
            )
    flips = list(model["groups"][0]["recorded"]["at_most"])
    header = [
        "group",
        *(f"<= {k} flips, {what}" for k in flips for what in ("uniform", "recorded")),
    ]

    def draw(axes: Any) -> None:
        width = 0.8 / (2 * len(flips))
        for place, k in enumerate(flips):
            for side, (name, alpha) in enumerate((("uniform errors", 0.35), ("recorded", 1.0))):
                column = 1 + 2 * place + side
                at = [i - 0.4 + width * (2 * place + side + 0.5) for i in range(len(rows))]
                axes.bar(
                    at,
                    [100 * r[column] for r in rows],
                    width,
                    color=COLOURS[place],
                    alpha=alpha,
                    label=f"at most {k}: {name}",
                )
        axes.set_xticks(range(len(rows)), [r[0] for r in rows], rotation=30, ha="right")
        axes.set_ylabel("share of broken frames, %")
        axes.legend(fontsize="small", ncols=2)

    return Figure(
        "few-flips",
        "Frames with few wrong bits, promised and recorded",
        "Share of broken frames with at most so many wrong bits: as independent errors at the same "
        "frame error rate would leave them (pale), and as recorded.",
        header,
        rows,
        draw,
    )


def goodput(model: Json) -> Figure:
    """Goodput against frame error rate, by the uniform model and by replay."""
    busiest = max(model["groups"], key=lambda group: group["recorded"]["judged"] or 0)
    curve = next(
        (c for c in model["curves"] if c["rate_mbps"] == busiest["rate_mbps"]), model["curves"][0]
    )
    most = max(point["goodput_mbps"]["none"] for point in curve["points"])
    rows: list[tuple[Any, ...]] = [
        (f"uniform, {what}", curve["rate_mbps"], point["per"], point["goodput_mbps"][name])
        for name, what in _UNIFORM.items()
        for point in curve["points"]
    ]
    for group in model["groups"]:
        if group["rate_mbps"] != curve["rate_mbps"]:
            continue
        recorded = group["recorded"]
        rows.append(
            ("recorded, no repair", group["rate_mbps"], group["per"], recorded["goodput_mbps"])
        )
        rows += [
            (f"recorded, {_named(a)}", group["rate_mbps"], group["per"], a["goodput_mbps"])
            for a in recorded["algorithms"]
            if a["goodput_mbps"] is not None
        ]

    def draw(axes: Any) -> None:
        points = 0
        for (name, series), colour in zip(_series(rows), COLOURS * 4, strict=False):
            places = [r[2] for r in series], [r[3] for r in series]
            if name.startswith("uniform"):
                axes.plot(*places, "-", label=name, color=colour, lw=1.2, alpha=0.6)
            else:
                axes.plot(*places, "os^Dvx*P"[points % 8], label=name, color=colour, ms=5)
                points += 1
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.05 * most)
        axes.set_xlabel("share of frames that are broken")
        axes.set_ylabel("goodput, Mbit/s")
        axes.legend(fontsize="x-small")

    return Figure(
        "goodput",
        f"Goodput at {curve['rate_mbps']:g} Mbit/s, model and replay",
        f"Lines: independent bit errors, and decoders that mend one or two flips. Points: the "
        f"recorded errors. ACK: {model['ack']}.",
        ("series", "Mbit/s", "share broken", "goodput, Mbit/s"),
        rows,
        draw,
    )


def _by(analysis: Json) -> str:
    keys = analysis["by"][0]["key"] if analysis["by"] else {}
    return ", ".join(keys) or "group"


def _named(algorithm: Json) -> str:
    parameters = algorithm.get("parameters") or {}
    return algorithm["name"] + (":checks=none" if parameters.get("checks") == "none" else "")


def _bounds(group: Json, name: str) -> tuple[float | None, float | None]:
    return group[f"{name}_low"], group[f"{name}_high"]


def _largest(groups: Sequence[Json]) -> list[Json]:
    kept = sorted(groups, key=lambda group: -group["bad"])[:_MOST]
    return [group for group in groups if group in kept]


def _series(rows: Sequence[Sequence[Any]]) -> list[tuple[str, list[Sequence[Any]]]]:
    """Rows by their first column, in the order of its first appearance."""
    names = dict.fromkeys(row[0] for row in rows)
    return [(name, [row for row in rows if row[0] == name]) for name in names]


def _intervals(axes: Any, rows: Sequence[Sequence[Any]], unit: str) -> None:
    """Shares with intervals, side by side."""
    for place, (_, share, low, high) in enumerate(rows):
        if share is not None:
            below = share - (share if low is None else low)
            above = (share if high is None else high) - share
            axes.errorbar(
                place,
                100 * share,
                [[100 * below], [100 * above]],
                fmt="o",
                color=COLOURS[0],
                capsize=3,
            )
    axes.set_xticks(range(len(rows)), [row[0] for row in rows], rotation=30, ha="right")
    axes.set_ylabel(unit)
    axes.set_ylim(bottom=0)


def _stacked(
    axes: Any,
    names: Sequence[str],
    shares: Sequence[Sequence[float]],
    parts: Sequence[str],
    unit: str,
    colours: Sequence[str] = COLOURS,
) -> None:
    """Bars from left to right, the first group on top."""
    left = [0.0] * len(names)
    for column, part in enumerate(parts):
        widths = [100 * row[column] for row in shares]
        axes.barh(range(len(names)), widths, 0.7, left, label=part, color=colours[column])
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel(unit)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=len(parts), fontsize="small")
