"""What a received frame says: its Radiotap header, its FCS, and the test payload in it."""

from __future__ import annotations

from dataclasses import dataclass

import dpkt

from ..dot11 import fcs, mac, radiotap, rates
from ..dot11.radiotap import Flags
from ..errors import FormatError

_RADIOTAP, _ETHERNET, _BARE = 127, 1, 105


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What stands in front of a frame, and whether its FCS holds.

    Attributes:
        mpdu_offset: Where the frame begins behind the header.
        bad_fcs: What the driver says; None if it says nothing (no Flags field).
        fcs: Our own look: ``good``, ``bad``, ``absent`` (no FCS bytes), ``cut`` (not all bytes are
            here). Over bytes that the hardware decrypted, an FCS is ``bad`` though nothing is.
        rate_mbps: None if unknown.
        signal_dbm: None if unknown.
        channel_mhz: None if unknown.
        problem: Why the header cannot be read, else empty.
    """

    mpdu_offset: int = 0
    bad_fcs: bool | None = None
    fcs: str = "absent"
    rate_mbps: float | None = None
    signal_dbm: int | None = None
    channel_mhz: int | None = None
    problem: str = ""


def frame_facts(data: bytes, length: int) -> FrameFacts:
    """Read a frame behind a Radiotap header.

    Args:
        data: Header and frame, as far as they were taken.
        length: How long they are.
    """
    try:
        header = radiotap.parse(data)
    except FormatError as error:
        return FrameFacts(problem=str(error))
    flags = header.get("flags")
    rate = rates.from_radiotap(header)
    channel = header.get("channel")
    return FrameFacts(
        mpdu_offset=header.length,
        bad_fcs=None if flags is None else bool(flags & Flags.BAD_FCS),
        fcs=_check(data[header.length :], flags or 0, whole=len(data) == length),
        rate_mbps=None if rate is None else rate.mbps,
        signal_dbm=header.get("dbm_antenna_signal"),
        channel_mhz=None if channel is None else channel.frequency_mhz,
    )


def _check(mpdu: bytes, flags: int, *, whole: bool) -> str:
    if not flags & Flags.FCS:
        return "absent"
    if not whole:
        return "cut"
    if len(mpdu) < fcs.LENGTH:
        return "bad"
    return "bad" if fcs.syndrome(mpdu) else "good"


def udp_payload(data: bytes, linktype: int, facts: FrameFacts | None) -> bytes | None:
    """The UDP payload of an intact frame; None where there is none to be found.

    Args:
        data: The whole frame.
        linktype: 127 (Radiotap), 105 (802.11) or 1 (Ethernet).
        facts: Of a frame behind Radiotap.
    """
    if linktype == _ETHERNET:
        return _ethernet_payload(data)
    mpdu = data[facts.mpdu_offset :] if facts is not None else data
    if facts is not None and facts.fcs in {"good", "bad"}:
        mpdu = mpdu[: -fcs.LENGTH]
    place = mac.udp_payload(mpdu)
    return None if place is None else mpdu[place[0] : place[0] + place[1]]


def _ethernet_payload(data: bytes) -> bytes | None:
    try:
        packet = dpkt.ethernet.Ethernet(data).data
        datagram = packet.data
    except (dpkt.Error, AttributeError, IndexError, ValueError):
        return None
    if isinstance(datagram, dpkt.udp.UDP):
        return bytes(datagram.data)
    return None
