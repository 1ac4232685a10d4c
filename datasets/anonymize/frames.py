"""A frame with other addresses and contents: what its sender would have sent.

Of a MAC header the addresses change, and nothing else: type, flags, Retry, duration, sequence and
QoS control stay. Of management frames the elements stay that say what a radio can do; names of
networks get other names, the rest other bytes. Encrypted bodies keep the header of their cipher.

A damaged frame may say that it is of a kind that it was not. So of one of which nothing is known,
all behind the first 24 bytes is replaced, whatever it says.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...dot11 import mac
from .addresses import IpAddresses, MacAddresses
from .contents import Contents, Rule
from .key import Key
from .packets import Packets

_NAMES = {0, 114}  # elements: SSID and mesh ID
# Rates, channel, HT and VHT capabilities and operation, ERP: what a frame is sent with.
_KEPT_ELEMENTS = {1, 3, 42, 45, 50, 61, 191, 192}
# Bytes of fixed fields in front of the elements, by subtype.
_FIXED = {0: 4, 1: 6, 2: 10, 3: 6, 4: 0, 5: 12, 8: 12, 9: 0, 10: 2, 11: 6, 12: 2}
_REASSOCIATION, _PROBE_RESPONSE, _BEACON, _AUTHENTICATION = 2, 5, 8, 11
_ACTIONS = {13, 14}
_ENCRYPTED = {10, _AUTHENTICATION, 12, *_ACTIONS}  # subtypes that may be
# Open system, shared key, fast transition: elements follow; behind others first their own fields.
_WITH_ELEMENTS = {0, 1, 2}
_BLOCK_ACKS = {mac.ControlSubtype.BLOCK_ACK_REQUEST, mac.ControlSubtype.BLOCK_ACK}
# Types of BlockAck and its request, and the lengths of their bitmaps: by type, and of the
# compressed one by the fragment number in front of it.
_BASIC, _EXTENDED, _COMPRESSED, _MULTI_TID, _GROUP = 0, 1, 2, 3, 6
_BITMAPS = {_BASIC: 128, _EXTENDED: 8, _COMPRESSED: 8, _MULTI_TID: 8, _GROUP: 8}
_LONG_BITMAPS = {4: 32, 5: 32, 8: 64, 10: 128}
_ADDRESSES = (4, 10, 16)
_HEADER = 24  # bytes up to the end of sequence control
_NO_BODY, _QOS, _A_MSDU = 0x40, 0x80, 0x80
_SNAP = b"\xaa\xaa\x03\x00\x00\x00"
_EXTENDED_IV = 0x20
_CLOCK = 1 << 64


class Frames:
    """Other frames for frames.

    Args:
        key: The key.
        rules: What makes payloads that are kept; None: none is.
        clock_shift: What is added to the clocks that beacons tell, in us.

    Attributes:
        macs: What replaces MAC addresses.
        ips: What replaces IP addresses.
        contents: What replaces the rest, and counts.
    """

    def __init__(self, key: Key, rules: list[Rule] | None, clock_shift: int = 0) -> None:
        self.macs = MacAddresses(key)
        self.ips = IpAddresses(key)
        self.contents = Contents(key, rules)
        self._packets = Packets(self.macs, self.ips, self.contents)
        self._clock_shift = clock_shift

    def replace(self, frame: bytes) -> bytes:
        """Another frame for one without FCS, of the same length; any bytes will do."""
        data, stop = bytearray(frame), len(frame)
        if stop < 2:
            return self.contents.other(frame)
        control = int.from_bytes(frame[:2], "little")
        kind, subtype = mac.frame_type(control), mac.frame_subtype(control)
        body = min(mac.header_length(control), stop)
        for at in address_offsets(control):
            if at + 6 <= stop:
                self._packets.mac(data, at)
            else:
                self._packets.other(data, at, stop)
        if kind == mac.DATA:
            self._data(data, control, body)
        elif kind == mac.MANAGEMENT:
            self._management(data, control, body)
        elif kind == mac.CONTROL and subtype in _BLOCK_ACKS:
            self._block_ack(data, body, has_bitmap=subtype == mac.ControlSubtype.BLOCK_ACK)
        else:  # an extension frame has optional fields, some with parts of names, in its header
            self._packets.other(data, 10 if kind == mac.EXTENSION else body, stop)
        return bytes(data)

    def masked(self, frame: bytes) -> bytes:
        """Another frame for one that need not be what its frame control says.

        Kept are frame control, duration and sequence control, if it has them where most do; three
        addresses are replaced there, and all behind as one content.
        """
        data, stop = bytearray(frame), len(frame)
        for at in _ADDRESSES:
            if at + 6 <= stop:
                self._packets.mac(data, at)
            else:
                self._packets.other(data, at, stop)
        self._packets.other(data, _HEADER, stop)
        return bytes(data)

    def _block_ack(self, data: bytearray, at: int, *, has_bitmap: bool) -> None:
        """Which frames came is kept where the frame is as long as it says, and no longer.

        A BlockAck for several stations may hold their addresses: only its control field stays.
        """
        stop, begin = len(data), at + 2
        control = int.from_bytes(data[at:begin], "little")
        kind = control >> 1 & 15
        bitmap = _BITMAPS.get(kind, 0)
        if kind == _COMPRESSED and begin < stop:
            bitmap = _LONG_BITMAPS.get(data[begin] & 15, bitmap)
        each = 2 + bitmap * has_bitmap + {_MULTI_TID: 2, _GROUP: 6}.get(kind, 0)
        count = 1 + (control >> 12) * (kind == _MULTI_TID)
        if kind not in _BITMAPS or begin + each * count != stop:
            self._packets.other(data, begin, stop)
        elif kind == _GROUP:
            self._packets.mac(data, begin + 2)

    def _data(self, data: bytearray, control: int, body: int) -> None:
        stop = len(data)
        if control & mac.PROTECTED:
            for skip in (0, 4, 8):  # decrypted by the radio, which left the bit as it was
                if data[body + skip : body + skip + 6] == _SNAP:
                    self._packets.msdu(data, body + skip, stop)
                    return
            self._cipher(data, body)
        elif control & _NO_BODY or (stop > 22 and data[22] & 15):  # no LLC header, or a later part
            self._packets.other(data, body, stop)
        elif control & _QOS and self._is_a_msdu(data, control):
            self._a_msdu(data, body)
        else:
            self._packets.msdu(data, body, stop)

    @staticmethod
    def _is_a_msdu(data: bytearray, control: int) -> bool:
        both = mac.TO_DS | mac.FROM_DS
        at = 30 if control & both == both else 24
        return len(data) > at and bool(data[at] & _A_MSDU)

    def _a_msdu(self, data: bytearray, at: int) -> None:
        stop = len(data)
        while at + 14 <= stop:
            self._packets.mac(data, at)
            self._packets.mac(data, at + 6)
            end = min(at + 14 + int.from_bytes(data[at + 12 : at + 14], "big"), stop)
            self._packets.msdu(data, at + 14, end)
            behind = min(end + (at - end) % 4, stop)  # each begins at a multiple of four
            self._packets.other(data, end, behind)
            at = behind
        self._packets.other(data, at, stop)

    def _cipher(self, data: bytearray, body: int) -> None:
        """Its header has a counter, and no secret: 4 bytes, or 8 if they say so."""
        extended = len(data) > body + 3 and data[body + 3] & _EXTENDED_IV
        self._packets.other(data, body + (8 if extended else 4), len(data))

    def _management(self, data: bytearray, control: int, body: int) -> None:
        subtype = mac.frame_subtype(control)
        if control & mac.PROTECTED:
            if subtype in _ENCRYPTED:
                self._cipher(data, body)
            else:  # it cannot be
                self._packets.other(data, body, len(data))
            return
        if subtype in _ACTIONS or subtype not in _FIXED:
            self._packets.other(data, body + 2 * (subtype in _ACTIONS), len(data))
            return
        at = body + _FIXED[subtype]
        if at > len(data):
            self._packets.other(data, body, len(data))
            return
        if subtype == _AUTHENTICATION:
            algorithm = int.from_bytes(data[body : body + 2], "little")
            if algorithm not in _WITH_ELEMENTS:
                self._packets.other(data, at, len(data))
                return
        if subtype == _REASSOCIATION:
            self._packets.mac(data, body + 4)
        if subtype in {_PROBE_RESPONSE, _BEACON} and self._clock_shift:
            clock = int.from_bytes(data[body : body + 8], "little") + self._clock_shift
            data[body : body + 8] = (clock % _CLOCK).to_bytes(8, "little")
        self._elements(data, at)

    def _elements(self, data: bytearray, at: int) -> None:
        for kind, begin, end in _elements(data, at):
            if kind in _NAMES:
                data[begin:end] = self.contents.ssid(bytes(data[begin:end]))
            elif kind not in _KEPT_ELEMENTS:
                self._packets.other(data, begin, end)
            at = end
        self._packets.other(data, at, len(data))


def names_in_frame(frame: bytes) -> list[bytes]:
    """Names of networks in a management frame, without FCS."""
    control = int.from_bytes(frame[:2], "little")
    subtype = mac.frame_subtype(control)
    if control & mac.PROTECTED or subtype not in _FIXED:
        return []
    at = mac.header_length(control) + _FIXED[subtype]
    return [
        frame[begin:end]
        for kind, begin, end in _elements(frame, at)
        if kind in _NAMES and frame[begin:end].strip(b"\0")
    ]


def _elements(data: bytes | bytearray, at: int) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end of each element, up to the first that is cut."""
    stop = len(data)
    while at + 2 <= stop and at + 2 + data[at + 1] <= stop:
        end = at + 2 + data[at + 1]
        yield data[at], at + 2, end
        at = end


def address_offsets(control: int) -> tuple[int, ...]:
    """Where in a frame its addresses are, by its frame control."""
    kind = mac.frame_type(control)
    if kind in {mac.MANAGEMENT, mac.DATA}:
        both = mac.TO_DS | mac.FROM_DS
        return (*_ADDRESSES, 24) if kind == mac.DATA and control & both == both else _ADDRESSES
    is_wrapper = mac.frame_subtype(control) == mac.ControlSubtype.WRAPPER
    has_two = kind == mac.CONTROL and mac.header_length(control) >= 16 and not is_wrapper
    return (4, 10) if has_two else (4,)
