"""Texts without addresses, names and paths: what people wrote, and what programs say of themselves.

Prose cannot be made anonymous by a program. What is found in it is replaced: MAC and IP addresses
by what they are in the frames, names of networks, machines and interfaces, and the folders of
paths. The rest is for people to read before they publish it.

Addresses are found in each usual spelling, whatever stands next to them but digits of their own
kind. Where there are more digits than an address has, a known one comes first; else all of them go.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from .frames import Frames

_HEX = "[0-9A-Fa-f]"
_PAIRS = re.compile(rf"(?<!{_HEX}){_HEX}{{2}}([:._ -]){_HEX}{{2}}(?:\1{_HEX}{{2}}){{4,}}(?!{_HEX})")
_ALONE = ":-"  # between pairs: they are an address, even if it is not known and all are decimal
_DOTTED = re.compile(rf"(?<!{_HEX}){_HEX}{{4}}\.{_HEX}{{4}}\.{_HEX}{{4}}(?!{_HEX})")
_BARE = re.compile(rf"(?<!{_HEX}){_HEX}{{12}}(?!{_HEX})")
_INTERFACE = re.compile(r"(?:wlx|enx|mon)$")  # udev names interfaces by their address
_IPV4 = re.compile(r"(?<![0-9])[0-9]{1,3}(?:\.[0-9]{1,3}){3,}(?![0-9])")
_IPV6 = re.compile(rf"{_HEX}*:{_HEX}*:[0-9A-Fa-f:]*(?:(?:\.[0-9]{{1,3}}){{3}})?")
_LONGEST_IPV6 = 64  # characters: what is longer is another thing
_USER = re.compile(r"(?<=://)[^/\s@\"']+@")
_HOME = re.compile(r"(?:/home|/Users|\\Users)[/\\]+[^/\\\s\"']+(?:[/\\]+[^/\\\s\"']+)*[/\\]*")
_NO_FILE = "~"  # what is left of a folder of somebody
_PATH = re.compile(
    r"(?<![\w/])(?:~[A-Za-z_][\w.-]*(?:/[^/\s\"']+)+|(?:~|\.{1,2})?(?:/[^/\s\"']+){2,})/?|(?<![\w/])~[A-Za-z_][\w-]*"
)
_SHORTEST = 3  # letters of a name that is looked for
_POSITION = re.compile(
    r"lat|lon|gps|geo|position|place|location|where|room|street|address|city|building|altitude|height",
    re.IGNORECASE,
)

Find = Callable[[str], Iterator[tuple[int, int, str]]]
"""Finds what is to be replaced: from where to where, and what stands there then."""


class Texts:
    """Replaces in texts what stands for a device, a network or a machine.

    Args:
        frames: What replaces it in frames.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._machines: dict[str, str] = {}
        self._networks: dict[str, str] = {}
        self._finders: list[Find] = []
        self._addresses: list[Find] = [
            lambda part: self._pairs(part, is_known=True),
            self._ipv6,
            lambda part: self._pairs(part, is_known=False),
            self._digits,
            self._ipv4,
        ]
        self._macs: set[bytes] = set()

    def add(self, names: Mapping[str, str]) -> None:
        """Names of machines that are to be replaced, and what by."""
        self._machines.update(_long(names))
        self._finders = []

    def add_networks(self, names: Iterable[bytes]) -> None:
        """Names of networks, which become what they are in frames."""
        ssid = self._frames.contents.ssid
        self._networks.update(
            _long({name.decode(errors="replace"): ssid(name).decode() for name in names})
        )
        self._finders = []

    def add_macs(self, addresses: Iterable[bytes]) -> None:
        """MAC addresses that there are, to tell them from other digits."""
        self._macs.update(addresses)

    def replace(self, text: str) -> str:
        """A text, with other names and addresses."""
        text = _USER.sub("", text)
        text = _PATH.sub(_file_name, _HOME.sub(_file_name, text))
        if not self._finders:
            machines, networks = _names(self._machines), _names(self._networks)
            self._finders = [machines, *self._addresses, networks]
        return _replaced(text, self._finders)

    def replace_addresses(self, text: str) -> str:
        """A text that is no prose, with other addresses."""
        return _replaced(text, self._addresses)

    def replace_in(self, value: Any) -> Any:
        """JSON with other texts in it; names of members stay."""
        if isinstance(value, dict):
            return {name: self.replace_in(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return [self.replace_in(each) for each in value]
        return self.replace(value) if isinstance(value, str) else value

    def of_meta(self, meta: Mapping[str, str]) -> dict[str, str]:
        """Somebody's keys and values, without those that say where it was."""
        return {
            self.replace(key): self.replace(value)
            for key, value in meta.items()
            if not _POSITION.search(key)
        }

    def _mac(self, digits: str, separator: str, every: int) -> str:
        """An address in the spelling that it had."""
        new = self._frames.macs.replace(bytes.fromhex(digits)).hex()
        new = separator.join(new[at : at + every] for at in range(0, len(new), every))
        return new if digits == digits.lower() else new.upper()

    def _pairs(self, text: str, *, is_known: bool) -> Iterator[tuple[int, int, str]]:
        """Pairs of digits: the known addresses among them, or all in sixes."""
        for found in _PAIRS.finditer(text):
            mark = found[1]
            pairs = found[0].split(mark)
            at = 0
            while at + 6 <= len(pairs):
                digits = "".join(pairs[at : at + 6])
                knows = bytes.fromhex(digits) in self._macs
                is_one = knows if is_known else mark in _ALONE or not digits.isdecimal()
                if not is_one:
                    at += 1
                    continue
                begin = found.start() + 3 * at
                at += 6
                # what is left behind one that is not known may be the end of the real one
                end = found.end() if not is_known and len(pairs) - at < 6 else begin + 17
                yield begin, end, self._mac(digits, mark, 2)

    def _digits(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Twelve digits in one, or in threes of four with dots."""
        spans = [(found, ".", 4) for found in _DOTTED.finditer(text)]
        for found in _BARE.finditer(text):
            is_named = _INTERFACE.search(text, 0, found.start())
            knows = bytes.fromhex(found[0]) in self._macs
            if knows or is_named or not found[0].isdecimal():
                spans.append((found, "", 12))
        for found, mark, every in sorted(spans, key=lambda span: span[0].start()):
            digits = found[0].replace(".", "")
            yield found.start(), found.end(), self._mac(digits, mark, every)

    def _ipv4(self, text: str) -> Iterator[tuple[int, int, str]]:
        for found in _IPV4.finditer(text):
            numbers = found[0].split(".")
            at, end = 0, 0
            while at < len(numbers):  # of more than four, nobody knows which four they are
                part = [int(number) for number in numbers[at : at + 4]]
                if max(part) > 255 or (len(part) < 4 and not end):
                    at += 1
                    continue
                new = self._frames.ips.replace(bytes(part).ljust(4, b"\0"))
                numbers[at : at + 4] = [str(number) for number in new[: len(part)]]
                at = end = at + 4
            yield found.start(), found.end(), ".".join(numbers)

    def _ipv6(self, text: str) -> Iterator[tuple[int, int, str]]:
        for found in _IPV6.finditer(text):
            begin, end = found.span()
            if end - begin > _LONGEST_IPV6:
                continue
            if begin and text[begin - 1].isalnum():  # the first digits are the end of a word
                begin = text.index(":", begin) + 1
            if end < len(text) and text[end].isalnum():
                end = text.rindex(":", begin, end)
            for first, last in _parts(text, begin, end):
                try:
                    address = IPv6Address(text[first:last])
                except AddressValueError:
                    continue
                yield first, last, str(IPv6Address(self._frames.ips.replace(address.packed)))
                break


def _long(names: Mapping[str, str]) -> dict[str, str]:
    return {name: new for name, new in names.items() if len(name) >= _SHORTEST}


def _replaced(text: str, finders: Iterable[Find]) -> str:
    """A text after all of these, each of which sees what none before it has replaced."""
    pieces: list[tuple[str, bool]] = [(text, False)]  # and whether each was replaced
    for find in finders:
        pieces = [
            new
            for part, is_new in pieces
            for new in ([(part, True)] if is_new else _cut(part, find))
        ]
    return "".join(piece for piece, _ in pieces)


def _cut(text: str, find: Find) -> Iterator[tuple[str, bool]]:
    """A text in pieces: what is to be replaced, and what is between."""
    at = 0
    for begin, end, new in find(text):
        yield text[at:begin], False
        yield new, True
        at = end
    yield text[at:], False


def _names(names: Mapping[str, str]) -> Find:
    """Finds these as words; the longest first."""
    if not names:
        return lambda _: iter(())
    longest = sorted(names, key=len, reverse=True)
    words = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, longest))})(?![^\W_])")
    return lambda text: (
        (found.start(), found.end(), names[found[0]]) for found in words.finditer(text)
    )


def _file_name(found: re.Match[str]) -> str:
    """The last part of a path; nothing of one that is somebody's folder."""
    parts = [part for part in re.split(r"[/\\]+", found[0]) if part]
    is_home = parts[0] in {"home", "Users"}
    return _NO_FILE if len(parts) < 2 + is_home else parts[-1]


def _parts(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """All of it, or without groups of digits at its ends: the longest first."""
    marks = [at for at in range(begin, end) if text[at] == ":"]
    borders = [begin, *marks, *(at + 1 for at in marks), end]
    spans = {(first, last) for first in borders for last in borders if first < last}
    yield from sorted(spans, key=lambda span: (span[0] - span[1], span))
