"""Classic BPF programs: checked as the kernel checks them, attached to a socket.

One instruction is a ``struct sock_filter`` (linux/filter.h), eight bytes:

     0               2       3       4                               8
    +---------------+-------+-------+-------------------------------+
    | code (u16)    | jt u8 | jf u8 | k (u32)                       |
    +---------------+-------+-------+-------------------------------+

``jt`` and ``jf`` count instructions from the following one, so a jump can only
go forward and every program ends. A program returns how many bytes of the frame
to keep; 0 drops the frame.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from ...errors import FilterError, FormatError

MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS
MAX_SNAP_LENGTH = 262_144  # libpcap's MAXIMUM_SNAPLEN, what tcpdump -s 0 means
MEMORY_WORDS = 16

# Absolute loads from here on ask for a fact about the frame, or count from one of its headers.
ANCILLARY = 0xFFFF_F000  # SKF_AD_OFF
NETWORK_HEADER = 0xFFF0_0000  # SKF_NET_OFF
LINK_HEADER = 0xFFE0_0000  # SKF_LL_OFF

_SO_ATTACH_FILTER = 26
_SO_LOCK_FILTER = 44

JUMP_ALWAYS = 0x05
JUMPS = frozenset({0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D})  # eq gt ge set, by k or x
RETURN_K, RETURN_A = 0x06, 0x16
ABSOLUTE_LOADS = frozenset({0x20, 0x28, 0x30})  # word, half word, byte
_DIVIDES_BY_K = frozenset({0x34, 0x94})  # div, mod
_SHIFTS_BY_K = frozenset({0x64, 0x74})  # lsh, rsh
_MEMORY_LOADS = frozenset({0x60, 0x61})  # ld, ldx of one of 16 words
_MEMORY_STORES = frozenset({0x02, 0x03})  # st, stx
_MEMORY = _MEMORY_LOADS | _MEMORY_STORES
_LOADS = frozenset({0x00, 0x40, 0x48, 0x50, 0x80, 0x01, 0x81, 0xB1}) | ABSOLUTE_LOADS
_ARITHMETIC = frozenset(
    {0x84} | {0x04 | op | x for op in (*range(0, 0x80, 0x10), 0x90, 0xA0) for x in (0, 8)}
)
_TRANSFERS = frozenset({0x07, 0x87})  # tax, txa
_KNOWN = _LOADS | _MEMORY | _ARITHMETIC | _TRANSFERS | JUMPS | {JUMP_ALWAYS, RETURN_K, RETURN_A}


class Ancillary(IntEnum):
    """What an absolute load from ``ANCILLARY`` on asks for (linux/filter.h, ``SKF_AD_*``)."""

    PROTOCOL = 0
    PKTTYPE = 4
    IFINDEX = 8
    NLATTR = 12
    NLATTR_NEST = 16
    MARK = 20
    QUEUE = 24
    HATYPE = 28
    RXHASH = 32
    CPU = 36
    ALU_XOR_X = 40
    VLAN_TAG = 44
    VLAN_TAG_PRESENT = 48
    PAY_OFFSET = 52
    RANDOM = 56
    VLAN_TPID = 60


_FACTS = frozenset(Ancillary)


class Instruction(NamedTuple):
    """One ``struct sock_filter``."""

    code: int
    jt: int
    jf: int
    k: int


@dataclass(frozen=True, slots=True)
class Program:
    """A checked program.

    Raises:
        FormatError: The instructions are not a program that the kernel accepts.
    """

    instructions: tuple[Instruction, ...]

    def __post_init__(self) -> None:
        _check(self.instructions)

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    def __len__(self) -> int:
        return len(self.instructions)

    def to_bytes(self, order: str = "=") -> bytes:
        """The ``struct sock_filter`` array: native for a socket, else as ``struct`` names it."""
        pack = struct.Struct(order + "HBBI").pack
        return b"".join(pack(*instruction) for instruction in self)


def with_snaplen(program: Program, snap_length: int) -> Program:
    """The same program keeping at most ``snap_length`` bytes of each frame it accepts."""
    return Program(
        tuple(
            instruction._replace(k=min(instruction.k, snap_length))
            if instruction.code == RETURN_K
            else instruction
            for instruction in program
        )
    )


def accept_all(snap_length: int) -> Program:
    """A program that accepts every frame and keeps ``snap_length`` bytes of it."""
    return Program((Instruction(RETURN_K, 0, 0, snap_length),))


def accept_none() -> Program:
    """A program that drops every frame."""
    return accept_all(0)


def attach(sock: socket.socket, program: Program, *, lock: bool = True) -> None:
    """Let only frames that ``program`` accepts reach ``sock``, in place of another program.

    Args:
        sock: A packet socket.
        program: What it sees from now on.
        lock: Never let it be replaced.

    Raises:
        FilterError: The kernel refuses the program.
    """
    code = ctypes.create_string_buffer(program.to_bytes())
    # struct sock_fprog holds a pointer: ``code`` must live until the kernel has copied it
    fprog = struct.pack("@HP", len(program), ctypes.addressof(code))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    except OSError as error:
        raise FilterError(f"the kernel refuses the filter: {error.strerror}") from error
    if lock:
        sock.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)


def _check(instructions: tuple[Instruction, ...]) -> None:
    """The kernel's own rules (bpf_check_classic), with the instruction named.

    Raises:
        FormatError: A rule is broken.
    """
    count = len(instructions)
    if not 1 <= count <= MAX_INSTRUCTIONS:
        raise FormatError(f"a BPF program has 1 to {MAX_INSTRUCTIONS} instructions, not {count}")
    for index, (code, jt, jf, k) in enumerate(instructions):
        room = count - index - 1
        wrong = ""
        if code not in _KNOWN:
            wrong = f"unknown code {code:#x}"
        elif code == JUMP_ALWAYS and k >= room:
            wrong = f"jump by {k} leaves the program"
        elif code in JUMPS and max(jt, jf) >= room:
            wrong = f"jump by {max(jt, jf)} leaves the program"
        elif code in _DIVIDES_BY_K and k == 0:
            wrong = "division by zero"
        elif code in _SHIFTS_BY_K and k >= 32:
            wrong = f"shift by {k} of a 32-bit word"
        elif code in _MEMORY and k >= MEMORY_WORDS:
            wrong = f"memory word {k}, there are {MEMORY_WORDS}"
        elif code in ABSOLUTE_LOADS and k >= ANCILLARY and k - ANCILLARY not in _FACTS:
            wrong = f"load of the unknown fact {k - ANCILLARY} about a frame"
        if wrong:
            raise FormatError(f"BPF instruction {index}: {wrong}")
    if instructions[-1].code not in {RETURN_K, RETURN_A}:
        raise FormatError(f"BPF instruction {count - 1}, the last one, is no return")
    _check_memory(instructions)


def _check_memory(instructions: tuple[Instruction, ...]) -> None:
    """No path may load a memory word that nothing was stored in.

    As in the kernel, which looks at instructions in their order, what is set before a return
    counts as set after it, if no jump leads there.

    Raises:
        FormatError: One does.
    """
    every = (1 << MEMORY_WORDS) - 1
    jumped = [every] * len(instructions)  # words that are set on all jumps to an instruction
    words = 0  # those that are set here
    for index, (code, jt, jf, k) in enumerate(instructions):
        words &= jumped[index]
        if code in _MEMORY_STORES:
            words |= 1 << k
        elif code in _MEMORY_LOADS and not words >> k & 1:
            raise FormatError(f"BPF instruction {index}: loads memory word {k} before a store")
        elif code == JUMP_ALWAYS or code in JUMPS:
            for distance in (k,) if code == JUMP_ALWAYS else (jt, jf):
                jumped[index + 1 + distance] &= words
            words = every
