"""Random programs, the kernel's word on them, and tcpdump's."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from wtrec.recorder import bpf
from wtrec.recorder.bpf import Instruction, Program
from wtrec.recorder.bpf.program import JUMP_ALWAYS, JUMPS

_RETURNS = (0x06, 0x16)
_LOADS = (0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0xB1)
_OTHERS = (
    *(0x00, 0x01, 0x80, 0x81, 0x02, 0x03, 0x60, 0x61, 0x07, 0x87, 0x84),
    *(0x04 | operation | x for operation in (*range(0, 0x80, 0x10), 0x90, 0xA0) for x in (0, 8)),
)
_XOR_X = 0xFFFF_F000 + 40
_numbers = (
    st.integers(0, 40) | st.integers(0, 0xFFFF_FFFF) | st.sampled_from([0xFFFF_FFFF, 1 << 31])
)


@st.composite
def _programs(draw: st.DrawFn) -> Program:
    """Programs of every instruction, with jumps, that the kernel takes."""
    length = draw(st.integers(1, 25))
    code = [Instruction(0x02, 0, 0, 0), Instruction(0x02, 0, 0, 1)]  # two words that may be loaded
    for room in range(length, 0, -1):
        kind = draw(st.sampled_from([_LOADS, _OTHERS, tuple(JUMPS), (JUMP_ALWAYS,), _RETURNS]))
        operation = draw(st.sampled_from(kind))
        k = draw(_numbers)
        if operation in _LOADS:
            k = draw(st.integers(0, 40)) if operation & 0x40 == 0 else k
        elif operation in {0x02, 0x03, 0x60, 0x61}:
            k &= 1
        elif operation in {0x34, 0x94}:
            k = k or 1
        elif operation in {0x64, 0x74}:
            k &= 31
        jt = jf = 0
        if operation in JUMPS:
            jt, jf = draw(st.integers(0, room - 1)), draw(st.integers(0, room - 1))
        elif operation == JUMP_ALWAYS:
            k = draw(st.integers(0, room - 1))
        if operation == 0x20 and draw(st.integers(0, 9)) == 0:
            k = _XOR_X
        code.append(Instruction(operation, jt, jf, k))
    last = draw(st.sampled_from(_RETURNS))
    return Program((*code, Instruction(last, 0, 0, draw(_numbers))))


@pytest.fixture(scope="session")
def random_programs() -> st.SearchStrategy[Program]:
    """A strategy for programs."""
    return _programs()


def _kernel_keeps(program: Program, payload: bytes) -> int:
    sender, receiver = socket.socketpair(type=socket.SOCK_DGRAM)
    with sender, receiver:
        bpf.attach(receiver, program)
        receiver.setblocking(False)  # a datagram that passes is there when send returns
        with contextlib.suppress(BlockingIOError):
            sender.send(payload)
            return len(receiver.recv(len(payload) + 1))
    return 0


@pytest.fixture(scope="session")
def kernel_keeps() -> Callable[[Program, bytes], int]:
    """``kernel_keeps(program, payload)``: bytes of a datagram that pass a socket's filter."""
    return _kernel_keeps


@pytest.fixture
def tcpdump(tmp_path: Path) -> Callable[..., str]:
    """``tcpdump(expression, "-ddd", linktype=127)``: how tcpdump prints the compiled program."""

    def printed(expression: str, form: str, linktype: int = 127) -> str:
        empty = tmp_path / "empty.pcap"
        header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype)
        empty.write_bytes(header)
        return subprocess.run(
            ["tcpdump", form, "-r", str(empty), "--", expression],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    return printed
