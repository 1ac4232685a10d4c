"""Channels at the level of bits: which bits of a frame arrive wrong.

Every draw depends on the seed, the stream (a rate, say) and the frame's number alone, so the
errors of a frame are the same however frames are batched or spread over processes: the
generator is counter-based (Philox, Salmon et al. 2011), keyed anew for each frame.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_EVENT_BITS = {"1/2": 9, "2/3": 11, "3/4": 14}  # mean length of error events by code rate
_EVENT_ERROR_RATE = 0.55


class BinarySymmetricChannel:
    """Each bit is flipped with the same probability, independently of all others.

    Args:
        error_rate: That probability, 0 to 1.
        seed: Any integer from 0 to 2^64 - 1.
    """

    def __init__(self, error_rate: float, seed: int) -> None:
        if not 0 <= error_rate <= 1:
            raise ValueError(f"error_rate={error_rate}, wanted 0 to 1")
        self._error_rate = error_rate
        self._seed = seed

    def errors(self, bits: int, stream: int, frame: int) -> NDArray[np.int64]:
        """Sorted positions of the flipped bits of one frame.

        Args:
            bits: Length of the frame.
            stream: Distinguishes draws with the same frame number.
            frame: Number of the frame in its stream.
        """
        draw = _generator(self._seed, stream, frame)
        count = draw.binomial(bits, self._error_rate)
        return np.sort(draw.choice(bits, count, replace=False))


class GilbertElliott:
    """Errors in bursts: a Markov chain of two states, each with its own error rate.

    The state of a bit depends on that of the bit before alone (Gilbert 1960, Elliott 1963), so
    sojourns are geometric with means 1 / p_good_to_bad and 1 / p_bad_to_good bits. A frame
    begins in equilibrium: statistics are the same at every bit position.

    Args:
        p_good_to_bad: Probability that a bit is bad after a good one, above 0.
        p_bad_to_good: Probability that a bit is good after a bad one, above 0. Both together are
            at most 1: states persist, as they do in bursts.
        error_rate_good: Error rate of the bits in the good state, 0 to 1.
        error_rate_bad: The same in the bad state.
        seed: Any integer from 0 to 2^64 - 1.
    """

    def __init__(
        self,
        p_good_to_bad: float,
        p_bad_to_good: float,
        *,
        error_rate_good: float = 0.0,
        error_rate_bad: float,
        seed: int,
    ) -> None:
        if not (p_good_to_bad > 0 and p_bad_to_good > 0 and p_good_to_bad + p_bad_to_good <= 1):
            raise ValueError(
                f"p_good_to_bad={p_good_to_bad}, p_bad_to_good={p_bad_to_good}, "
                "wanted both above 0 and their sum at most 1"
            )
        for name, rate in (("good", error_rate_good), ("bad", error_rate_bad)):
            if not 0 <= rate <= 1:
                raise ValueError(f"error_rate_{name}={rate}, wanted 0 to 1")
        self._into_bad = p_good_to_bad
        self._out_of_bad = p_bad_to_good
        self._error_rate_good = error_rate_good
        self._error_rate_bad = error_rate_bad
        self._seed = seed

    @classmethod
    def ofdm_events(
        cls, frame_error_rate: float, bits: int, *, code_rate: str, seed: int
    ) -> GilbertElliott:
        """The channel whose bad state is an error event of the convolutional code of OFDM.

        Events last 9, 11 and 14 bits on average at the code rates 1/2, 2/3 and 3/4, and 55 % of
        their bits are wrong (simulated 802.11a/g receivers in white noise). Frames without an
        event arrive intact: p_good_to_bad = -ln(1 - frame_error_rate) / bits, and somewhat more,
        as a share of the geometric sojourns ends before its first wrong bit.

        Args:
            frame_error_rate: Share of broken frames, above 0 and below 1.
            bits: Length of the frames.
            code_rate: ``1/2``, ``2/3`` or ``3/4``.
            seed: See the class.
        """
        _check_code_rate(code_rate)
        if not 0 < frame_error_rate < 1:
            raise ValueError(f"frame_error_rate={frame_error_rate}, wanted above 0 and below 1")
        leave = 1 / _EVENT_BITS[code_rate]
        intact = 1 - _EVENT_ERROR_RATE
        silent = intact * leave / (1 - intact * (1 - leave))  # events without a wrong bit
        enter = -math.log1p(-frame_error_rate) / bits / (1 - silent)
        return cls(enter, leave, error_rate_bad=_EVENT_ERROR_RATE, seed=seed)

    @classmethod
    def of_error_rate(cls, error_rate: float, *, code_rate: str, seed: int) -> GilbertElliott:
        """The same events, as often as it takes for a mean bit error rate.

        Args:
            error_rate: Of all bits, above 0 and at most half of that within events.
            code_rate: ``1/2``, ``2/3`` or ``3/4``.
            seed: See the class.
        """
        if not 0 < error_rate <= _EVENT_ERROR_RATE / 2:
            raise ValueError(
                f"error_rate={error_rate}, wanted above 0 and at most {_EVENT_ERROR_RATE / 2}"
            )
        _check_code_rate(code_rate)
        leave = 1 / _EVENT_BITS[code_rate]
        share_bad = error_rate / _EVENT_ERROR_RATE  # of the bits, in equilibrium
        enter = leave * share_bad / (1 - share_bad)
        return cls(enter, leave, error_rate_bad=_EVENT_ERROR_RATE, seed=seed)

    def errors(self, bits: int, stream: int, frame: int) -> NDArray[np.int64]:
        """As :meth:`BinarySymmetricChannel.errors`."""
        draw = _generator(self._seed, stream, frame)
        # One number drives the chain at each bit: so small that it enters the bad state from
        # either, so large that it leaves it from either, or the state stays. Then the state is
        # what the last decisive number says, and no bit has to wait for the one before.
        drive = draw.random(bits)
        enters = drive < self._into_bad
        enters[:1] = drive[:1] * (self._into_bad + self._out_of_bad) < self._into_bad
        decisive = enters | (drive >= 1 - self._out_of_bad)
        decisive[:1] = True
        last = np.maximum.accumulate(np.where(decisive, np.arange(bits), 0))
        rates = np.where(enters[last], self._error_rate_bad, self._error_rate_good)
        return np.flatnonzero(draw.random(bits) < rates)


def _generator(seed: int, stream: int, frame: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, stream, frame]))


def _check_code_rate(code_rate: str) -> None:
    if code_rate not in _EVENT_BITS:
        raise ValueError(f"code_rate={code_rate}, wanted one of {', '.join(_EVENT_BITS)}")
