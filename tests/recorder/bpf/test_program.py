"""The rules of the kernel, cutting frames, attaching."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FilterError, FormatError
from wtrec.recorder import bpf
from wtrec.recorder.bpf import Instruction, Program


class TestRules:
    """A program is checked as the kernel checks it."""

    @pytest.mark.parametrize(
        ("instructions", "message"),
        [
            ([(0x28, 0, 0, 0)], "instruction 0, the last one, is no return"),
            ([(0x15, 1, 0, 0), (6, 0, 0, 1)], "instruction 0: jump by 1 leaves"),
            ([(0x05, 0, 0, 0xFFFFFFFF), (6, 0, 0, 1)], "instruction 0: jump by 4294967295"),
            ([(0xFF, 0, 0, 0), (6, 0, 0, 1)], "instruction 0: unknown code 0xff"),
            ([(0x34, 0, 0, 0), (6, 0, 0, 1)], "instruction 0: division by zero"),
            ([(0x64, 0, 0, 32), (6, 0, 0, 1)], "instruction 0: shift by 32"),
            ([(0x02, 0, 0, 16), (6, 0, 0, 1)], "instruction 0: memory word 16"),
            ([(0x60, 0, 0, 3), (6, 0, 0, 1)], "instruction 0: loads memory word 3 before a store"),
            (
                [(0x15, 0, 1, 0), (0x02, 0, 0, 3), (0x60, 0, 0, 3), (6, 0, 0, 1)],
                "instruction 2: loads memory word 3 before a store",
            ),
            (
                [(0x20, 0, 0, 0xFFFF_F001), (6, 0, 0, 1)],
                "instruction 0: load of the unknown fact 1",
            ),
        ],
    )
    def test_broken_rule(self, instructions: list[tuple[int, int, int, int]], message: str) -> None:
        """The instruction that breaks a rule is named."""
        with pytest.raises(FormatError, match=message):
            Program(tuple(Instruction(*fields) for fields in instructions))

    @given(
        st.lists(
            st.builds(
                Instruction,
                st.integers(0, 0xBF) | st.sampled_from([0x02, 0x60, 0x61, 0x05, 0x15, 0x06, 0x20]),
                st.integers(0, 3),
                st.integers(0, 3),
                st.integers(0, 3) | st.integers(0, 40) | st.integers(0xFFFF_EFFF, 0xFFFF_F050),
            ),
            max_size=6,
        )
    )
    def test_the_kernel_agrees(self, instructions: list[Instruction]) -> None:
        """Exactly the programs that pass can be attached."""
        returning = (*instructions, Instruction(0x06, 0, 0, 1))
        code = b"".join(struct.pack("=HBBI", *fields) for fields in returning)
        try:
            program = Program(returning)
        except FormatError:
            assert not kernel_takes(code)
        else:
            assert kernel_takes(program.to_bytes())

    def test_text_and_bytes(self) -> None:
        """A program survives both of its forms."""
        program = bpf.compile_expression("udp port 5005")
        assert bpf.parse(bpf.to_decimal(program)) == program
        fields = struct.iter_unpack("<HBBI", program.to_bytes("<"))
        assert Program(tuple(Instruction(*f) for f in fields)) == program


class TestSnapLength:
    """Cutting frames is the program's last act."""

    def test_only_accepting_returns(self) -> None:
        """Accepted frames are cut, dropped frames stay dropped, shorter cuts stay."""
        program = bpf.parse("{ 0x15, 1, 2, 0 }, { 6, 0, 0, 10 }, { 6, 0, 0, 500 }, { 6, 0, 0, 0 }")
        cut = bpf.with_snaplen(program, 100)
        assert [i.k for i in cut] == [0, 10, 100, 0]

    def test_attached(self) -> None:
        """A socket gets what its program accepts, cut to the snap length."""
        sender, receiver = socket.socketpair(type=socket.SOCK_DGRAM)
        with sender, receiver:
            program = bpf.parse(
                "{ 0x30, 0, 0, 0 }, { 0x15, 0, 1, 0x41 }, { 6, 0, 0, 9 }, { 6 ,0,0,0}"
            )
            bpf.attach(receiver, bpf.with_snaplen(program, 3))
            for datagram in (b"Bad", b"A long one", b"A"):
                with contextlib.suppress(PermissionError):  # how AF_UNIX says "filtered"
                    sender.send(datagram)
            assert [receiver.recv(100), receiver.recv(100)] == [b"A l", b"A"]

    def test_locked(self) -> None:
        """Nobody changes the filter of a capture afterwards."""
        sender, receiver = socket.socketpair(type=socket.SOCK_DGRAM)
        with sender, receiver:
            bpf.attach(receiver, bpf.accept_all(10))
            with pytest.raises(FilterError, match="not permitted"):
                bpf.attach(receiver, bpf.accept_all(20))


def kernel_takes(code: bytes) -> bool:
    """Whether the kernel lets a program be attached, asked of a plain socket."""
    memory = ctypes.create_string_buffer(code)
    fprog = struct.pack("@HP", len(code) // 8, ctypes.addressof(memory))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, 26, fprog)
        except OSError:
            return False
        return True
