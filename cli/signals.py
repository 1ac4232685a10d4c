"""Signals that end a command's work, but not the program: its summary is still to come."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
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
    hangup = stop.ask_for_new_file if hangup_rotates else None
    with asked_by_signals(stop.ask, hangup=hangup):
        yield


@contextlib.contextmanager
def asked_by_signals(
    ask: Callable[[str], object], *, hangup: Callable[[], object] | None = None
) -> Iterator[None]:
    """Call ``ask`` with the name of SIGINT, SIGTERM and, of a closed terminal, SIGHUP.

    Args:
        ask: It may raise, into whatever is running.
        hangup: Is called at SIGHUP instead.
    """

    def handle(signal_number: int, _frame: FrameType | None) -> None:
        if hangup is not None and signal_number == signal.SIGHUP:
            hangup()
        else:
            ask(signal.Signals(signal_number).name)

    signals = [signal.SIGINT, signal.SIGTERM]
    if hangup or signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # not under nohup
        signals.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
