"""From counts of one group at one data rate to goodput, airtime and energy, with intervals.

What is assumed, and what is only known of a part of the frames, is said in docs/throughput.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..dot11.deadlines import NAMED_US, Deadline
from .dcf import Exchange, Phy, phy_of
from .energy import Power
from .goodput import Ack, Delivery, Share, deliver, goodput_interval
from .intervals import ends
from .model import FLIPS, Point, curve, error_rate, point
from .scoring import Counts, shares


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a capture does not say.

    Attributes:
        phy: Taken for the rates that it has; None: from rate and channel.
        msdu: Bytes of an MSDU; None: the mean of each group's frames.
        ack: Of the table and of the comparison with the model.
        power: What stations take; None: no energy is reported.
        deadlines: That service times are compared with.
    """

    phy: Phy | None = None
    msdu: int | None = None
    ack: Ack = Ack.IDEAL
    power: Power | None = None
    deadlines: tuple[Deadline, ...] = tuple(Deadline(*named) for named in NAMED_US.items())


@dataclass(frozen=True, slots=True)
class Repairs:
    """An algorithm in a cell.

    Attributes:
        name: As it is called in the results.
        parameters: As JSON.
        counts: Of the cell's bad frames.
        measured: Airtime that it would have saved, as in the JSON.
    """

    name: str
    parameters: str
    counts: Counts
    measured: dict[str, Any]

    @property
    def judged(self) -> bool:
        """Whether anything is known of its repairs."""
        counts = self.counts
        return counts.attempted > 0 and not 0 < counts.repaired == counts.unjudged

    @property
    def right(self) -> Share:
        """Of the bad frames."""
        return Share(self.counts.correct, self.counts.attempted)

    @property
    def wrong(self) -> Share:
        """Of the bad frames."""
        return Share(self.counts.wrong, self.counts.attempted)


@dataclass(frozen=True, slots=True)
class Cell:
    """The frames of a group at one data rate that are long enough to carry an MSDU.

    Attributes:
        key: The group's columns.
        rate_mbps: Data rate; None: not known.
        five_ghz: Most came on channels of 5 GHz.
        frames: With a good or a bad FCS.
        bad: With a bad one.
        msdu: Mean bytes of an MSDU.
        recorded: Bad frames whose errors are known; those with at most 1, 2 and 3; known bits of
            these frames, and how many of them are wrong.
        repairs: The algorithms.
    """

    key: dict[str, Any]
    rate_mbps: float | None
    five_ghz: bool
    frames: int
    bad: int
    msdu: int
    recorded: tuple[int, ...]
    repairs: Sequence[Repairs]

    @property
    def per(self) -> Share:
        """Packet error rate."""
        return Share(self.bad, self.frames)

    def exchange(self, assumptions: Assumptions) -> Exchange | None:
        """What sending a packet takes; None if the rate is of no PHY here."""
        if self.rate_mbps is None:
            return None
        phy = phy_of(self.rate_mbps, five_ghz=self.five_ghz, wanted=assumptions.phy)
        msdu = assumptions.msdu or self.msdu
        return Exchange(phy, self.rate_mbps, msdu) if phy and msdu else None


