"""What a test packet carries: fills that any receiver can make again.

A *pattern* repeats a few bytes from the payload's first byte on: ``zeros``, ``ones``,
``ramp`` (00 01 .. ff) or hex digits (``a5``, ``dead beef``).

A *message* (``msgN``) is the text ``msg37`` in packet 37, again and again if there is room.

A *self-describing* payload says which packet it is, three times, and the rest follows
from that, so the original of a damaged one can be made again from any surviving copy:

    +-------+---------+-----------+------+---------------+------+---------------+
    | magic | run key | packet id | fill |  the same 20  | fill |  the same 20  |
    | 4     | 8       | u64 LE    |      |  in the middle|      |  at the end   |
    +-------+---------+-----------+------+---------------+------+---------------+

The fill is SHAKE-128 of run key and packet id: white, and the same on every machine.
Payloads under 60 bytes have as many of the three stamps as fit, from the start.
"""

from __future__ import annotations

import functools
import hashlib
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import FormatError

MAGIC = b"wtr1"
STAMP_LENGTH = 20
DESCRIBED_LENGTH = STAMP_LENGTH + 8
"""From this length on the fill of a self-describing payload proves that it is intact."""
SELF_DESCRIBING = "self"
MESSAGE = "msgN"

_STAMP = struct.Struct("<4s8sQ")
_NAMED_PATTERNS = {"zeros": b"\x00", "ones": b"\xff", "ramp": bytes(range(256))}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A payload that repeats ``cycle`` from its first byte on."""

    rule: str
    cycle: bytes

    def fill(self, length: int) -> bytes:
        """The payload of ``length`` bytes."""
        return (self.cycle * (length // len(self.cycle) + 1))[:length]


def pattern(rule: str) -> Pattern:
    """The pattern that a rule names.

    Raises:
        FormatError: Neither a name nor hex digits.
    """
    cycle = _NAMED_PATTERNS.get(rule)
    if cycle is None:
        try:
            cycle = bytes.fromhex(rule)
        except ValueError:
            cycle = b""
    if not cycle:
        names = ", ".join(_NAMED_PATTERNS)
        raise FormatError(f"payload rule {rule!r}, wanted {names} or hex digits such as a5")
    return Pattern(rule, cycle)


Fill = Callable[[int, int], bytes]
"""The payload of a packet, by its id and its length."""


def fill(rule: str, run_id: str) -> Fill:
    """What fills the payloads of a run.

    Args:
        rule: ``self``, ``msgN``, or a pattern.
        run_id: Hex digits; self-describing payloads follow from it.

    Raises:
        FormatError: There is no such rule.
    """
    if rule == SELF_DESCRIBING:
        return functools.partial(self_describing, run_key(run_id))
    if rule.lower() == MESSAGE.lower():
        return message
    try:
        repeated = pattern(rule)
    except FormatError:
        names = ", ".join([SELF_DESCRIBING, MESSAGE, *_NAMED_PATTERNS])
        raise FormatError(f"fill {rule!r}, wanted {names} or hex digits such as a5") from None
    return lambda _packet_id, length: repeated.fill(length)


def message(packet_id: int, length: int = 0) -> bytes:
    """``msg37`` for packet 37: cut or repeated to ``length`` bytes, as it is for 0."""
    text = b"msg%d" % packet_id
    return Pattern(MESSAGE, text).fill(length) if length else text


def run_key(run_id: str) -> bytes:
    """The 8 bytes that stand for a run in its payloads: the first of its id (hex digits)."""
    return bytes.fromhex(run_id)[:8].ljust(8, b"\0")


def _stamp_offsets(length: int) -> tuple[int, ...]:
    if length < 2 * STAMP_LENGTH:
        return (0,) if length >= STAMP_LENGTH else ()
    if length < 3 * STAMP_LENGTH:
        return (0, length - STAMP_LENGTH)
    return (0, (length - STAMP_LENGTH) // 2, length - STAMP_LENGTH)


def self_describing(key: bytes, packet_id: int, length: int) -> bytes:
    """The payload of ``length`` bytes of one packet of the run with this key."""
    payload = bytearray(hashlib.shake_128(key + packet_id.to_bytes(8, "little")).digest(length))
    stamp = _STAMP.pack(MAGIC, key, packet_id)
    for offset in _stamp_offsets(length):
        payload[offset : offset + STAMP_LENGTH] = stamp
    return bytes(payload)


def id_offsets(length: int) -> list[int]:
    """Where in a self-describing payload of ``length`` bytes its id stands: 8 bytes each."""
    return [offset + STAMP_LENGTH - 8 for offset in _stamp_offsets(length)]


def packet_ids(payload: bytes) -> Iterator[int]:
    """The packet ids that a received payload may have, the likeliest first.

    Those of its stamps, damaged or not, and the bitwise majority of three: whoever asks makes
    each one's original again and compares.
    """
    offsets = _stamp_offsets(len(payload))
    found = [_STAMP.unpack_from(payload, offset)[2] for offset in offsets]
    if len(found) == 3:
        a, b, c = found
        found.insert(0, a & b | a & c | b & c)
    yield from dict.fromkeys(found)


def describes(payload: bytes) -> tuple[bytes, int] | None:
    """Run key and packet id of an intact self-describing payload; None of any other.

    Payloads shorter than ``DESCRIBED_LENGTH`` cannot prove that they are intact.
    """
    if len(payload) < DESCRIBED_LENGTH:
        return None
    magic, key, packet_id = _STAMP.unpack_from(payload)
    if magic != MAGIC or self_describing(key, packet_id, len(payload)) != payload:
        return None
    return key, packet_id
