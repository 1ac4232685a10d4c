"""Filters with a name, which stand in an expression like any other condition of it.

    station:02:00:00:00:00:01 and test-traffic:port=5006 and no-retries

Each is an expression in pcap-filter(7)'s language with places for its parameters, so that it
is compiled and checked like what a user writes, and a capture says in that language how it
was filtered.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from ...errors import FilterError
from .expression import leaves, parse

_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")
_RADIOTAP_WORDS = 4  # most present words that bad-fcs reads past


@dataclass(frozen=True, slots=True)
class NamedFilter:
    """A filter with a name.

    Attributes:
        usage: Name and parameters as a user writes them.
        summary: What passes.
        expand: Makes the expression, from what follows the name and a colon.
        example: Parameters to show it with.
    """

    usage: str
    summary: str
    expand: Callable[[str], str]
    example: str = ""

    @property
    def name(self) -> str:
        """What stands before the colon."""
        return re.split(r"[:\[]", self.usage)[0]


def _station(parameters: str) -> str:
    if not _MAC.fullmatch(parameters):
        raise FilterError(
            f"filter station: wanted an address, as in station:02:00:00:00:00:01, "
            f"found {parameters!r}"
        )
    return f"wlan addr1 {parameters} or wlan addr2 {parameters}"


def _test_traffic(parameters: str) -> str:
    values = {"transport": "udp", "port": "5005"}
    for parameter in parameters.split(",") if parameters else []:
        key, equals, value = parameter.partition("=")
        if key not in values or not equals:
            raise FilterError(
                f"filter test-traffic: wanted port=N or transport=udp|tcp, found {parameter!r}"
            )
        values[key] = value
    port, transport = values["port"], values["transport"]
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise FilterError(f"filter test-traffic: wanted a port from 1 to 65535, found {port!r}")
    if transport not in {"udp", "tcp"}:
        raise FilterError(f"filter test-traffic: wanted udp or tcp, found {transport!r}")
    return f"{transport} port {port}"


def _no_retries(parameters: str) -> str:
    _refuse("no-retries", parameters)
    return "wlan[1] & 0x08 = 0"


def _bad_fcs(parameters: str) -> str:
    """The bit in Radiotap's Flags, which stand first, or behind an aligned TSFT of eight bytes."""
    _refuse("bad-fcs", parameters)
    layouts = []
    for words in range(1, _RADIOTAP_WORDS + 1):
        first = 4 + 4 * words
        behind_tsft = (first + 7) // 8 * 8 + 8
        more = [f"radio[{4 * word + 3}] & 0x80 != 0" for word in range(1, words)]
        layouts.append(
            " and ".join([*more, f"radio[{4 * words + 3}] & 0x80 = 0"])
            + f" and ((radio[4] & 1 = 0 and radio[{first}] & 0x40 != 0)"
            + f" or (radio[4] & 1 != 0 and radio[{behind_tsft}] & 0x40 != 0))"
        )
    return "radio[4] & 2 != 0 and (" + " or ".join(f"({layout})" for layout in layouts) + ")"


def _refuse(name: str, parameters: str) -> None:
    if parameters:
        raise FilterError(f"filter {name}: it takes no parameters, found {parameters!r}")


NAMED = {
    named.name: named
    for named in (
        NamedFilter("no-retries", "Frames that are not marked as sent again.", _no_retries),
        NamedFilter(
            "test-traffic[:port=N,transport=udp|tcp]",
            "Test packets: UDP from or to port 5005, if nothing else is said.",
            _test_traffic,
        ),
        NamedFilter(
            "station:MAC",
            "Frames that a station sends or is to receive, its ACKs included.",
            _station,
            "02:00:00:00:00:01",
        ),
        NamedFilter(
            "bad-fcs",
            "Frames that the driver says are broken. Looks at the Radiotap header alone, where no "
            "bit error is, past up to four present words.",
            _bad_fcs,
        ),
    )
}
"""All of them, by name."""


def expand(expression: str) -> str:
    """Put the expressions of named filters in their places.

    Raises:
        FilterError: A named filter's parameters are wrong.
    """
    pattern = re.compile(rf"({'|'.join(map(re.escape, NAMED))})(?::(\S*))?")
    try:
        parts = leaves(parse(expression))
    except FilterError:  # with no structure, no named filter: libpcap says what is wrong
        return expression
    for part in reversed(parts):
        match = pattern.fullmatch(expression, part.start, part.stop)
        if match is None:
            continue
        whole = NAMED[match[1]].expand(match[2] or "")
        if len(parts) > 1 or part.text != expression.strip():
            whole = f"({whole})"
        expression = expression[: part.start] + whole + expression[part.stop :]
    return expression
