"""Classic BPF programs: compiled from an expression, parsed, checked, attached.

One instruction is a ``struct sock_filter`` (linux/filter.h), eight bytes:

     0               2       3       4                               8
    +---------------+-------+-------+-------------------------------+
    | code (u16)    | jt u8 | jf u8 | k (u32)                       |
    +---------------+-------+-------+-------------------------------+

``jt`` and ``jf`` count instructions from the following one, so a jump can only
go forward and every program ends. A program returns how many bytes of the frame
to keep; 0 drops the frame.

Expressions are libpcap's (pcap-filter(7)). Its compiler is reached through
ctypes, or through ``tcpdump -ddd`` where the library cannot be loaded. Programs
made elsewhere come in as the text that ``tcpdump -dd`` or ``-ddd`` prints.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import re
import socket
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import CaptureError, FilterError, FormatError

MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS
MAX_SNAP_LENGTH = 262_144  # libpcap's MAXIMUM_SNAPLEN, what tcpdump -s 0 means
DLT_IEEE802_11_RADIO = 127

_SO_ATTACH_FILTER = 26
_SO_LOCK_FILTER = 44

_JUMP_ALWAYS = 0x05
_JUMPS = frozenset({0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D})  # eq gt ge set, by k or x
_RETURN_K, _RETURN_A = 0x06, 0x16
_DIVIDES_BY_K = frozenset({0x34, 0x94})  # div, mod
_SHIFTS_BY_K = frozenset({0x64, 0x74})  # lsh, rsh
_MEMORY = frozenset({0x60, 0x61, 0x02, 0x03})  # ld, ldx, st, stx of one of 16 words
_LOADS = frozenset({0x00, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x01, 0x81, 0xB1})
_ARITHMETIC = frozenset(
    {0x84} | {0x04 | op | x for op in (*range(0, 0x80, 0x10), 0x90, 0xA0) for x in (0, 8)}
)
_TRANSFERS = frozenset({0x07, 0x87})  # tax, txa
_KNOWN = _LOADS | _MEMORY | _ARITHMETIC | _TRANSFERS | _JUMPS | {_JUMP_ALWAYS, _RETURN_K, _RETURN_A}


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

    def to_bytes(self, order: str = "=") -> bytes:
        """The ``struct sock_filter`` array: native for a socket, else as ``struct`` names it."""
        pack = struct.Struct(order + "HBBI").pack
        return b"".join(pack(*instruction) for instruction in self.instructions)

    def to_text(self) -> str:
        """What ``tcpdump -ddd`` prints: the count, then one instruction a line, all decimal."""
        lines = [str(len(self.instructions))]
        lines += [" ".join(map(str, instruction)) for instruction in self.instructions]
        return "\n".join(lines) + "\n"


def with_snaplen(program: Program, snap_length: int) -> Program:
    """The same program keeping at most ``snap_length`` bytes of each frame it accepts."""
    return Program(
        tuple(
            instruction._replace(k=min(instruction.k, snap_length))
            if instruction.code == _RETURN_K
            else instruction
            for instruction in program.instructions
        )
    )


def accept_all(snap_length: int) -> Program:
    """A program that accepts every frame and keeps ``snap_length`` bytes of it."""
    return Program((Instruction(_RETURN_K, 0, 0, snap_length),))


def attach(sock: socket.socket, program: Program) -> None:
    """Let only frames that ``program`` accepts reach ``sock``, and lock it there.

    Raises:
        FilterError: The kernel refuses the program.
    """
    code = ctypes.create_string_buffer(program.to_bytes())
    # struct sock_fprog holds a pointer: ``code`` must live until the kernel has copied it
    fprog = struct.pack("@HP", len(program.instructions), ctypes.addressof(code))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
    except OSError as error:
        raise FilterError(f"the kernel refuses the filter: {error.strerror}") from error
    sock.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)


def parse(text: str) -> Program:
    """Parse what ``tcpdump -dd`` (C braces) or ``tcpdump -ddd`` (decimal) prints.

    Blank lines and comments (``/* */``, ``//``, ``#``) are skipped.

    Raises:
        FormatError: Names the line that is neither, or the instruction the kernel would refuse.
    """
    instructions: list[Instruction] = []
    announced: int | None = None
    for number, line in _lines(text):
        if line.startswith("{"):
            instructions += _braces(line, number)
        elif announced is None and not instructions and re.fullmatch(r"[0-9]{1,10}", line):
            announced = int(line)
        else:
            instructions.append(_decimal(line, number))
        if len(instructions) > MAX_INSTRUCTIONS:
            raise FormatError(
                f"line {number}: more than {MAX_INSTRUCTIONS} BPF instructions, the kernel's limit"
            )
    if announced is not None and announced != len(instructions):
        raise FormatError(
            f"the first line announces {announced} BPF instructions, {len(instructions)} follow"
        )
    return Program(tuple(instructions))


_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)|(?://|#)[^\n]*")
_NUMBER = r"(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})"
_BRACE = re.compile(r"\{\s*" + r"\s*,\s*".join([_NUMBER] * 4) + r"\s*\}\s*,?\s*")
_DECIMAL = re.compile(r"\s+".join([r"([0-9]{1,10})"] * 4))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that holds more than comments."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(bare.split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def _braces(line: str, number: int) -> Iterator[Instruction]:
    at = 0
    while at < len(line):
        match = _BRACE.match(line, at)
        if match is None:
            raise FormatError(
                f"line {number}: wanted {{ code, jt, jf, k }}, found {line[at : at + 40]!r}"
            )
        yield _instruction(match.groups(), number)
        at = match.end()


def _decimal(line: str, number: int) -> Instruction:
    match = _DECIMAL.fullmatch(line)
    if match is None:
        raise FormatError(
            f"line {number}: wanted 'code jt jf k' as tcpdump -ddd prints it, or braces as -dd "
            f"does, found {line[:40]!r}"
        )
    return _instruction(match.groups(), number)


def _instruction(digits: tuple[str, ...], number: int) -> Instruction:
    code, jt, jf, k = (int(d, 16 if d[:2] in {"0x", "0X"} else 10) for d in digits)
    if code > 0xFFFF or jt > 0xFF or jf > 0xFF or k > 0xFFFFFFFF:
        raise FormatError(f"line {number}: code, jt, jf, k must fit 16, 8, 8, 32 bits")
    return Instruction(code, jt, jf, k)


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
        elif code == _JUMP_ALWAYS and k >= room:
            wrong = f"jump by {k} leaves the program"
        elif code in _JUMPS and max(jt, jf) >= room:
            wrong = f"jump by {max(jt, jf)} leaves the program"
        elif code in _DIVIDES_BY_K and k == 0:
            wrong = "division by zero"
        elif code in _SHIFTS_BY_K and k >= 32:
            wrong = f"shift by {k} of a 32-bit word"
        elif code in _MEMORY and k >= 16:
            wrong = f"memory word {k}, there are 16"
        if wrong:
            raise FormatError(f"BPF instruction {index}: {wrong}")
    if instructions[-1].code not in {_RETURN_K, _RETURN_A}:
        raise FormatError(f"BPF instruction {count - 1}, the last one, is no return")


class _BpfProgram(ctypes.Structure):
    """libpcap's ``struct bpf_program``."""

    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


def compile_expression(
    expression: str, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> Program:
    """Compile a pcap-filter(7) expression.

    Args:
        expression: For example ``type data subtype qos-data and wlan addr2 02:00:00:00:00:01``.
        linktype: DLT of the frames: 127 behind Radiotap headers, 105 bare 802.11.
        snap_length: Bytes that an accepted frame keeps.

    Raises:
        FilterError: With libpcap's own message.
        CaptureError: Neither libpcap nor tcpdump is installed.
    """
    if "\0" in expression:
        raise FilterError(f"filter {expression!r}: it holds a NUL character")
    pcap = load_libpcap()
    if pcap is None:
        return _compile_with_tcpdump(expression, linktype, snap_length)
    return _compile_with_libpcap(pcap, expression, linktype, snap_length)


def load_libpcap() -> ctypes.CDLL | None:
    """libpcap, with the types of what is used of it; None where it cannot be loaded."""
    for name in ("libpcap.so.0.8", "libpcap.so.1", ctypes.util.find_library("pcap")):
        try:
            pcap = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if pcap is not None:
            pcap.pcap_open_dead.restype = ctypes.c_void_p
            pcap.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
            pcap.pcap_compile.argtypes = [
                ctypes.c_void_p,
                ctypes.POINTER(_BpfProgram),
                ctypes.c_char_p,
                ctypes.c_int,
                ctypes.c_uint32,
            ]
            pcap.pcap_geterr.restype = ctypes.c_char_p
            pcap.pcap_geterr.argtypes = [ctypes.c_void_p]
            pcap.pcap_freecode.argtypes = [ctypes.POINTER(_BpfProgram)]
            pcap.pcap_close.argtypes = [ctypes.c_void_p]
            return pcap
    return None


def _compile_with_libpcap(
    pcap: ctypes.CDLL, expression: str, linktype: int, snap_length: int
) -> Program:
    handle = pcap.pcap_open_dead(linktype, snap_length)
    if not handle:
        raise CaptureError("libpcap has no memory for its filter compiler")
    try:
        compiled = _BpfProgram()
        optimize, netmask_unknown = 1, 0xFFFFFFFF
        if pcap.pcap_compile(
            handle, ctypes.byref(compiled), expression.encode(), optimize, netmask_unknown
        ):
            message = pcap.pcap_geterr(handle).decode(errors="replace")
            raise FilterError(f"filter {expression!r}: {message}")
        code = ctypes.string_at(compiled.instructions, compiled.length * 8)
        pcap.pcap_freecode(ctypes.byref(compiled))
    finally:
        pcap.pcap_close(handle)
    return Program(tuple(Instruction(*fields) for fields in struct.iter_unpack("=HBBI", code)))


def _compile_with_tcpdump(expression: str, linktype: int, snap_length: int) -> Program:
    # a capture without frames tells tcpdump the link type
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap_length, linktype)
    with tempfile.NamedTemporaryFile(suffix=".pcap") as empty:
        empty.write(header)
        empty.flush()
        try:
            done = subprocess.run(
                ["tcpdump", "-ddd", "-r", empty.name, "--", expression],
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError:
            raise CaptureError(
                "a filter expression needs libpcap or tcpdump, and neither is installed; install "
                "one (apt install libpcap0.8), or give a compiled program with --bpf-file"
            ) from None
    if done.returncode:
        message = done.stderr.strip().rpartition("\n")[2].removeprefix("tcpdump: ")
        raise FilterError(f"filter {expression!r}: {message}")
    return parse(done.stdout)
