"""What is on the air before a PSDU: the long preamble and header of 802.11b.

IEEE 802.11-2020, 15.2.3 and 16.2.3. Fields in the order of transmission, each with its least
significant bit first; all is scrambled, and sent as DBPSK at 1 Mbit/s::

    SYNC      128 bits  ones
    SFD        16       0xF3A0
    SIGNAL      8       data rate in units of 100 kbit/s
    SERVICE     8       bit 7: at 11 Mbit/s, LENGTH is long enough for one octet more
    LENGTH     16       microseconds that the PSDU takes, rounded up
    CRC        16       CRC-16 over SIGNAL, SERVICE and LENGTH: preset to ones, complemented,
                        sent from the coefficient of x^15 down

They are made here only for the state in which they leave the scrambler. Their own errors are not
simulated: a receiver that does not understand them reports no frame. Short preambles leave
another state, which changes no statistic.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .dsss_scrambler import HISTORY, LONG_PREAMBLE_SEED, Bits, scramble

_SYNC = b"\xff" * 16
_SFD = 0xF3A0
_CRC_POLYNOMIAL = 0x1021  # x^16 + x^12 + x^5 + 1


def header(octets: int, rate_mbps: float) -> Bits:
    """SIGNAL to CRC of a PSDU, 48 bits, not scrambled.

    Args:
        octets: Length of the PSDU.
        rate_mbps: 1, 2, 5.5 or 11.

    Raises:
        ValueError: The PSDU takes longer than LENGTH can say.
    """
    microseconds = math.ceil(8 * octets / rate_mbps)
    if microseconds > 0xFFFF:
        raise ValueError(
            f"{octets} octets take {microseconds} us at {rate_mbps:g} Mbit/s, wanted at most 65535"
        )
    extension = rate_mbps == 11 and 11 * microseconds - 8 * octets >= 8
    fields = bytes([round(10 * rate_mbps), 0x80 if extension else 0])
    bits = _bits(fields + microseconds.to_bytes(2, "little"))
    return np.concatenate([bits, _crc16(bits)])


@functools.lru_cache(4096)
def history(octets: int, rate_mbps: float) -> Bits:
    """The last seven bits on the air before a PSDU, oldest first; arguments as :func:`header`."""
    preamble = _bits(_SYNC + _SFD.to_bytes(2, "little"))
    bits = np.concatenate([preamble, header(octets, rate_mbps)])
    return scramble(bits, LONG_PREAMBLE_SEED)[-HISTORY:]


def _bits(data: bytes) -> Bits:
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


def _crc16(bits: Bits) -> Bits:
    state = 0xFFFF
    for bit in bits.tolist():
        feedback = (state >> 15) ^ bit
        state = (state << 1 & 0xFFFF) ^ (_CRC_POLYNOMIAL if feedback else 0)
    return np.unpackbits(np.frombuffer((state ^ 0xFFFF).to_bytes(2, "big"), np.uint8))
