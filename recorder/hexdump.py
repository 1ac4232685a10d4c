"""Hex dumps: sixteen bytes a line, as ``text2pcap`` reads them and people do.

000000  00 00 27 00 2b 40 08 a0 20 08 00 00 00 00 00 00  ..'.+@.. .......
"""

from __future__ import annotations

from collections.abc import Iterator

_WIDTH = 16
_PRINTABLE = bytes(c if 32 <= c < 127 else ord(".") for c in range(256))


def hexdump(data: bytes) -> Iterator[str]:
    """The lines of a dump: offset, bytes, and what of them is ASCII."""
    for at in range(0, len(data), _WIDTH):
        row = data[at : at + _WIDTH]
        text = row.translate(_PRINTABLE).decode("ascii")
        yield f"{at:06x}  {row.hex(' '):{3 * _WIDTH - 1}}  {text}"
