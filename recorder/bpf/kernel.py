"""Kernel: a program over all packets of a window, as :mod:`.interpreter` runs it over one.

Registers are 64 bits wide here and cut to 32 after each operation. Programs are checked before
(:class:`.program.Program`): codes are known, jumps stay inside, constants are sound.
"""

# mypy: disable-error-code="arg-type, no-any-return"
# pyright: reportReturnType=false
# numba types the inside of kernels: fixed-width integers, where annotations say int.

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...jit import lean_jit

_WORD = 0xFFFF_FFFF
_ANCILLARY, _NETWORK_HEADER, _LINK_HEADER = 0xFFFF_F000, 0xFFF0_0000, 0xFFE0_0000
_XOR_X = 40


@lean_jit
def run(
    code: NDArray[np.int64],
    facts: NDArray[np.int64],
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    captured: NDArray[np.int64],
    originals: NDArray[np.int64],
    memory: NDArray[np.int64],
    kept: NDArray[np.int64],
) -> None:
    """Run a program over packets.

    Args:
        code: Shape (n, 4): code, jt, jf, k of each instruction.
        facts: What the kernel knows of a frame, at the number that a load asks for; shape (64,).
        data: The window with the packets.
        starts: Where each begins.
        captured: Its bytes there.
        originals: Its bytes before it was cut.
        memory: Work space, shape (16,).
        kept: Out: bytes that it keeps, at most its original length; 0 where it is dropped.
    """
    for packet in range(len(kept)):
        kept[packet] = _run_one(
            code, facts, data, starts[packet], captured[packet], originals[packet], memory
        )


@lean_jit
def _run_one(
    code: NDArray[np.int64],
    facts: NDArray[np.int64],
    data: NDArray[np.uint8],
    start: int,
    captured: int,
    original: int,
    memory: NDArray[np.int64],
) -> int:
    a = 0
    x = 0
    at = 0
    while True:
        operation = code[at, 0]
        k = code[at, 3]
        kind = operation & 7
        at += 1
        if kind == 0 or kind == 1:  # ld, ldx  # noqa: PLR1714 - numba would make a set of it
            mode = operation & 0xE0
            if mode == 0x00:
                value = k
            elif mode == 0x60:
                value = memory[k]
            elif mode == 0x80:
                value = original
            elif mode == 0x20 and k >= _ANCILLARY:
                value = a ^ x if k - _ANCILLARY == _XOR_X else facts[k - _ANCILLARY]
            else:
                offset = k if mode != 0x40 else (k + x) & _WORD
                if offset >= _NETWORK_HEADER:
                    offset -= _NETWORK_HEADER
                elif offset >= _LINK_HEADER:
                    offset -= _LINK_HEADER
                width = operation & 0x18
                size = 4 if width == 0 else (2 if width == 0x08 else 1)
                if mode == 0xA0:
                    size = 1
                if offset + size > captured:
                    return 0
                value = 0
                for i in range(size):
                    value = value << 8 | np.int64(data[start + offset + i])
                if mode == 0xA0:
                    value = 4 * (value & 15)
            if kind == 0:
                a = value
            else:
                x = value
        elif kind == 2:
            memory[k] = a
        elif kind == 3:
            memory[k] = x
        elif kind == 4:
            b = x if operation & 8 else k
            what = operation & 0xF0
            if what == 0x00:
                a += b
            elif what == 0x10:
                a -= b
            elif what == 0x20:
                a *= b
            elif what == 0x30:
                if b == 0:
                    return 0
                a //= b
            elif what == 0x40:
                a |= b
            elif what == 0x50:
                a &= b
            elif what == 0x60:
                a <<= b & 31
            elif what == 0x70:
                a >>= b & 31
            elif what == 0x80:
                a = -a
            elif what == 0x90:
                if b == 0:
                    return 0
                a %= b
            else:
                a ^= b
            a &= _WORD
        elif kind == 5:
            condition = operation & 0xF0
            b = x if operation & 8 else k
            if condition == 0x00:
                at += k
            elif (
                (condition == 0x10 and a == b)
                or (condition == 0x20 and a > b)
                or (condition == 0x30 and a >= b)
                or (condition == 0x40 and a & b != 0)
            ):
                at += code[at - 1, 1]
            else:
                at += code[at - 1, 2]
        elif kind == 6:
            return min(a if operation & 0x10 else k, original)
        elif operation & 0x80:
            a = x
        else:
            x = a