def throughput_row(cell: Cell, assumptions: Assumptions) -> dict[str, Any]:
    """A cell's row in the JSON."""
    exchange = cell.exchange(assumptions)
    row: dict[str, Any] = {
        **cell.key,
        "rate_mbps": cell.rate_mbps,
        "phy": str(exchange.phy) if exchange else None,
        "msdu": exchange.msdu if exchange else None,
        "frames": cell.frames,
        "bad": cell.bad,
        "per": cell.per.value,
        "per_interval": list(cell.per.interval()),
        "cycle_us": exchange.cycle_us if exchange else None,
        "max_goodput_mbps": exchange.most_mbps if exchange else None,
        "without": None,
        "algorithms": [_algorithm(repairs) for repairs in cell.repairs],
    }
    if exchange is None:
        return row
    per = cell.per.value
    now = {ack: deliver(exchange, ack, per) for ack in Ack}
    row["without"] = {
        str(ack): {
            **_delivery(delivery, assumptions.power),
            "interval": list(goodput_interval(exchange, ack, cell.per)),
        }
        for ack, delivery in now.items()
    }
    for repairs, entry in zip(cell.repairs, row["algorithms"], strict=True):
        if not repairs.judged:
            continue
        right, wrong = repairs.right, repairs.wrong
        entry["ack"] = {}
        for ack, before in now.items():
            after = deliver(exchange, ack, per, right.value, wrong.value)
            saved = before.span.total - after.span.total
            entry["ack"][str(ack)] = {
                **_delivery(after, assumptions.power),
                "interval": list(goodput_interval(exchange, ack, cell.per, right, wrong)),
                "gain": after.goodput_mbps / before.goodput_mbps - 1
                if before.goodput_mbps
                else None,
                "undetected_errors": after.wrong,
                "saved_us": saved,
                "saved_share": saved / before.span.total,
            }
    return row


def _algorithm(repairs: Repairs) -> dict[str, Any]:
    counts = repairs.counts
    return {
        "name": repairs.name,
        "parameters": repairs.parameters,
        "attempted": counts.attempted,
        "unjudged": counts.unjudged,
        **shares(counts.correct, counts.wrong, counts.attempted),
        "ack": None,
        "measured": repairs.measured,
    }


def _delivery(delivery: Delivery, power: Power | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "goodput_mbps": delivery.goodput_mbps,
        "delivered": delivery.right,
        "airtime_us": delivery.span.total,
    }
    if power:
        found["joule_per_bit"] = power.per_bit(delivery)
    return found


def model_json(cells: Sequence[Cell], assumptions: Assumptions) -> dict[str, Any]:
    """What a uniform bit error rate promises, beside what the capture gives."""
    curves: dict[Exchange, list[Point]] = {}
    rows = []
    for cell in cells:
        exchange = cell.exchange(assumptions)
        if exchange is None:
            continue
        if exchange not in curves:
            curves[exchange] = curve(exchange, assumptions.ack)
        rows.append(_comparison(cell, exchange, assumptions.ack))
    return {
        "ack": str(assumptions.ack),
        "curves": [
            {
                "rate_mbps": exchange.rate_mbps,
                "phy": str(exchange.phy),
                "msdu": exchange.msdu,
                "points": [_point(each) for each in points],
            }
            for exchange, points in curves.items()
        ],
        "groups": rows,
    }


def _comparison(cell: Cell, exchange: Exchange, ack: Ack) -> dict[str, Any]:
    per = cell.per.value
    ber = error_rate(per, 8 * exchange.mpdu)
    judged, *within, bits, errors = cell.recorded
    return {
        **cell.key,
        "rate_mbps": exchange.rate_mbps,
        "phy": str(exchange.phy),
        "msdu": exchange.msdu,
        "per": per,
        "uniform": _point(point(exchange, ack, ber)) if ber else None,
        "recorded": {
            "judged": judged,
            "ber": per * errors / bits if bits else None,
            "at_most": {
                str(flips): {
                    "share": count / judged if judged else None,
                    "interval": ends(count, judged),
                }
                for flips, count in zip(FLIPS, within, strict=True)
            },
            "goodput_mbps": deliver(exchange, ack, per).goodput_mbps,
            "algorithms": [
                {
                    "name": repairs.name,
                    "parameters": repairs.parameters,
                    **shares(
                        repairs.counts.correct, repairs.counts.wrong, repairs.counts.attempted
                    ),
                    "goodput_mbps": deliver(
                        exchange, ack, per, repairs.right.value, repairs.wrong.value
                    ).goodput_mbps,
                }
                for repairs in cell.repairs
                if repairs.judged
            ],
        },
    }


def _point(found: Point) -> dict[str, Any]:
    names = ("none", *(f"flip{flips}" for flips in FLIPS))
    return {
        "ber": found.ber,
        "per": found.per,
        "at_most": dict(zip(map(str, FLIPS), found.shares, strict=True)),
        "goodput_mbps": dict(zip(names, found.goodputs, strict=True)),
    }
