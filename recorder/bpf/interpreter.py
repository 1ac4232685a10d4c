"""Runs a program over one frame, as the kernel does, and keeps what it looked at.

Semantics of classic BPF (Documentation/networking/filter.rst, net/core/filter.c): two 32-bit
registers A and X and 16 words of memory; loads are big-endian; a load that does not lie in
the frame, and a division by an X of 0, end the program and drop the frame; shifts take the
last five bits of their count.

What the kernel knows of a frame beside its bytes is here what it says of frames on a monitor
interface: protocol 0x0004 and hardware type 803, received, for another host, without VLAN
tags. Programs that ask for what no capture has (CPU, mark, a random number ...) are refused.

This is the plain twin of :mod:`wtrec.recorder.bpf.kernel`, and looks closer: besides the verdict it
gives the bytes loaded, and for each branch where in the frame its operand was from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ...errors import FilterError
from .program import (
    ABSOLUTE_LOADS,
    ANCILLARY,
    JUMP_ALWAYS,
    JUMPS,
    LINK_HEADER,
    MEMORY_WORDS,
    NETWORK_HEADER,
    RETURN_A,
    RETURN_K,
    Ancillary,
    Program,
)

WORD = 0xFFFF_FFFF
FACTS = {
    Ancillary.PROTOCOL: 0x0004,  # ETH_P_802_2
    Ancillary.PKTTYPE: 3,  # PACKET_OTHERHOST
    Ancillary.HATYPE: 803,  # ARPHRD_IEEE80211_RADIOTAP
    Ancillary.VLAN_TAG: 0,
    Ancillary.VLAN_TAG_PRESENT: 0,
    Ancillary.VLAN_TPID: 0,
}
"""What the kernel says of a frame on a monitor interface."""

_SIZES = {0x00: 4, 0x08: 2, 0x10: 1}  # bits 3 and 4 of a load's code


class Source(NamedTuple):
    """Where in the frame a value is from: ``(bytes & mask) + delta``, modulo 2^32."""

    offset: int
    size: int
    mask: int
    delta: int = 0


class Branch(NamedTuple):
    """A conditional jump that was met.

    Attributes:
        at: Index of the instruction.
        code: Its code.
        operand: What A was compared with.
        value: A.
        taken: Whether the condition held.
        source: Where A was from; None if it is not from one place.
    """

    at: int
    code: int
    operand: int
    value: int
    taken: bool
    source: Source | None


@dataclass(slots=True)
class Outcome:
    """What a program did with a frame.

    Attributes:
        kept: Bytes that the frame keeps, at most its length; 0: it is dropped.
        beyond: Whether it was dropped for a load that the frame does not reach.
        loads: Offset and size of what was loaded, in order.
        branches: The conditional jumps met, in order.
    """

    kept: int = 0
    beyond: bool = False
    loads: list[tuple[int, int]] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the frame passes."""
        return self.kept > 0


def refuse_unknown_facts(program: Program) -> None:
    """Make sure that all that a program asks for is in a capture.

    Raises:
        FilterError: It is not.
    """
    for index, (code, _, _, k) in enumerate(program):
        if code in ABSOLUTE_LOADS and k >= ANCILLARY:
            fact = Ancillary(k - ANCILLARY)
            if fact not in FACTS and fact is not Ancillary.ALU_XOR_X:
                raise FilterError(
                    f"BPF instruction {index} asks the kernel for {fact.name.lower()}, which no "
                    "capture tells: this program can be attached, but not run over frames"
                )


def run(program: Program, frame: bytes, length: int | None = None) -> Outcome:
    """Run a program over a frame.

    Args:
        program: What to run.
        frame: The packet as a socket gets it: with its Radiotap header, if it has one.
        length: Its bytes before a capture cut it; those of ``frame`` if not given.

    Raises:
        FilterError: The program asks for what no capture has.
    """
    refuse_unknown_facts(program)
    return _Machine(frame, len(frame) if length is None else length).run(program)


