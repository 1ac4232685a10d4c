"""The boolean structure of a pcap-filter(7) expression: its parts, and how they are combined.

    wlan[1] & 8 = 0 and (udp port 5005 or 5006)

    And( Leaf("wlan[1] & 8 = 0"), Or( Leaf("udp port 5005"), Leaf("udp port 5006") ) )

Only ``and``, ``or``, ``not`` and the parentheses around them are understood here; what a part says
is left to libpcap. As there, ``not`` binds closest, ``and`` and ``or`` bind alike, from the left,
and a value alone takes the words before the value of the part before it.

Some words (``vlan``, ``mpls``, ...) shift what the parts after them look at: an expression with one
of them is more than its parts, and is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import FilterError


@dataclass(frozen=True, slots=True)
class Leaf:
    """A part without ``and``, ``or``, ``not``, as libpcap takes it; and where it stood."""

    text: str
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """Both."""

    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Or:
    """One of them, or both."""

    left: Node
    right: Node


Node = Leaf | Not | And | Or

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<and>&&|and\b(?![-.:]))
      | (?P<or>\|\||or\b(?![-.:]))
      | (?P<not>!(?!=)|not\b(?![-.:]))
      | (?P<open>\()
      | (?P<close>\))
      | (?P<index>\[[^\]]*\])
      | (?P<operator><<|>>|[<>!=]=|[-+*/%&|^<>=])
      | (?P<word>[^\s()\[\]<>!=+*/%&|^]+(?:/[0-9][0-9.]*)?)
    )""",
    re.VERBOSE,
)

_SHIFTING = frozenset({"vlan", "mpls", "pppoed", "pppoes", "geneve", "vxlan"})
# Words that are a part by themselves; another word alone is a value: a port, a host.
_ALONE = re.compile(
    "ip6?|arp|rarp|atalk|aarp|decnet|iso|stp|ipx|netbeui|lat|moprc|mopdl|tcp|udp|sctp|icmp6?|igmp|"
    "igrp|pim|vrrp|carp|ah|esp|clnp|es-?is|is-?is|l1|l2|iih|lsp|snp|csnp|psnp|broadcast|multicast|"
    "inbound|outbound|llc"
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    stop: int


def parse(expression: str) -> Node | None:
    """Take an expression apart; None if it is empty, which accepts all.

    Raises:
        FilterError: It is more than its parts, or its structure is not understood.
    """
    tokens = _tokens(expression)
    if not tokens:
        return None
    parser = _Parser(expression, tokens)
    node = parser.expression()
    if parser.at < len(tokens):
        raise FilterError(f"filter {expression!r}: {tokens[parser.at].text!r} is not understood")
    shifting = _SHIFTING & {token.text for token in tokens}
    if shifting and not isinstance(node, Leaf):
        raise FilterError(
            f"filter {expression!r}: {min(shifting)!r} shifts what the rest looks at, so it is "
            "more than its parts"
        )
    return node


def leaves(node: Node | None) -> list[Leaf]:
    """The parts, from left to right."""
    match node:
        case None:
            return []
        case Leaf():
            return [node]
        case Not(part):
            return leaves(part)
        case And(left, right) | Or(left, right):
            return leaves(left) + leaves(right)


def _tokens(expression: str) -> list[_Token]:
    tokens = []
    at = 0
    end = len(expression.rstrip())
    while at < end:
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise FilterError(
                f"filter {expression!r}: {expression[at : at + 20]!r} is not understood"
            )
        kind = match.lastgroup
        tokens.append(_Token(kind, match[kind], match.start(kind), match.end(kind)))
        at = match.end()
    return tokens


class _Parser:
    def __init__(self, expression: str, tokens: list[_Token]) -> None:
        self.text = expression
        self.tokens = tokens
        self.at = 0
        self._depth = 0
        self._qualifiers = ""  # of the last part that had a value

    def _kind(self) -> str:
        return self.tokens[self.at].kind if self.at < len(self.tokens) else "end"

    def expression(self) -> Node:
        node = self._term()
        while (kind := self._kind()) in {"and", "or"}:
            self.at += 1
            right = self._term()
            node = And(node, right) if kind == "and" else Or(node, right)
        return node

    def _term(self) -> Node:
        negations = 0
        while self._kind() == "not":
            self.at += 1
            negations += 1
        node: Node
        if self._kind() == "open" and not self._is_arithmetic():
            self.at += 1
            self._depth += 1
            if self._depth > 100:
                raise FilterError(f"filter {self.text[:40]!r}...: more than 100 parentheses deep")
            node = self.expression()
            self._depth -= 1
            if self._kind() != "close":
                raise FilterError(f"filter {self.text!r}: a parenthesis is not closed")
            self.at += 1
        else:
            node = self._leaf()
        return Not(node) if negations % 2 else node

    def _is_arithmetic(self) -> bool:
        """Whether what follows the closing parenthesis makes this one part of a relation."""
        depth = 0
        for at in range(self.at, len(self.tokens)):
            kind = self.tokens[at].kind
            depth += (kind == "open") - (kind == "close")
            if depth == 0:
                return at + 1 < len(self.tokens) and self.tokens[at + 1].kind == "operator"
        return False

    def _leaf(self) -> Leaf:
        first = self.at
        depth = 0
        while (kind := self._kind()) != "end":
            if depth == 0 and kind in {"and", "or", "close"} and not self._joins_directions(first):
                break
            depth += (kind == "open") - (kind == "close")
            self.at += 1
        tokens = self.tokens[first : self.at]
        if not tokens:
            found = self.tokens[self.at].text if self.at < len(self.tokens) else "the end"
            raise FilterError(f"filter {self.text!r}: wanted a condition, found {found!r}")
        start, stop = tokens[0].start, tokens[-1].stop
        text = self.text[start:stop]
        if len(tokens) == 1 and tokens[0].kind == "word":
            if self._qualifiers and not _ALONE.fullmatch(text):
                text = f"{self._qualifiers} {text}"
        elif all(token.kind in {"word", "and", "or"} for token in tokens):
            self._qualifiers = self.text[start : tokens[-1].start].rstrip()
        elif tokens[-1].kind == "close":  # port (80 or 443)
            opening = next(i for i, token in enumerate(tokens) if token.kind == "open")
            if opening and all(token.kind in {"word", "and", "or"} for token in tokens[:opening]):
                self._qualifiers = self.text[start : tokens[opening].start].rstrip()
        return Leaf(text, start, stop)

    def _joins_directions(self, first: int) -> bool:
        """Whether this is the middle of ``src or dst``, which is one qualifier."""
        if self.at == first or self.at + 1 >= len(self.tokens):
            return False
        around = {self.tokens[self.at - 1].text, self.tokens[self.at + 1].text}
        return around == {"src", "dst"} and self._kind() != "close"
