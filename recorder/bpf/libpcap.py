"""Expressions become programs: libpcap's compiler, reached without a binding of it.

By ctypes, or by ``tcpdump -ddd`` where the library cannot be loaded. What an expression may say
is in pcap-filter(7). What the compiler makes of it is not always right:
:mod:`wtrec.recorder.bpf.check` looks at that.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import struct
import subprocess
import tempfile
from collections.abc import Iterable

from ...errors import CaptureError, FilterError, FormatError
from .program import MAX_SNAP_LENGTH, Instruction, Program

DLT_EN10MB = 1
DLT_IEEE802_11 = 105
DLT_IEEE802_11_RADIO = 127


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


@functools.cache
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
    return _checked(expression, struct.iter_unpack("=HBBI", code))


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
    # the first line has their number
    return _checked(expression, (map(int, line.split()) for line in done.stdout.split("\n")[1:-1]))


def _checked(expression: str, instructions: Iterable[Iterable[int]]) -> Program:
    try:
        return Program(tuple(Instruction(*fields) for fields in instructions))
    except FormatError as error:
        raise FilterError(
            f"filter {expression!r}: libpcap compiles it into what the kernel refuses: {error.what}"
        ) from None
