"""Signals that end a command's work, but not the program: its summary is still to come."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..recorder.stop import Stop


@contextlib.contextmanager
def stopped_by_signals(stop: Stop, *, hangup_rotates: bool = False) -> Iterator[None]:
    """Let SIGINT, SIGTERM and a closed terminal ask to stop.

    Args:
        stop: Who is asked.
        hangup_rotates: SIGHUP asks for a new file instead, as of a daemon.
    """

    def ask(signal_number: int, _frame: FrameType | None) -> None:
        if hangup_rotates and signal_number == signal.SIGHUP:
            stop.ask_for_new_file()
        else:
            stop.ask(signal.Signals(signal_number).name)

    signals = [signal.SIGINT, signal.SIGTERM]
    if hangup_rotates or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # not under nohup
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, ask) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
