"""What a filter looks at, by the names that the standards have for it.

A filter that looks behind the Radiotap header judges a frame by bytes that bit errors can hit: a
broken frame may be dropped for its errors, which are then missing from what is measured. One that
looks at the Radiotap header alone, written by the receiver, is fair to broken frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...dot11 import mac
from .explore import Tried
from .samples import Sample

_PRESENT_MORE = 0x80  # in the last byte of a Radiotap present word
_NO_BODY = 0x40  # in the first byte of a data frame: Null and its like
_LLC_SNAP = 6
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_TRANSPORTS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
_WITH_PORTS = {6, 17}
_IPV4_FIELDS = (
    (1, "IPv4 version and header length"),
    (1, "IPv4 type of service"),
    (2, "IPv4 total length"),
    (2, "IPv4 identification"),
    (2, "IPv4 fragment offset"),
    (1, "IPv4 time to live"),
    (1, "IPv4 protocol"),
    (2, "IPv4 checksum"),
    (4, "IPv4 source"),
    (4, "IPv4 destination"),
)
_IPV6_FIELDS = (
    (4, "IPv6 version and flow"),
    (2, "IPv6 payload length"),
    (1, "IPv6 next header"),
    (1, "IPv6 hop limit"),
    (16, "IPv6 source"),
    (16, "IPv6 destination"),
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a program looks at.

    Attributes:
        radiotap: Fields before the frame.
        frame: Fields of the frame, from the first byte of its MAC header.
        bytes: Most bytes of one passing frame that it looks at, the Radiotap header aside.
    """

    radiotap: tuple[str, ...]
    frame: tuple[str, ...]
    bytes: int

    @property
    def is_fair(self) -> bool:
        """Whether no bit error of a frame can change its verdict."""
        return not self.frame


def sight(tried: Iterable[Tried], number: int = 0, *, radiotap: bool = True) -> Sight:
    """What a program looked at in frames that pass, or in all if none does.

    Frames that libpcap takes for others (four addresses, HT Control), and those that were changed
    into what they are not (in type, EtherType or Radiotap's present words), are left out where
    others pass: in these a program looks at anything.

    Args:
        tried: Frames, and what programs did with them.
        number: Which of the programs.
        radiotap: Whether the frames have Radiotap headers.
    """
    runs = [
        (sample, sample.start if radiotap else 0, outcomes[number]) for sample, outcomes in tried
    ]
    passing = [each for each in runs if each[2].passed]
    plain = [(sample, start, run) for sample, start, run in passing if _is_plain(sample, start)]
    before: dict[str, int] = {}
    behind: dict[str, int] = {}
    most = 0
    for sample, start, run in plain or passing or runs:
        at = {i for offset, size in run.loads for i in range(offset, offset + size)}
        for offset, name in _names(sample.packet, start, at).items():
            found = before if offset < start else behind
            found[name] = min(found.get(name, offset), offset - start)
        most = max(most, sum(offset >= start for offset in at))
    return Sight(
        tuple(sorted(before, key=before.__getitem__)),
        tuple(sorted(behind, key=behind.__getitem__)),
        most,
    )


def _is_plain(sample: Sample, start: int) -> bool:
    header = mac.parse(sample.packet[start:])
    if header.addr4 is not None or header.ht_control is not None:
        return False
    structure = {*range(2, 4 + 4 * _present_words(sample.packet, start))} if start else set[int]()
    structure.add(start)  # type and subtype
    ethertype = start + (header.header_length or 0) + _LLC_SNAP
    structure |= {ethertype, ethertype + 1}
    return not any(
        structure & {*range(offset, offset + len(value))} for offset, value in sample.changed
    )


def _present_words(packet: bytes, start: int) -> int:
    words = 1
    while 4 * words + 7 < start and packet[4 * words + 3] & _PRESENT_MORE:
        words += 1
    return words


def _names(packet: bytes, start: int, wanted: set[int]) -> dict[int, str]:
    """The names of some bytes of a packet, by their offset."""
    names: dict[int, str] = {}
    at = 0
    for size, name in _fields(packet, start):
        names.update((i, name) for i in range(at, at + size) if i in wanted)
        at += size
    return names


def _fields(packet: bytes, start: int) -> Iterator[tuple[int, str]]:
    """Size and name of each field, in order."""
    if start:
        yield 2, "Radiotap version"
        yield 2, "Radiotap length"
        words = _present_words(packet, start)
        yield 4 * words, "Radiotap present"
        yield max(0, start - 4 - 4 * words), "Radiotap fields"
    mpdu = packet[start:]
    header = mac.parse(mpdu)
    yield 2, "frame control"
    yield 2, "duration"
    yield 6, "address 1"
    length = 10
    for value, size, name in (
        (header.addr2, 6, "address 2"),
        (header.addr3, 6, "address 3"),
        (header.sequence, 2, "sequence control"),
        (header.addr4, 6, "address 4"),
        (header.qos_control, 2, "QoS control"),
        (header.ht_control, 4, "HT control"),
    ):
        if value is not None:
            yield size, name
            length += size
    if header.type == mac.DATA and not header.protected and not mpdu[0] & _NO_BODY:
        yield _LLC_SNAP, "LLC/SNAP"
        yield 2, "EtherType"
        yield from _packet_fields(mpdu[length + _LLC_SNAP :])
    yield len(mpdu), "frame body"


def _packet_fields(ethertype_on: bytes) -> Iterator[tuple[int, str]]:
    ethertype, packet = ethertype_on[:2], ethertype_on[2:]
    if ethertype == _IPV4 and len(packet) >= 20:
        yield from _IPV4_FIELDS
        options = max(0, 4 * (packet[0] & 15) - 20)
        yield options, "IPv4 options"
        transport = packet[9]
    elif ethertype == _IPV6 and len(packet) >= 40:
        yield from _IPV6_FIELDS
        transport = packet[6]
    else:
        return
    name = _TRANSPORTS.get(transport, "transport")
    if transport in _WITH_PORTS:
        yield 2, f"{name} source port"
        yield 2, f"{name} destination port"
    yield 20 - 4 if transport == 6 else 4, f"{name} header"
