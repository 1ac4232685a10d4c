"""The clock: frames carry its time, and runs of several machines are compared by it.

Source: adjtimex(2), linux/timex.h.
"""

from __future__ import annotations

import ctypes

from .findings import Finding, Status

_TIME_ERROR = 5
_UNSYNCHRONISED = 0x0040
_FIX = "systemctl enable --now systemd-timesyncd, or chrony"


class Timex(ctypes.Structure):
    """The beginning of ``struct timex``, with room for the rest."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maximum_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def clock() -> list[Finding]:
    """Whether something keeps the clock right, by what the kernel was told."""
    timex = Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0:
        return [Finding("clock", Status.UNKNOWN, "the kernel does not say how right the clock is")]
    return [judge(state, timex.status, timex.maximum_error)]


def judge(state: int, status: int, maximum_error: int) -> Finding:
    """What the kernel's answer means; the error is in microseconds."""
    if state == _TIME_ERROR or status & _UNSYNCHRONISED:
        return Finding(
            "clock",
            Status.WARNING,
            "the clock is not synchronised: times of several recorders cannot be compared",
            _FIX,
        )
    return Finding("clock", Status.OK, f"synchronised to within {maximum_error / 1000:,.0f} ms")
