"""What repairs are worth, for ``wtrec analyze`` on a terminal: its options, its tables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..analysis.naming import named
from .output import number, print_table, share

if TYPE_CHECKING:
    from ..analysis.analyze import Analysis
    from ..analysis.throughput import Assumptions

_ACK = {
    "ideal": "a repair is acknowledged within SIFS",
    "arq": "repairs are acknowledged later, 64 frames at a time",
    "none": "nothing is acknowledged nor sent again",
}


def assumptions(
    phy: str, msdu: int | None, ack: str, energy: Path | None, deadlines: Sequence[str]
) -> Assumptions:
    """What the options say.

    Raises:
        click.BadParameter: A deadline that is none, or a file of powers that is none.
    """
    from ..analysis.dcf import Phy
    from ..analysis.energy import Power
    from ..analysis.goodput import Ack
    from ..analysis.throughput import Assumptions
    from ..dot11.deadlines import Deadline

    default = Assumptions()
    try:
        chosen = tuple(map(Deadline.parse, deadlines)) or default.deadlines
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--deadline") from None
    return Assumptions(
        None if phy == "auto" else Phy(phy),
        msdu,
        Ack(ack),
        Power.read(energy) if energy else None,
        chosen,
    )


def print_evaluation(analysis: Analysis, *, timed: bool) -> None:
    """Goodput, the model beside the replay, airtime seen, comparisons; ``timed``: service times.

    These depend on the machine and its load, and the rest does not.
    """
    if analysis.evaluation is None:
        return
    found = analysis.evaluation.to_json()
    ack = str(analysis.evaluation.assumptions.ack)
    names = list(dict.fromkeys([*analysis.by, "rate_mbps"]))
    groups = [group for group in found["throughput"]["groups"] if group["without"]]
    if not groups or not analysis.census.bad:
        return
    rows = [row for group in groups for row in _goodput_rows(group, names, ack)]
    header = [*names, "PHY", "PER", "algorithm", "Mbit/s", "95 %", "gain", "airtime saved"]
    header += ["undetected", "seen saved"]
    power = analysis.evaluation.assumptions.power is not None
    header += ["sender uJ/bit", "receiver uJ/bit"] if power else []
    print_table(header, rows, f"goodput, if {_ACK[ack]}:")
    if _sees_more_than_all(groups):
        click.echo(
            "seen saved above 100 %: of the airtime of the row's frames, and the retransmissions "
            "that were saved are in another row; without --by retry they are in one"
        )
    _print_model(found["model"], names)
    if timed:
        _print_service(found["throughput"]["service"])
    if found["comparisons"]:
        every = [each.to_json() for each in analysis.algorithms]
        pairs = itertools.combinations([named(each, every) for each in every], 2)
        print_table(
            ["first", "second", "same frames", "first only", "second only", "p"],
            [
                [
                    first,
                    second,
                    number(pair["frames"]),
                    number(pair["b"]),
                    number(pair["c"]),
                    number(pair["p"], ".2g"),
                ]
                for (first, second), pair in zip(pairs, found["comparisons"], strict=True)
            ],
            "who repaired rightly what the other did not (McNemar):",
        )


def _sees_more_than_all(groups: Sequence[dict[str, Any]]) -> bool:
    return any(
        (each["measured"]["share"] or 0) > 1 for group in groups for each in group["algorithms"]
    )


def _goodput_rows(group: dict[str, Any], names: list[str], ack: str) -> list[list[str]]:
    now = group["without"][ack]
    head = [*_key(group, names), str(group["phy"]), share(group["per"])]
    rows = [[*head, "none", *_goodput(now), "", "", "", "", *_energy(now)]]
    for each in group["algorithms"]:
        name = named(each, group["algorithms"])
        seen = each["measured"]
        after = each["ack"][ack] if each["ack"] else None
        blank = [""] * len(head)
        if after is None:
            unknown = ["-"] * (6 + len(_energy(now)))
            rows.append([*blank, name, *unknown])
            continue
        rows.append(
            [
                *blank,
                name,
                *_goodput(after),
                "-" if after["gain"] is None else f"{after['gain']:+.1%}",
                share(after["saved_share"]),
                share(after["undetected_errors"]),
                share(seen["share"]),
                *_energy(after),
            ]
        )
    return rows


def _print_model(model: dict[str, Any], names: list[str]) -> None:
    """The share of bad frames within two flips, and what a decoder of these would make of it."""
    rows = []
    for group in model["groups"]:
        uniform, recorded = group["uniform"], group["recorded"]
        if uniform is None or not recorded["judged"]:
            continue
        rows.append(
            [
                *_key(group, names),
                share(group["per"]),
                number(uniform["ber"], ".2g"),
                number(recorded["ber"], ".2g"),
                share(uniform["at_most"]["2"]),
                share(recorded["at_most"]["2"]["share"]),
                number(uniform["goodput_mbps"]["flip2"], ".2f"),
                ", ".join(
                    f"{named(each, recorded['algorithms'])} {each['goodput_mbps']:.2f}"
                    for each in recorded["algorithms"]
                )
                or "-",
            ]
        )
    if not rows:
        return
    header = [*names, "PER", "BER uniform", "recorded", "<= 2 flips uniform", "recorded"]
    header += ["flip2 Mbit/s uniform", "replayed Mbit/s"]
    print_table(header, rows, "independent bit errors at the same PER, beside those recorded:")


def _print_service(service: list[dict[str, Any]]) -> None:
    timed = [each for each in service if each["frames"]]
    if not timed:
        return
    within = [f"<= {each['deadline']}" for each in timed[0]["within"]]
    rows = [
        [
            named(each, timed),
            *(number(each[f"p{percent}_us"], ",.0f") for percent in (50, 95, 99)),
            *(share(deadline["share"]) for deadline in each["within"]),
        ]
        for each in timed
    ]
    title = "time of the call (a batch's, if it was given a batch) that answered for a frame, us:"
    print_table(["algorithm", "p50", "p95", "p99", *within], rows, title)


def _key(group: dict[str, Any], names: list[str]) -> list[str]:
    return ["-" if group[name] is None else str(group[name]) for name in names]


def _goodput(found: dict[str, Any]) -> list[str]:
    low, high = found["interval"]
    return [f"{found['goodput_mbps']:.2f}", f"{low:.2f}..{high:.2f}"]


def _energy(found: dict[str, Any]) -> list[str]:
    if "joule_per_bit" not in found:
        return []
    if found["joule_per_bit"] is None:
        return ["-", "-"]
    return [f"{1e6 * found['joule_per_bit'][end]:.4g}" for end in ("sender", "receiver")]
