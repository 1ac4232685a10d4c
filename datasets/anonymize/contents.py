"""What frames carry, and what stands in its place: nothing that a rule says is replaced.

A payload that describes itself, or that the run's rule makes (``zeros``, ``msgN``, hex digits),
holds nothing that is not public, and its bits matter: errors may depend on them. It is kept, unless
that is not wanted. All other content becomes as many pseudo-random bytes; equal content becomes
equal bytes, so copies of a packet stay copies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ...errors import FormatError
from ..payload import MESSAGE, Pattern, describes, message, pattern
from .key import Key, Stream

Rule = Callable[[bytes], bool]
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567"
_MESSAGE = re.compile(rb"msg([0-9]{1,20})")


def rule_of(text: str) -> Rule | None:
    """Whether a payload is one that a rule makes; None for no rule, or one that is not known."""
    if text.lower() == MESSAGE.lower():
        return _is_message
    try:
        repeated = pattern(text)
    except FormatError:
        return None
    return lambda payload: _repeats(repeated, payload)


def _repeats(repeated: Pattern, payload: bytes) -> bool:
    return payload == repeated.fill(len(payload))


def _is_message(payload: bytes) -> bool:
    found = _MESSAGE.match(payload)
    return found is not None and message(int(found[1]), len(payload)) == payload


class Contents:
    """Other content for content.

    Args:
        key: The key.
        rules: What makes payloads that are kept; None: no payload is kept.

    Attributes:
        kept: Payloads that were kept.
        replaced: Payloads that were replaced.
    """

    def __init__(self, key: Key, rules: Iterable[Rule] | None = ()) -> None:
        self.kept = self.replaced = 0
        self._rules = None if rules is None else list(rules)
        self._payloads = Stream(key, "payload")
        self._others = Stream(key, "content")
        self._names = Stream(key, "ssid")

    def payload(self, content: bytes) -> bytes:
        """Of a UDP datagram."""
        if not content:
            return content
        if self._is_public(content):
            self.kept += 1
            return content
        self.replaced += 1
        return self._payloads.replace(content)

    def other(self, content: bytes) -> bytes:
        """Anything else; what is all zeros is padding, and stays."""
        return self._others.replace(content) if content.strip(b"\0") else content

    def ssid(self, name: bytes) -> bytes:
        """The name of a network, in letters; a hidden one stays hidden."""
        if not name.strip(b"\0"):
            return name
        return bytes(_LETTERS[byte & 31] for byte in self._names.replace(name))

    def _is_public(self, content: bytes) -> bool:
        if self._rules is None:
            return False
        return describes(content) is not None or any(rule(content) for rule in self._rules)
