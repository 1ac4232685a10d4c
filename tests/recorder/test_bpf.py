"""Programs from libpcap and tcpdump, their text forms, and the rules of the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FilterError, FormatError
from wtrec.recorder import bpf
from wtrec.recorder.bpf import Instruction, Program

EXPRESSIONS = [
    "udp port 5005",
    "type mgt subtype beacon",
    "wlan addr2 02:00:00:00:00:01 and wlan[1] & 8 = 0",
    "radio[2:2] > 20",
    "greater 50 and udp port 5006",
    "ether[0] & 1 = 0 or icmp6",
]


def tcpdump_program(expression: str, form: str, linktype: int, folder: Path) -> str:
    """What ``tcpdump -dd`` or ``-ddd`` prints for frames of a link type."""
    empty = folder / "empty.pcap"
    empty.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, linktype))
    done = subprocess.run(
        ["tcpdump", form, "-r", str(empty), expression], capture_output=True, text=True, check=True
    )
    return done.stdout


class TestCompile:
    """Expressions become the programs that tcpdump makes of them."""

    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_same_as_tcpdump(self, expression: str, tmp_path: Path) -> None:
        """The program behind Radiotap headers is the one that tcpdump -ddd prints."""
        text = tcpdump_program(expression, "-ddd", 127, tmp_path)
        assert bpf.compile_expression(expression).to_text() == text

    def test_link_type(self, tmp_path: Path) -> None:
        """A filter for bare 802.11 frames is compiled for these."""
        text = tcpdump_program("type ctl", "-ddd", 105, tmp_path)
        program = bpf.compile_expression("type ctl", linktype=105)
        assert program.to_text() == text
        assert program != bpf.compile_expression("type ctl")

    def test_snap_length(self) -> None:
        """An accepted frame keeps as many bytes as were asked for."""
        program = bpf.compile_expression("udp", snap_length=99)
        assert {i.k for i in program.instructions if i.code == 0x06} == {99, 0}

    def test_unknown_word(self) -> None:
        """A wrong expression is refused in libpcap's own words."""
        with pytest.raises(FilterError, match=r"filter 'udp prt 3': .*syntax error"):
            bpf.compile_expression("udp prt 3")

    def test_nul_character(self) -> None:
        """An expression is not cut at a NUL character."""
        with pytest.raises(FilterError, match="NUL"):
            bpf.compile_expression("udp\0 port 1")

    def test_without_libpcap(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where libpcap cannot be loaded, tcpdump compiles the same and says the same."""
        expected = bpf.compile_expression("udp port 5005", snap_length=300)
        monkeypatch.setattr(bpf, "load_libpcap", lambda: None)
        assert bpf.compile_expression("udp port 5005", snap_length=300) == expected
        with pytest.raises(FilterError, match=r"filter 'udp prt 3': .*syntax error"):
            bpf.compile_expression("udp prt 3")

    def test_dash_is_an_expression(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An expression that begins with a dash is never an option of tcpdump."""
        monkeypatch.setattr(bpf, "load_libpcap", lambda: None)
        with pytest.raises(FilterError, match="filter '-h'"):
            bpf.compile_expression("-h")


class TestText:
    """The two text forms of tcpdump."""

    @pytest.mark.parametrize("form", ["-dd", "-ddd"])
    @pytest.mark.parametrize("expression", EXPRESSIONS)
    def test_both_forms(self, expression: str, form: str, tmp_path: Path) -> None:
        """Either form gives the program that was compiled."""
        text = tcpdump_program(expression, form, 127, tmp_path)
        assert bpf.parse(text) == bpf.compile_expression(expression)

    def test_comments(self) -> None:
        """Comments and blank lines are passed over, several instructions may share a line."""
        text = """
            /* all frames,
               64 bytes */
            { 0x28, 0, 0, 0x0000000c }, { 0x15, 0, 1, 2 }, // load, compare

            {0x6,0,0,0x40},
            # none
            { 0x6, 0, 0, 0 }
        """
        codes = [i.code for i in bpf.parse(text).instructions]
        assert codes == [0x28, 0x15, 0x06, 0x06]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "1 to 4096"),
            ("1\n6 0 0\n", "line 2: wanted 'code jt jf k'"),
            ("\n\n{ 6, 0, 0 },", "line 3: wanted {"),
            ("{ 6, 0, 0, 0x40 } x", "line 1: wanted {.*'x'"),
            ("/* two\nlines */ 6 0 0 x", "line 2"),
            ("2\n6 0 0 64", "announces 2 BPF instructions, 1 follow"),
            ("6 256 0 64", "line 1: .*8"),
            ("6 0 0 4294967296", "line 1: .*32"),
            ("6 0 0 64\n" * 5000, "line 4097: more than 4096"),
            ("/* " * 500_000, "1 to 4096"),
            ("__import__('os')", "line 1: wanted"),
        ],
    )
    def test_refused(self, text: str, message: str) -> None:
        """What is no program is refused with the line it stands in."""
        with pytest.raises(FormatError, match=message):
            bpf.parse(text)

    @given(st.text() | st.text(alphabet="{}0x126, \n/*#"))
    def test_any_text(self, text: str) -> None:
        """Any text is a program or a FormatError."""
        with contextlib.suppress(FormatError):
            bpf.parse(text)


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
                st.integers(0, 0xBF),
                st.integers(0, 3),
                st.integers(0, 3),
                st.integers(0, 40),
            ),
            max_size=4,
        )
    )
    def test_the_kernel_agrees(self, instructions: list[Instruction]) -> None:
        """Exactly the programs that pass can be attached, loads of unset memory words aside."""
        returning = (*instructions, Instruction(0x06, 0, 0, 1))
        code = b"".join(struct.pack("=HBBI", *fields) for fields in returning)
        try:
            program = Program(returning)
        except FormatError:
            assert not kernel_takes(code)
        else:
            reads_memory = any(i.code in {0x60, 0x61} for i in instructions)
            assert kernel_takes(program.to_bytes()) or reads_memory

    def test_text_and_bytes(self) -> None:
        """A program survives both of its forms."""
        program = bpf.compile_expression("udp port 5005")
        assert bpf.parse(program.to_text()) == program
        fields = struct.iter_unpack("<HBBI", program.to_bytes("<"))
        assert Program(tuple(Instruction(*f) for f in fields)) == program


class TestSnapLength:
    """Cutting frames is the program's last act."""

    def test_only_accepting_returns(self) -> None:
        """Accepted frames are cut, dropped frames stay dropped, shorter cuts stay."""
        program = bpf.parse("{ 0x15, 1, 2, 0 }, { 6, 0, 0, 10 }, { 6, 0, 0, 500 }, { 6, 0, 0, 0 }")
        cut = bpf.with_snaplen(program, 100)
        assert [i.k for i in cut.instructions] == [0, 10, 100, 0]

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
