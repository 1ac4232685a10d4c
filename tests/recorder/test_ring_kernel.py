"""The kernel that turns a block of the ring into Enhanced Packet Blocks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wtrec.datasets.pcapng import EnhancedPacket
from wtrec.dot11.radiotap import Flags, build
from wtrec.recorder.ring_kernel import (
    BYTE_LIMIT,
    FRAME_LIMIT,
    NO_LIMIT,
    TIME_LIMIT,
    claimed_flags,
    write_block,
)

NEVER = 2**63 - 1


@dataclass(frozen=True)
class Frame:
    """What stands in a ring for one frame."""

    time: int
    data: bytes
    length: int
    room: int = 82  # from the header to the frame


def ring_block(frames: list[Frame], size: int = 1 << 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A block as the kernel hands it over, with leftovers of earlier frames in its gaps."""
    block = bytearray(b"\xa5" * size)
    struct.pack_into("=IIIIIIQ", block, 0, 1, 48, 1, len(frames), 48, 0, 7)
    at = 48
    for frame in frames:
        following = -(-(frame.room + len(frame.data)) // 16) * 16
        seconds, nanoseconds = divmod(frame.time, 10**9)
        header = (following, seconds, nanoseconds, len(frame.data), frame.length, 1, frame.room, 0)
        struct.pack_into("=6IHH", block, at, *header)
        block[at + frame.room : at + frame.room + len(frame.data)] = frame.data
        at += following
    return np.frombuffer(bytes(block), dtype=np.uint8).copy()


def run(
    kernel: Callable[..., tuple[int, int, int, int, int]],
    frames: list[Frame],
    *,
    first: int = 0,
    interface: int = 0,
    radiotap: bool = True,
    snap_length: int = 1 << 18,
    frame_limit: int = NEVER,
    byte_limit: int = NEVER,
    not_after: int = NEVER,
    drops: int = 0,
) -> tuple[bytes, int, int, int, int]:
    """What a kernel writes, and the rest of what it returns."""
    block = ring_block(frames)
    out = np.full(len(block), 0x5A, dtype=np.uint8)
    size, *rest = kernel(
        block,
        block.view(np.uint32),
        out,
        out.view(np.uint32),
        first,
        interface,
        radiotap,
        snap_length,
        frame_limit,
        byte_limit,
        not_after,
        drops,
    )
    written, bad, limit, next_time = rest
    return out[:size].tobytes(), written, bad, limit, next_time


def plain_claims(data: bytes) -> int:
    """``epb_flags`` bits of a Radiotap header, in plain Python."""
    if len(data) < 8 or data[0] != 0:
        return 0
    (length,) = struct.unpack_from("<H", data, 2)
    if length > len(data):
        return 0
    words = 1
    while 8 + 4 * words <= length and data[4 * words + 3] & 0x80:
        words += 1
    (present,) = struct.unpack_from("<I", data, 4)
    layout = [8, 1, 1, (2, 4), 2, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2]
    at, claims = 4 + 4 * words, 0
    for bit, spec in enumerate(layout):
        if not present >> bit & 1:
            continue
        align, size = spec if isinstance(spec, tuple) else (spec, spec)
        at = -(-at // align) * align
        if at + size > length:
            break
        if bit == 1:
            claims |= (0x80 if data[at] & 0x10 else 0) | (0x1000000 if data[at] & 0x40 else 0)
        if bit == 14:
            claims |= 0x40000000 if data[at] & 0x02 else 0
        at += size
    return claims


def plain_block(
    frames: list[Frame],
    *,
    first: int,
    interface: int,
    radiotap: bool,
    snap_length: int,
    frame_limit: int,
    byte_limit: int,
    not_after: int,
    drops: int,
) -> tuple[bytes, int, int, int, int]:
    """What the kernel is to do, in plain Python with the codec of the format."""
    out, written, bad = b"", 0, 0
    for frame in frames[first:]:
        flags = 1 | (plain_claims(frame.data) if radiotap else 0)
        packet = EnhancedPacket.make(
            interface,
            frame.time,
            frame.data[:snap_length],
            frame.length,
            flags=flags,
            dropcount=drops or None,
        ).write("<")
        if frame.time > not_after:
            return out, written, bad, TIME_LIMIT, frame.time
        if written == frame_limit:
            return out, written, bad, FRAME_LIMIT, frame.time
        if len(out) + len(packet) > byte_limit:
            return out, written, bad, BYTE_LIMIT, frame.time
        out += packet
        written += 1
        bad += bool(flags & 1 << 24)
        drops = 0
    return out, written, bad, NO_LIMIT, 0


def radiotap_bytes(version: int, length: int, words: list[int], fields: bytes) -> bytes:
    """A header whose parts need not fit."""
    return struct.pack(f"<BBH{len(words)}I", version, 0, length, *words) + fields


HEADERS = st.builds(
    radiotap_bytes,
    st.sampled_from([0, 0, 0, 1]),
    st.integers(0, 60),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3)
    | st.sampled_from([[0x0000_402F], [0x8000_4003, 0x8000_0000, 0]]),
    st.binary(max_size=40),
)
FRAMES = st.builds(
    lambda time, data, cut, room: Frame(time, data, len(data) + cut, room),
    st.integers(0, 2**32 * 10**9 - 1),
    st.binary(max_size=64) | HEADERS,
    st.integers(0, 9),
    st.integers(66, 140),
)


class TestWriteBlock:
    """Blocks of the ring become blocks of the capture."""

    @given(
        frames=st.lists(FRAMES, max_size=12),
        first=st.just(0) | st.integers(0, 12),
        interface=st.integers(0, 3),
        radiotap=st.booleans(),
        snap_length=st.integers(1, 80),
        frame_limit=st.just(NEVER) | st.integers(0, 12),
        byte_limit=st.just(NEVER) | st.integers(0, 1000),
        not_after=st.just(NEVER) | st.integers(0, 2**32 * 10**9),
        drops=st.just(0) | st.integers(1, 2**40),
    )
    @settings(deadline=None)  # the first call compiles
    def test_same_as_plain_python(self, frames: list[Frame], **limits: Any) -> None:
        """Compiled, and as source, it writes what plain Python with the codec writes."""
        expected = plain_block(frames, **limits)
        assert run(write_block, frames, **limits) == expected
        assert run(write_block.py_func, frames, **limits) == expected  # type: ignore[attr-defined]

    def test_an_output_as_large_as_the_block_is_enough(self) -> None:
        """The shortest frames, packed as the ring packs them, do not outgrow their block."""
        frames = [Frame(1, b"\1", 1, 68)] * 800
        block = ring_block(frames)
        out, written, *_ = run(write_block, frames, drops=1)
        assert written == 800
        assert len(out) < len(block)


class TestClaims:
    """What the Radiotap header says is repeated in epb_flags."""

    @pytest.mark.parametrize(
        ("values", "claims"),
        [
            ({"flags": Flags.FCS}, 0x80),
            ({"flags": Flags.FCS | Flags.BAD_FCS}, 0x0100_0080),
            ({"tsft": 5, "flags": Flags.BAD_FCS}, 0x0100_0000),
            ({"tsft": 5, "rate": 2}, 0),
            ({"flags": Flags.FCS, "rate": 2, "channel": (2437, 0), "rx_flags": 2}, 0x4000_0080),
            ({"rx_flags": 2}, 0x4000_0000),
        ],
    )
    def test_fields(self, values: dict[str, Any], claims: int) -> None:
        """FCS present, FCS bad and PLCP bad each set their bits, wherever alignment puts them."""
        header = build(**values)
        data = np.frombuffer(b"..." + header + b"frame", dtype=np.uint8)
        assert claimed_flags(data, 3, len(header) + 5) == claims

    def test_cut_header(self) -> None:
        """A header that the capture does not hold whole claims nothing."""
        header = build(tsft=5, flags=Flags.BAD_FCS)
        data = np.frombuffer(header, dtype=np.uint8)
        assert claimed_flags(data, 0, len(header) - 1) == 0
