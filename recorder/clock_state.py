"""How far the machine's clocks can be trusted: their offset, and what NTP says of them.

Times of sent packets are read from CLOCK_MONOTONIC, which never jumps, and are turned into
UTC by its offset to CLOCK_REALTIME at the start. The offset at the end says how far the real
time was moved under way.

Source: clock_gettime(2), adjtimex(2); ``struct timex`` of Linux on 64-bit machines.
"""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass

_TRIES = 9
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """The head of ``struct timex``; what follows is room for the kernel."""

    _fields_ = (
        ("modes", ctypes.c_uint),  # 0: read only
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True, slots=True)
class NtpState:
    """What the kernel knows of the quality of its real time.

    Attributes:
        synchronized: Whether somebody (NTP, PTP) disciplines it.
        max_error_us: Bound of its error.
        estimated_error_us: Estimate of its error.
    """

    synchronized: bool
    max_error_us: int
    estimated_error_us: int

    def __str__(self) -> str:
        kind = "synchronized" if self.synchronized else "unsynchronized"
        return f"{kind} maxerror_us={self.max_error_us} esterror_us={self.estimated_error_us}"


def realtime_offset() -> int:
    """CLOCK_REALTIME - CLOCK_MONOTONIC in ns: of several readings the one that took least."""
    found = []
    for _ in range(_TRIES):
        before = time.monotonic_ns()
        real = time.time_ns()
        took = time.monotonic_ns() - before
        found.append((took, real - before - took // 2))
    return min(found)[1]


def ntp_state() -> NtpState | None:
    """The kernel's state; None where it cannot be asked."""
    timex = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    except AttributeError:  # not in this C library
        return None
    if state < 0:
        return None
    unsynchronized = state == _TIME_ERROR or bool(timex.status & _STA_UNSYNC)
    return NtpState(not unsynchronized, int(timex.maxerror), int(timex.esterror))
