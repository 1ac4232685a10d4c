"""Figures of what algorithms do with broken frames, and of what that is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..naming import named
from .draw import COLOURS, MARKS, Json, Keys, legend, series, short, stacked
from .figure import Figure

_MOST_GROUPS: Final = 6  # whose six bars can be told apart
_UNIFORM: Final = {
    "none": "model: no repair",
    "flip1": "model: 1 flip mended",
    "flip2": "model: 2 flips mended",
}
_VERDICTS: Final = {
    "correct": COLOURS[2],
    "wrong": COLOURS[1],
    "unjudged": COLOURS[4],
    "abstained": "#c9ccd1",
    "dropped": "#8a8f98",
}


def recovery(names: Sequence[str], algorithms: Sequence[Json], title: str = "algorithm") -> Figure:
    """What algorithms did with the broken frames.

    Args:
        names: What each is called.
        algorithms: Their counts.
        title: Of the names.
    """
    rows = [
        (name, *(algorithm[verdict] for verdict in _VERDICTS))
        for name, algorithm in zip(names, algorithms, strict=True)
    ]

    def draw(axes: Any) -> None:
        stacked(
            axes,
            [row[0] for row in rows],
            [row[1:] for row in rows],
            list(_VERDICTS),
            list(_VERDICTS.values()),
        )

    return Figure(
        "recovery",
        "What the algorithms repair",
        "Broken frames by what became of them: repaired rightly, repaired wrongly, repaired with "
        "nothing to judge it by, left as they were, "
        "or dropped by the replay, as they were too late when their turn came.",
        (title, *_VERDICTS),
        rows,
        draw,
    )


def promised(keys: Keys, groups: Sequence[Json]) -> Figure:
    """Frames with few wrong bits: what uniform errors would leave, and what was recorded."""
    most = sorted(range(len(groups)), key=lambda place: -groups[place]["recorded"]["judged"])
    shown = [groups[place] for place in sorted(most[:_MOST_GROUPS])]
    flips = list(shown[0]["recorded"]["at_most"])
    rows = []
    for group in shown:
        uniform, recorded = group["uniform"]["at_most"], group["recorded"]["at_most"]
        cells = [(uniform[k], recorded[k]["share"], *recorded[k]["interval"]) for k in flips]
        rows.append((keys.label(group), *(cell for part in cells for cell in part)))
    whats = ("uniform", "recorded", "low", "high")

    def draw(axes: Any) -> None:
        width = 0.84 / (2 * len(flips))
        for place, k in enumerate(flips):
            left = [i - 0.42 + 2 * width * place for i in range(len(rows))]
            promise, seen, low, high = (
                [100 * row[1 + len(whats) * place + part] for row in rows] for part in range(4)
            )
            colour = COLOURS[place]
            axes.bar(
                [at + width / 2 for at in left],
                promise,
                width * 0.9,
                color=colour,
                alpha=0.35,
                label=f"at most {k}, uniform",
            )
            axes.bar(
                [at + 1.5 * width for at in left],
                seen,
                width * 0.9,
                color=colour,
                label=f"at most {k}, recorded",
                yerr=[
                    [max(0.0, a - b) for a, b in zip(seen, low, strict=True)],
                    [max(0.0, b - a) for a, b in zip(seen, high, strict=True)],
                ],
                error_kw={"lw": 1, "ecolor": "#444444", "capsize": 2},
            )
        is_long = sum(len(row[0]) for row in rows) > 60
        axes.set_xticks(
            range(len(rows)),
            [short(row[0]) for row in rows],
            rotation=25 if is_long else 0,
            ha="right" if is_long else "center",
        )
        axes.grid(visible=False, axis="x")
        axes.set_ylim(0, 100)
        axes.set_ylabel("share of broken frames, %")
        legend(axes, "wrong bits in a frame", len(flips))

    return Figure(
        "few-flips",
        "Frames with few wrong bits, promised and recorded",
        "Share of broken frames with at most so many wrong bits: as independent bit errors at the "
        "same share of broken frames would leave them (pale), and as recorded (with Wilson's 95 % "
        "interval)."
        + (
            f" The {len(shown)} of {len(groups)} groups with the most judged frames."
            if len(shown) < len(groups)
            else ""
        ),
        (keys.title(), *(f"<= {k} wrong, {what}" for k in flips for what in whats)),
        rows,
        draw,
    )


def goodput(model: Json) -> Figure:
    """Goodput against the share of broken frames, by the uniform model and by replay."""
    groups = model["groups"]
    busiest = max(groups, key=lambda group: group["recorded"]["judged"] or 0)
    curve = next(
        each
        for each in model["curves"]
        if all(each[name] == busiest[name] for name in ("rate_mbps", "phy", "msdu"))
    )
    rate = curve["rate_mbps"]
    rows: list[tuple[Any, ...]] = [
        (what, point["per"], point["goodput_mbps"][name])
        for name, what in _UNIFORM.items()
        for point in curve["points"]
    ]
    same = [group for group in groups if group["rate_mbps"] == rate]
    rows += [("replay: no repair", g["per"], g["recorded"]["goodput_mbps"]) for g in same]
    for group in same:
        among = group["recorded"]["algorithms"]
        rows += [
            (f"replay: {named(each, among)}", group["per"], each["goodput_mbps"])
            for each in among
            if each["goodput_mbps"] is not None
        ]

    def draw(axes: Any) -> None:
        of_replay = 0
        for index, (name, points) in enumerate(series(rows)):
            at = [100 * point[1] for point in points], [point[2] for point in points]
            if index < len(_UNIFORM):
                axes.plot(*at, "-", label=name, color=COLOURS[index], lw=1.3, alpha=0.75)
            else:
                colour = COLOURS[(0, 3, 4, 6, 5, 1, 2)[of_replay % 7]]
                mark = MARKS[of_replay % len(MARKS)]
                axes.plot(*at, mark, label=name, color=colour, ms=6, mec="w", mew=0.6)
                of_replay += 1
        axes.set_xlim(0, 100)
        axes.set_ylim(bottom=min(0.0, 1.05 * min(row[2] for row in rows)))
        axes.set_xlabel("broken frames, % of received")
        axes.set_ylabel("goodput, Mbit/s")
        legend(axes)

    return Figure(
        "goodput",
        f"Goodput at {rate:g} Mbit/s, model and replay",
        f"Lines: independent bit errors, and decoders that mend one or two flips and never err. "
        f"Points: the recorded errors, as they are and with each algorithm. MSDUs of "
        f"{curve['msdu']} bytes; acknowledgements: {model['ack']}.",
        ("series", "share broken", "goodput, Mbit/s"),
        rows,
        draw,
    )
