"""The errors that wtrec raises on purpose.

Each message is one line that stands alone on stderr: where (file, offset or
record), what was wanted, what was found, and what to do next. The command line
prints it and leaves with ``exit_code``:

    0  done
    1  failed
    2  wrong usage (click's own errors, and an algorithm that is none)
    3  done, but with loss (drops, truncated input)
"""

from __future__ import annotations

import errno

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_LOSS = 3
NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""What an ``OSError`` says of a disk that is full, for everybody or for this user."""
FAILURES = (Exception, SystemExit)
"""What somebody else's code raises when it fails: ``sys.exit`` there does not end us."""


def in_words(error: BaseException) -> str:
    """What somebody else's code raised, as one line: ``SystemExit: 7``."""
    return ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))


class WtrecError(Exception):
    """Base of every error that wtrec raises on purpose."""

    exit_code = EXIT_FAILED


class FormatError(WtrecError):
    """Bytes that are not what their format says.

    Args:
        what: What is wrong, with the wanted and the found value in it.
        path: The file, where one is known.
        offset: Byte offset of the record in the (decompressed) file or buffer.
        hint: What the user can do next.
    """

    def __init__(
        self, what: str, *, path: str | None = None, offset: int | None = None, hint: str = ""
    ) -> None:
        self.what = what
        self.path = path
        self.offset = offset
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        where = [self.path] if self.path else []
        if self.offset is not None:
            where.append(f"offset {self.offset}")
        text = f"{', '.join(where)}: {self.what}" if where else self.what
        return f"{text}; {self.hint}" if self.hint else text


class CaptureError(WtrecError):
    """The interface, its rights or its filter do not allow this capture."""


class FilterError(CaptureError):
    """A capture filter that cannot be compiled or parsed."""


class AlgorithmError(WtrecError):
    """A recovery algorithm that is unknown, misconfigured, or broke its contract."""


class ChoiceError(AlgorithmError):
    """What a user chose is no algorithm, or nothing that it takes."""

    exit_code = EXIT_USAGE


class MatchError(WtrecError):
    """Received frames cannot be matched: truth is missing, or is another run's."""


class DatasetError(WtrecError):
    """A dataset that cannot be made, published or fetched as asked."""


class LossWarning(UserWarning):
    """The result is whole up to here, but something was lost: a truncated tail, drops."""