class _Machine:
    """Registers and memory; each has a value, and the place where it is from."""

    def __init__(self, frame: bytes, length: int) -> None:
        self.frame = frame
        self.length = length
        self.outcome = Outcome()
        self.a = self.x = 0
        self.a_source: Source | None = None
        self.x_source: Source | None = None
        self.memory: list[tuple[int, Source | None]] = [(0, None)] * MEMORY_WORDS

    def run(self, program: Program) -> Outcome:
        at = 0
        while True:
            code, jt, jf, k = program.instructions[at]
            at += 1
            if code in JUMPS:
                at += jt if self._branch(at - 1, code, k) else jf
            elif code == JUMP_ALWAYS:
                at += k
            elif code in {RETURN_K, RETURN_A}:
                self.outcome.kept = min(k if code == RETURN_K else self.a, self.length)
                return self.outcome
            elif not self._step(code, k):
                return self.outcome

    def _branch(self, index: int, code: int, k: int) -> bool:
        operand = self.x if code & 0x08 else k
        match code & 0xF0:
            case 0x10:
                taken = self.a == operand
            case 0x20:
                taken = self.a > operand
            case 0x30:
                taken = self.a >= operand
            case _:
                taken = bool(self.a & operand)
        self.outcome.branches.append(
            Branch(index, code & 0xF0, operand, self.a, taken, self.a_source)
        )
        return taken

    def _step(self, code: int, k: int) -> bool:
        """Anything but a jump and a return; False where the frame is dropped."""
        match code & 0x07:
            case 0x00 | 0x01:
                return self._load(code, k)
            case 0x02:
                self.memory[k] = self.a, self.a_source
            case 0x03:
                self.memory[k] = self.x, self.x_source
            case 0x04:
                return self._compute(code, k)
            case _ if code == 0x07:
                self.x, self.x_source = self.a, self.a_source
            case _:
                self.a, self.a_source = self.x, self.x_source
        return True

    def _load(self, code: int, k: int) -> bool:
        value: int | None
        source: Source | None = None
        match code & 0xE0:
            case 0x00:  # immediate
                value = k
            case 0x60:
                value, source = self.memory[k]
            case 0x80:
                value = self.length
            case 0xA0:  # 4 * (byte & 15): the length of an IPv4 header
                value = self._fetch(self._absolute(k), 1)
                value = None if value is None else 4 * (value & 15)
            case 0x20 if k >= ANCILLARY:
                fact = Ancillary(k - ANCILLARY)
                value = self.a ^ self.x if fact is Ancillary.ALU_XOR_X else FACTS[fact]
            case mode:
                offset = self._absolute(k if mode == 0x20 else k + self.x & WORD)
                size = _SIZES[code & 0x18]
                value = self._fetch(offset, size)
                source = Source(offset, size, (1 << 8 * size) - 1)
        if value is None:
            self.outcome.beyond = True
            return False
        if code & 0x01:
            self.x, self.x_source = value, source
        else:
            self.a, self.a_source = value, source
        return True

    @staticmethod
    def _absolute(offset: int) -> int:
        """Both headers that an offset may count from begin where the frame does."""
        if offset >= NETWORK_HEADER:
            return offset - NETWORK_HEADER
        return offset - LINK_HEADER if offset >= LINK_HEADER else offset

    def _fetch(self, offset: int, size: int) -> int | None:
        if offset + size > len(self.frame):
            return None
        self.outcome.loads.append((offset, size))
        return int.from_bytes(self.frame[offset : offset + size], "big")

    def _compute(self, code: int, k: int) -> bool:
        a, source = self.a, self.a_source
        b = self.x if code & 0x08 else k
        self.a_source = None
        match code & 0xF0:
            case 0x00:
                a += b
                self.a_source = source and source._replace(delta=source.delta + b & WORD)
            case 0x10:
                a -= b
                self.a_source = source and source._replace(delta=source.delta - b & WORD)
            case 0x20:
                a *= b
            case 0x30 | 0x90 if b == 0:
                return False
            case 0x30:
                a //= b
            case 0x40:
                a |= b
            case 0x50:
                a &= b
                if source and not source.delta:
                    self.a_source = source._replace(mask=source.mask & b)
            case 0x60:
                a <<= b & 31
            case 0x70:
                a >>= b & 31
            case 0x80:
                a = -a
            case 0x90:
                a %= b
            case _:
                a ^= b
        self.a = a & WORD
        return True
