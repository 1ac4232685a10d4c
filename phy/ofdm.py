"""The OFDM PHY of 802.11a and g, from the bytes of a PSDU to constellation points and back.

IEEE 802.11-2020, clause 17 (and 18, which takes it over for 2.4 GHz). The DATA field, in bits:

    +----------------+----------------------+--------+---------------------------+
    | SERVICE, 16    | PSDU, 8 * LENGTH     | tail, 6| pad, to whole symbols     |
    | (7 scrambler   | each byte lowest bit | (zero) | (N_DBPS data bits each)   |
    |  init, 9 zero) | first                |        |                           |
    +----------------+----------------------+--------+---------------------------+

is scrambled, the six bits of tail are set to zero again, and the whole is coded, punctured,
interleaved by symbol, and mapped to 48 data subcarriers.

What is left out, because it carries nothing that is needed here: the four pilots, the preamble
and the SIGNAL field. Receivers are synchronised, know the channel and the frame's length, and
each subcarrier sees its own gain and noise: no inverse Fourier transform is needed to see that.

The functions here say what is done; ofdm_kernel.py does the same, fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import constellation, convolutional, interleaver, scrambler

SUBCARRIERS: Final = 48
SERVICE: Final = 16
SCRAMBLER_INIT: Final = 7
MAX_LENGTH: Final = 4095  # the SIGNAL field's LENGTH has 12 bits


class Tables(NamedTuple):
    """What kernels need of a mode.

    Attributes:
        data_bits: N_DBPS.
        width: Bits per axis.
        levels: float32; level by the bits of an axis, see ``constellation.LEVELS``.
        source: Shape (N_CBPS,): for each bit of an interleaved symbol, the bit of the mother
            code that it is.
        place: Shape (2 * N_DBPS,): for each bit of the mother code, its place in the interleaved
            symbol; N_CBPS where it is not sent.
    """

    data_bits: int
    width: int
    levels: NDArray[np.float32]
    source: NDArray[np.int64]
    place: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mode:
    """A data rate: a modulation and a code rate.

    Attributes:
        bits_per_subcarrier: N_BPSC.
        code_rate: R, numerator and denominator.
    """

    bits_per_subcarrier: int
    code_rate: tuple[int, int]

    @property
    def coded_bits(self) -> int:
        """N_CBPS: coded bits in a symbol."""
        return SUBCARRIERS * self.bits_per_subcarrier

    @property
    def data_bits(self) -> int:
        """N_DBPS: data bits in a symbol."""
        return self.coded_bits * self.code_rate[0] // self.code_rate[1]

    @property
    def axes(self) -> int:
        """Axes in a symbol: I of each subcarrier, or I and Q in turn."""
        return SUBCARRIERS * constellation.axes(self.bits_per_subcarrier)

    def symbols(self, length: int) -> int:
        """Symbols of the DATA field of a PSDU of so many bytes."""
        return -(-(SERVICE + 8 * length + convolutional.TAIL) // self.data_bits)

    def tables(self) -> Tables:
        """This mode for kernels."""
        width = self.bits_per_subcarrier // constellation.axes(self.bits_per_subcarrier)
        sent = np.flatnonzero(convolutional.sent(self.code_rate, 2 * self.data_bits))
        places = interleaver.permutation(self.coded_bits, self.bits_per_subcarrier)
        source = np.empty(self.coded_bits, np.int64)
        source[places] = sent
        place = np.full(2 * self.data_bits, self.coded_bits)
        place[sent] = places
        levels = constellation.LEVELS[width].astype(np.float32)
        return Tables(self.data_bits, width, levels, source, place)


# By data rate in Mbit/s.
MODES: Final = {
    6: Mode(1, (1, 2)),
    9: Mode(1, (3, 4)),
    12: Mode(2, (1, 2)),
    18: Mode(2, (3, 4)),
    24: Mode(4, (1, 2)),
    36: Mode(4, (3, 4)),
    48: Mode(6, (2, 3)),
    54: Mode(6, (3, 4)),
}


def data_field(psdu: bytes, mode: Mode, state: int) -> NDArray[np.uint8]:
    """The scrambled bits of the DATA field.

    Args:
        psdu: What is sent.
        mode: How it is sent.
        state: The scrambler's initial state, 1 to 127.
    """
    bits = np.zeros(mode.symbols(len(psdu)) * mode.data_bits, np.uint8)
    tail = SERVICE + 8 * len(psdu)
    bits[SERVICE:tail] = np.unpackbits(np.frombuffer(psdu, np.uint8), bitorder="little")
    bits ^= scrambler.sequence(state, len(bits))
    bits[tail : tail + convolutional.TAIL] = 0
    return bits


def transmit(psdu: bytes, mode: Mode, state: int) -> NDArray[np.int64]:
    """Levels on the axes, shape (symbols, axes), of the DATA field; arguments as above."""
    coded = convolutional.encode(data_field(psdu, mode, state))
    punctured = coded[convolutional.sent(mode.code_rate, len(coded))]
    places = interleaver.permutation(mode.coded_bits, mode.bits_per_subcarrier)
    symbols = punctured.reshape(-1, mode.coded_bits)
    interleaved = np.empty_like(symbols)
    interleaved[:, places] = symbols
    levels = constellation.levels(interleaved.reshape(-1), mode.bits_per_subcarrier)
    return levels.reshape(-1, mode.axes)


def soft_bits(ratios: NDArray[np.float64], mode: Mode) -> NDArray[np.float64]:
    """Ratios as they arrive, shape (symbols, N_CBPS), in the order of the mother code."""
    places = interleaver.permutation(mode.coded_bits, mode.bits_per_subcarrier)
    soft = np.zeros(2 * mode.data_bits * len(ratios))
    soft[convolutional.sent(mode.code_rate, len(soft))] = ratios[:, places].reshape(-1)
    return soft


def psdu_of(bits: NDArray[np.uint8]) -> bytes:
    """The PSDU of decoded bits, SERVICE to the last of the PSDU: as their first seven tell."""
    state = scrambler.state_after(bits[:SCRAMBLER_INIT])
    clear = bits[SCRAMBLER_INIT:] ^ scrambler.sequence(state, len(bits) - SCRAMBLER_INIT)
    return np.packbits(clear[SERVICE - SCRAMBLER_INIT :], bitorder="little").tobytes()


def receive(ratios: NDArray[np.float64], mode: Mode, length: int) -> bytes:
    """The PSDU of so many bytes, from the likelihood ratios of its symbols.

    Args:
        ratios: Shape (symbols, N_CBPS), see ``constellation.log_likelihood_ratios``.
        mode: How it was sent.
        length: Its bytes.
    """
    bits = SERVICE + 8 * length + convolutional.TAIL
    decoded = convolutional.decode(soft_bits(ratios, mode)[: 2 * bits], bits)
    return psdu_of(decoded[: bits - convolutional.TAIL])
