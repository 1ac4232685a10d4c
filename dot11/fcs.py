"""The frame check sequence and its algebra: what flipped bits do to it.

Source: IEEE 802.11-2020, 9.2.4.8: CRC-32 of everything before it, generator

    x^32 + x^26 + x^23 + x^22 + x^16 + x^12 + x^11 + x^10 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1

taken least significant bit first, as the bits are on the air, which makes it
``zlib.crc32``, appended little-endian. The CRC is affine, so the *syndrome*, FCS
computed xor FCS received, depends on the flipped bits alone and never on the data,
and that of several flipped bits is the xor of theirs: ``x^m mod P`` for the bit
that has ``m`` bits after it, bits of the FCS itself included.

Bit positions are ``byte * 8 + bit``, bit 0 the least significant, first on the air.
Polynomials are reflected: the coefficient of x^31 is the least significant bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import FormatError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH = 4
POLYNOMIAL = 0xEDB88320
RESIDUE = 0x2144DF1C  # zlib.crc32 of every good frame, FCS included

_ONE = 0x80000000  # x^0


def fcs(data: bytes | memoryview) -> int:
    """The FCS of a frame that has none yet."""
    return zlib.crc32(data)


def append(data: bytes | memoryview) -> bytes:
    """The frame with its FCS behind it."""
    return bytes(data) + fcs(data).to_bytes(LENGTH, "little")


def syndrome(frame: bytes | memoryview) -> int:
    """FCS computed xor FCS received, of a frame with its FCS; 0 if it is good.

    Raises:
        FormatError: The frame is shorter than an FCS.
    """
    if len(frame) < LENGTH:
        raise FormatError(f"a frame with FCS has at least {LENGTH} bytes, this has {len(frame)}")
    return fcs(frame[:-LENGTH]) ^ int.from_bytes(frame[-LENGTH:], "little")


def flip(frame: bytes | memoryview, bits: Iterable[int]) -> bytes:
    """The frame with these bits flipped; a bit named twice is flipped twice.

    Raises:
        IndexError: A bit position is outside of the frame.
    """
    flipped = bytearray(frame)
    for bit in bits:
        if not 0 <= bit < 8 * len(flipped):
            raise IndexError(f"bit {bit} is outside of a frame of {len(flipped)} bytes")
        flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def flip_effect(bits: Iterable[int], length: int) -> int:
    """The syndrome of flipping these bits in a good frame of ``length`` bytes with FCS.

    Raises:
        FormatError: The frame would be shorter than an FCS.
        IndexError: A bit position is outside of the frame.
    """
    blank = bytes(length)
    return syndrome(flip(blank, bits)) ^ syndrome(blank)


def bit_syndrome(bit: int, length: int) -> int:
    """The syndrome of flipping one bit in a good frame of ``length`` bytes with FCS."""
    return flip_effect((bit,), length)


def bit_syndromes(n_bits: int) -> NDArray[np.uint32]:
    """The syndromes of every bit of a frame of ``n_bits`` bits, FCS included.

    Returns:
        uint32, shape (n_bits,): ``x^m mod P`` at index m. The bit at position b has
        m = n_bits - 1 - b, so a longer frame's table starts with a shorter one's.
    """
    import numpy as np

    def powers() -> Iterable[int]:
        power = _ONE
        for _ in range(n_bits):
            yield power
            power = power >> 1 ^ (POLYNOMIAL if power & 1 else 0)

    return np.fromiter(powers(), np.uint32, n_bits)
