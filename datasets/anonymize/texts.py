"""Texts without addresses, names and paths: what people wrote, and what programs say of themselves.

Prose cannot be made anonymous by a program. What is found in it is replaced: MAC and IP addresses
by what they are in the frames, names of networks, machines and interfaces, and the folders of
paths. The rest is for people to read before they publish it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from .frames import Frames

_MAC = re.compile(
    r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])"
)
_IP = re.compile(
    r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*)(?![\w:])"
)
_PATH = re.compile(r"(?<![\w/])(?:~|\.{1,2})?(?:/[^/\s\"']+)+/([^/\s\"']+)")
_SHORTEST = 3  # letters of a name that is looked for
_POSITION = re.compile(
    r"lat|lon|gps|geo|position|place|location|where|room|street|address|city|building|altitude|height",
    re.IGNORECASE,
)


class Texts:
    """Replaces in texts what stands for a device, a network or a machine.

    Args:
        frames: What replaced it in frames, which were all seen.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._names: dict[str, str] = {}

    def add(self, names: Mapping[str, str]) -> None:
        """Names that are to be replaced, and what by."""
        self._names.update({name: new for name, new in names.items() if len(name) >= _SHORTEST})

    def replace(self, text: str) -> str:
        """A text, with other names and addresses."""
        text = _PATH.sub(r"\1", text)
        text = _MAC.sub(self._mac, text)
        text = _IP.sub(self._ip, text)
        ssids = self._frames.contents.ssids.items()
        names = {old.decode(errors="replace"): new.decode() for old, new in ssids}
        names = {old: new for old, new in names.items() if len(old) >= _SHORTEST} | self._names
        for old in sorted(names, key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", names[old], text)
        return text

    def of_meta(self, meta: Mapping[str, str]) -> dict[str, str]:
        """Somebody's keys and values, without those that say where it was."""
        return {
            self.replace(key): self.replace(value)
            for key, value in meta.items()
            if not _POSITION.search(key)
        }

    def _mac(self, found: re.Match[str]) -> str:
        separator = found[1]
        replaced = self._frames.macs.replace(bytes.fromhex(found[0].replace(separator, "")))
        text = replaced.hex(separator)
        return text if found[0] == found[0].lower() else text.upper()

    def _ip(self, found: re.Match[str]) -> str:
        try:
            address = ip_address(found[0])
        except ValueError:
            return found[0]
        return str(ip_address(self._frames.ips.replace(address.packed)))
