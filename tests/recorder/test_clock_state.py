"""What is said of the machine's clocks."""

from __future__ import annotations

import subprocess
import time

from wtrec.recorder.clock_state import NtpState, ntp_state, realtime_offset


def test_offset() -> None:
    """Monotonic clock plus offset is the real time, to a fraction of a millisecond."""
    offset = realtime_offset()
    before = time.time_ns()
    now = time.monotonic_ns() + offset
    after = time.time_ns()
    assert before - 100_000_000 < now < after + 100_000_000
    assert abs(realtime_offset() - offset) < 100_000_000


def test_ntp() -> None:
    """The kernel's numbers are there, and a synchronized clock has a bound below that of others."""
    state = ntp_state()
    assert state is not None
    assert state.max_error_us > 0
    assert state.estimated_error_us >= 0
    assert state.max_error_us <= 16_000_000  # NTP_PHASE_LIMIT


def test_text() -> None:
    """It is written as words and numbers."""
    assert str(NtpState(False, 16, 5)) == "unsynchronized maxerror_us=16 esterror_us=5"


def test_a_python_of_its_own_agrees() -> None:
    """Another reader of adjtimex(2) in another process sees the same state."""
    code = (
        "import ctypes\nb = ctypes.create_string_buffer(512)\n"
        "r = ctypes.CDLL(None).adjtimex(b)\nimport struct\n"
        "print(r, *struct.unpack_from('@Illlli', b))"
    )
    done = subprocess.run(["python3", "-c", code], capture_output=True, text=True, check=True)
    result, _modes, _offset, _freq, most, _estimated, status = map(int, done.stdout.split())
    state = ntp_state()
    assert state is not None
    assert state.synchronized == (result != 5 and not status & 0x40)
    assert abs(state.max_error_us - most) < 1_000_000
