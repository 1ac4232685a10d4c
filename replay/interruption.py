"""How a replay is ended from outside, at any moment, without losing what it has.

A signal handler asks. Between batches that is looked at; while an algorithm is busy, which may
take hours, its call is broken off. What the call would have answered is lost, nothing else is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import FAILURES


class Interrupted(BaseException):
    """The call of an algorithm is broken off; no ``Exception``, so that algorithms let it pass."""


class Interruption:
    """A request to end.

    Attributes:
        reason: Why to end, for example ``SIGINT``; None until somebody asks.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._breaks = False

    def ask(self, reason: str) -> None:
        """Ask to end; to be called from a signal handler. Who asks twice does not want to wait.

        Raises:
            Interrupted: Into a call that may be broken off.
            KeyboardInterrupt: At the second time.
        """
        if self.reason is not None:
            raise KeyboardInterrupt
        self.reason = reason
        if self._breaks:
            self._breaks = False
            raise Interrupted

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        """A call that may be broken off.

        Raises:
            Interrupted: It was, or there was no need to begin it. Whatever else the call raises
                once somebody has asked is a consequence of that.

        One may be in another.
        """
        before, self._breaks = self._breaks, True
        if self.reason is not None:
            raise Interrupted
        try:
            yield
        except FAILURES:
            if self.reason is not None:
                raise Interrupted from None
            raise
        finally:
            self._breaks = before
