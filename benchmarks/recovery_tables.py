"""Tables of what algorithms repair: right and wrong repairs as shares of the bad frames, in %."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .documents import table
from .points import Score

LENGTHS = (1500, 300)
ALL = (0.02, 0.98)  # shares of broken frames
MIDDLE = (0.1, 0.4)
WIDE = (0.08, 0.92)
LINE_DB = 0.25  # SNRs that are so near to each other share a line of a table

_HEAD = [
    "bad",
    "right / wrong",
    "10-40 % break",
    "8-92 % break",
    "300 bytes",
    "300 bytes, 2-98 % break",
]


def is_between(broken: float, limits: tuple[float, float] = ALL) -> bool:
    """Whether a share of broken frames is within limits."""
    return limits[0] <= broken <= limits[1]


def pooled(title: str, scores: Sequence[Score], choices: Sequence[str]) -> str:
    """One line for each algorithm, all rates together."""
    rows = [
        [f"`{choice}`", *_cells([s for s in scores if s.choice == choice])]
        for choice in sorted(choices)
    ]
    return table([title, *_HEAD], rows)


def by_rate(scores: Sequence[Score], choices: Sequence[str]) -> str:
    """One line for each rate and algorithm."""
    rows = []
    for rate in _rates(scores):
        for choice in choices:
            there = [s for s in scores if s.rate_mbps == rate and s.choice == choice]
            rows.append([f"{rate:g}", f"`{choice}`", *_cells(there)])
    return table(["Mbit/s", "algorithm", *_HEAD], rows)


def by_snr(scores: Sequence[Score], choice: str, half_db: Mapping[float, float]) -> str:
    """One column for each rate, one line for each 0.25 dB around a rate's own; 1,500 bytes."""
    rates = _rates(scores)
    near: dict[tuple[float, float], list[Score]] = {}
    for s in _of_noise(scores, LENGTHS[0]):
        if s.choice == choice:
            above = round((s.snr_db - half_db[s.rate_mbps]) / LINE_DB) * LINE_DB
            near.setdefault((above, s.rate_mbps), []).append(s)
    cells = {where: _share(there) for where, there in near.items()}
    head = [f"`{choice}`, dB", *(f"{rate:g} Mbit/s: {half_db[rate]:g}" for rate in rates)]
    return table(
        head,
        [
            [f"{above:+g}", *(cells.get((above, rate), "") for rate in rates)]
            for above in sorted({above for above, _ in cells})
        ],
    )


def fading(
    title: str, scores: Sequence[Score], choices: Sequence[str], half_db: Mapping[float, float]
) -> str:
    """One line for each algorithm, one column for each SNR behind fading, all rates together."""
    there = [s for s in scores if s.channel == "rayleigh"]
    columns = sorted({s.snr_db - half_db[s.rate_mbps] for s in there})
    groups = {
        (choice, above): [
            s for s in there if s.choice == choice and s.snr_db - half_db[s.rate_mbps] == above
        ]
        for choice in choices
        for above in columns
    }
    broken = []
    for above in columns:
        group = groups[choices[0], above]
        broken.append(f"{sum(s.broken for s in group) / len(group):.0%} break")
    head = [f"{above:+g} dB, {share}" for above, share in zip(columns, broken, strict=True)]
    return table(
        [f"{title}, Rayleigh", *head],
        [
            [f"`{choice}`", *(_share(groups[choice, above]) for above in columns)]
            for choice in sorted(choices)
        ],
    )


def against_best(scores: Sequence[Score], choice: str) -> str:
    """An algorithm beside the one that repairs most, for each length and rate in white noise.

    Without second checks it is compared with those that have none, either.
    """
    name, _, parameters = choice.partition(":")
    others = {
        s.choice
        for s in scores
        if s.choice.partition(":")[0] != name and s.choice.endswith(parameters)
    }
    rows = []
    for length in LENGTHS:
        for rate in _rates(scores):
            there = [s for s in _of_noise(scores, length) if s.rate_mbps == rate]
            right = {
                one: _right([s for s in there if s.choice == one]) for one in {choice, *others}
            }
            best = max(others, key=lambda other: (right[other], other))
            difference = right[choice] - right[best]
            rows.append(
                [
                    f"{length:,}",
                    f"{rate:g}",
                    f"{right[choice]:.1%}",
                    f"`{best}`",
                    f"{right[best]:.1%}",
                    f"{100 * difference:+.1f}",
                ]
            )
    return table(["bytes", "Mbit/s", f"`{choice}`", "the best other", "", "difference"], rows)


def stated(title: str, scores: Sequence[Score], choices: Sequence[str]) -> str:
    """Wrong repairs, and what was expected of them, in all frames, those behind fading, too."""
    rates = _rates(scores)
    rows = []
    for choice in sorted(choices):
        mine = [s for s in scores if s.choice == choice]
        by_rate = [[s for s in mine if s.rate_mbps == rate] for rate in rates]
        left = sum(s.bad - s.right for s in mine)
        rows.append([f"`{choice}`", f"{left:,}", *map(_wrong, [mine, *by_rate])])
    head = [title, "not repaired rightly", "wrong / stated"]
    return table([*head, *(f"{rate:g} Mbit/s" for rate in rates)], rows)


def _wrong(scores: Iterable[Score]) -> str:
    """Wrong repairs and how many were to be expected."""
    wrong, expected = (sum(n) for n in zip(*((s.wrong, s.stated) for s in scores), strict=True))
    return f"{wrong} / {expected:.1f}"


def _of_noise(scores: Iterable[Score], length: int) -> list[Score]:
    """Those of a length where 2 to 98 % of the frames of that length break."""
    return [
        s for s in scores if s.channel == "awgn" and s.length == length and is_between(s.broken)
    ]


def _cells(scores: Sequence[Score]) -> list[str]:
    """See ``_HEAD``."""
    long, short = (_of_noise(scores, length) for length in LENGTHS)
    grid = {(s.rate_mbps, s.snr_db) for s in long}
    return [
        f"{sum(s.bad for s in long):,}",
        _share(long),
        *(_share([s for s in long if is_between(s.broken, limits)]) for limits in (MIDDLE, WIDE)),
        _share(
            [
                s
                for s in scores
                if s.channel == "awgn"
                and s.length == LENGTHS[1]
                and (s.rate_mbps, s.snr_db) in grid
            ]
        ),
        _share(short),
    ]


def _share(scores: Sequence[Score]) -> str:
    """Right and wrong repairs in % of the bad frames."""
    bad = sum(s.bad for s in scores)
    if not bad:
        return ""
    right, wrong = (
        100 * sum(n) / bad for n in zip(*((s.right, s.wrong) for s in scores), strict=True)
    )
    return f"{right:.1f} / {wrong:.2f}" if bad >= 1000 else f"{right:.0f} / {wrong:.1f}"


def _right(scores: Sequence[Score]) -> float:
    return sum(s.right for s in scores) / max(1, sum(s.bad for s in scores))


def _rates(scores: Iterable[Score]) -> list[float]:
    return sorted({s.rate_mbps for s in scores})
