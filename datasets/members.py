"""The members of JSON objects that others wrote, taken with their types checked.

Times are UTC (RFC 3339) with up to nine decimals, nanoseconds since 1970 in here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from ..errors import FormatError


def to_rfc3339(time: int) -> str:
    """Nanoseconds since 1970 as ``2026-01-31T12:00:00.123456789Z``."""
    seconds, nanoseconds = divmod(time, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def from_rfc3339(text: str) -> int:
    """Nanoseconds since 1970 of a UTC time with up to nine decimals.

    Raises:
        ValueError: It is not such a time.
    """
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", text, re.ASCII)
    if match is None:
        raise ValueError(text)
    seconds = int(datetime.fromisoformat(f"{match[1]}+00:00").timestamp())
    return seconds * 1_000_000_000 + int((match[2] or "0").ljust(9, "0"))


_REQUIRED = object()


class Members:
    """One JSON object.

    Args:
        value: What stood there.
        where: What it is, for messages.
        path: The file it stood in, for messages.

    Raises:
        FormatError: It is no object; so do the methods where a member is missing or of a wrong
            type.
    """

    def __init__(self, value: object, where: str, path: str | None) -> None:
        self._where = where
        self._path = path
        if not isinstance(value, dict):
            raise self._error(f"wanted an object, found {kind_of(value)}")
        self.value: dict[str, Any] = value

    def _error(self, what: str) -> FormatError:
        return FormatError(f"{self._where}: {what}", path=self._path)

    def take(self, name: str, kind: type, default: Any = _REQUIRED) -> Any:
        """A member of a type; ``default``, if one is given, where it is missing or null."""
        value = self.value.get(name)
        if value is None and default is not _REQUIRED:
            return default
        if type(value) is not kind:
            raise self._error(f"member {name!r}: wanted {kind.__name__}, found {kind_of(value)}")
        return value

    def time(self, name: str) -> int:
        """A member that is a time."""
        text = self.take(name, str)
        try:
            return from_rfc3339(text)
        except ValueError as error:
            raise self._error(
                f"member {name!r}: wanted a UTC time like 2026-01-31T12:00:00.000000000Z, "
                f"found {text[:40]!r}"
            ) from error

    def strings(self, name: str) -> tuple[str, ...] | None:
        """A member that is a list of strings; None where it is missing or null."""
        values = self.take(name, list, None)
        if values is not None and not all(isinstance(value, str) for value in values):
            raise self._error(f"member {name!r}: wanted a list of strings")
        return None if values is None else tuple(values)

    def sub(self, name: str) -> Members | None:
        """A member that is an object; None where it is missing or null."""
        value = self.value.get(name)
        return None if value is None else Members(value, f"{self._where}: {name}", self._path)

    def subs(self, name: str) -> list[Members]:
        """A member that is a list of objects; empty where it is missing or null."""
        where = f"{self._where}: {name}"
        return [Members(value, where, self._path) for value in self.take(name, list, [])]


def kind_of(value: object) -> str:
    """The type of a value, for messages."""
    return "nothing" if value is None else type(value).__name__
