"""What a model of independent bit errors promises at the PER that was recorded.

Papers evaluate repairs against a uniform bit error rate: each bit is wrong with probability
BER, whatever its neighbours are. A frame of n bits is then bad with

    PER = 1 - (1 - BER)^n,  so  BER = 1 - (1 - PER)^(1/n)

and a bad frame has at most k wrong bits with probability

    P(<= k | bad) = sum over i = 1..k of C(n, i) BER^i (1 - BER)^(n - i) / PER

which is rho of a decoder that mends up to k flips and never errs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .dcf import Exchange
from .goodput import Ack, deliver

FLIPS = (1, 2, 3)
"""Numbers of flips that are looked at."""

CURVE_BERS = tuple(
    float(f"{digit}e{exponent}") for exponent in range(-7, -2) for digit in (1, 2, 3, 5, 7)
)
"""Bit error rates of the curve, from 1e-7 to 7e-3."""


def error_rate(per: float, bits: int) -> float | None:
    """The uniform bit error rate at which frames of so many bits have this PER.

    None for a PER of one, which none but the worst has.
    """
    return None if per >= 1 else -math.expm1(math.log1p(-per) / bits)


def frame_error_rate(ber: float, bits: int) -> float:
    """PER at a uniform bit error rate."""
    return -math.expm1(bits * math.log1p(-ber))


def share_of_bad(ber: float, bits: int, flips: int) -> float | None:
    """P(<= flips | bad); None without bad frames."""
    per = frame_error_rate(ber, bits)
    if not per:
        return None
    chances = (
        math.comb(bits, i) * ber**i * math.exp((bits - i) * math.log1p(-ber))
        for i in range(1, flips + 1)
    )
    return min(1.0, sum(chances) / per)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the uniform model.

    Attributes:
        ber: The uniform bit error rate.
        per: The frame error rate.
        shares: P(<= k | bad) for each k of ``FLIPS``.
        goodputs: Mbit/s without repairs, then with up to k flips mended.
    """

    ber: float
    per: float
    shares: tuple[float, ...]
    goodputs: tuple[float, ...]


def point(exchange: Exchange, ack: Ack, ber: float) -> Point:
    """The model at a bit error rate, which is above zero."""
    bits = 8 * exchange.mpdu
    per = frame_error_rate(ber, bits)
    shares = tuple(share_of_bad(ber, bits, flips) or 0.0 for flips in FLIPS)
    goodputs = tuple(deliver(exchange, ack, per, share).goodput_mbps for share in (0.0, *shares))
    return Point(ber, per, shares, goodputs)


def curve(exchange: Exchange, ack: Ack) -> list[Point]:
    """The model over ``CURVE_BERS``."""
    return [point(exchange, ack, ber) for ber in CURVE_BERS]
