"""Goodput over DCF, without and with repairs, under three assumptions about the ACK.

A frame is bad with probability p (PER). Of bad frames an algorithm repairs a share rho rightly
and a share omega wrongly. A packet is tried up to ``RETRY_LIMIT`` times; an attempt fails with
f = p (1 - rho):

    P_right = 1 - f^7
    E[wrong] = p omega (1 + f + ... + f^6)
    E[T] = sum over r of f^r ((1 - f) T_ok(r) + f T_fail(r))
    G = L (P_right - E[wrong]) / E[T]

A wrong repair saves nothing: the packet is sent again, as if it had not been repaired. What it
hands up is an undetected error and is *subtracted*. (A receiver that acknowledges it would end
the packet and its backoff early, and look better the more it breaks.) Without repairs,
rho = omega = 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import StrEnum

from ..dot11.airtime import RETRY_LIMIT
from .dcf import BLOCK_ACK_WINDOW, Exchange, Span
from .intervals import wilson

CONFIDENCE = 0.95


class Ack(StrEnum):
    """When the sender learns that a repair has succeeded."""

    IDEAL = "ideal"
    """Within SIFS: the repair is as fast as the hardware, and the frame is acknowledged."""

    ARQ = "arq"
    """Later: no frame has an ACK of its own, the window of backoff stays, and one BlockAckReq
    and BlockAck (or a message of an application) for 64 frames says what to send again."""

    NONE = "none"
    """Never: broadcast, or a monitor; every packet is sent once."""


@dataclass(frozen=True, slots=True)
class Share:
    """A share of frames.

    Attributes:
        part: How many.
        whole: Of how many; at least one.
    """

    part: int
    whole: int

    @property
    def value(self) -> float:
        """The share."""
        return self.part / self.whole

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Wilson's."""
        return wilson(self.part, self.whole, confidence) or (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of a packet.

    Attributes:
        right: Probability that it is delivered.
        wrong: Mean number of broken packets that are handed up as if they were it: undetected
            errors.
        span: Mean time that it takes, whatever becomes of it.
        msdu: Bytes of it.
    """

    right: float
    wrong: float
    span: Span
    msdu: int

    @property
    def goodput_mbps(self) -> float:
        """Right packets less wrong ones; below zero if these are more."""
        return 8 * self.msdu * (self.right - self.wrong) / self.span.total


def deliver(
    exchange: Exchange, ack: Ack, per: float, right: float = 0.0, wrong: float = 0.0
) -> Delivery:
    """Send a packet.

    Args:
        exchange: What an attempt takes.
        ack: The assumption.
        per: Probability that a frame is bad (p).
        right: Probability that a bad frame is repaired rightly (rho).
        wrong: Probability that it is repaired wrongly (omega); at most 1 - ``right``.
    """
    failed = per * (1 - right)
    tries = 1 if ack is Ack.NONE else RETRY_LIMIT
    span = Span(0, 0, 0)
    attempts = 0.0
    chance = 1.0  # that the attempt is made
    for success, failure in _attempts(exchange, ack)[:tries]:
        attempts += chance
        span = span.plus(success, chance * (1 - failed)).plus(failure, chance * failed)
        chance *= failed
    return Delivery(1 - chance, attempts * per * wrong, span, exchange.msdu)


@functools.lru_cache(256)
def _attempts(exchange: Exchange, ack: Ack) -> list[tuple[Span, Span]]:
    """What each attempt takes if it succeeds, and if it fails."""
    if ack is Ack.IDEAL:
        return [(exchange.success(r), exchange.failure(r)) for r in range(RETRY_LIMIT)]
    each = exchange.unacknowledged()
    if ack is Ack.ARQ:
        each = each.plus(exchange.feedback(), 1 / BLOCK_ACK_WINDOW)
    return [(each, each)] * RETRY_LIMIT


def goodput_interval(
    exchange: Exchange, ack: Ack, per: Share, right: Share | None = None, wrong: Share | None = None
) -> tuple[float, float]:
    """Bounds of the goodput: at the worst and best corner of the bounds of its shares.

    Each share has Wilson's interval at a confidence of 1 - 0.05 / k for k shares, so that all
    of them hold together in at least 95 % of experiments (Bonferroni), and the goodput with them.
    """
    if right is None or wrong is None:
        best, worst = per.interval()
        return deliver(exchange, ack, worst).goodput_mbps, deliver(exchange, ack, best).goodput_mbps
    confidence = 1 - (1 - CONFIDENCE) / 3
    bounds = [share.interval(confidence) for share in (per, right, wrong)]
    (p_low, p_high), (right_low, right_high), (wrong_low, wrong_high) = bounds
    # More wrong than right, a higher PER need not be worse: look at both ends.
    low = min(
        deliver(exchange, ack, p, right_low, min(wrong_high, 1 - right_low)).goodput_mbps
        for p in (p_low, p_high)
    )
    high = max(
        deliver(exchange, ack, p, right_high, min(wrong_low, 1 - right_high)).goodput_mbps
        for p in (p_low, p_high)
    )
    return low, high
