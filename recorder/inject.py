"""Frames of our own making into a monitor interface: what `wtrec send -m inject` sends.

    | Radiotap header           | MPDU without FCS                                     |
    | rate, TX flags, retries   | MAC header, LLC/SNAP, IPv4, UDP, the test's payload  |

The Radiotap header tells the driver how to send (Documentation/networking/mac80211-injection.rst).
The frame goes out as it is only if the driver has no reason to change it, and the tx log has it as
it was given. So by default it is a group-addressed frame from an access point: it has Duration
0, no ACK and no retries, and a TX flag asks to keep its sequence number. The card makes the FCS,
and the tx log has the same one. The frame is given without: Radiotap has a flag that says it is
there, but where an interface has several queues mac80211 reads the header twice, and each time cuts
four bytes off (ieee80211_monitor_select_queue; seen with Linux 6.1).
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass

from ..dot11 import fcs, mac, radiotap
from ..dot11.radiotap import Flags, TxFlags
from .interface import monitor_interface
from .steps import Step
from .transports import Full, TransportError, is_full, packet_socket

SOURCE_IP = "192.0.2.1"  # RFC 5737: for documentation
GROUP = b"\xff" * 6
ACCESS_POINT = bytes.fromhex("020000000002")  # locally administered addresses
STATION = bytes.fromhex("020000000001")
_HEAD_LENGTH = 24 + 8 + 20 + 8
_SEQUENCE = 22
_IP_NUMBER, _IP_CHECKSUM, _UDP_CHECKSUM = 32 + 4, 32 + 10, 52 + 6
_LITTLE, _BIG = struct.Struct("<H"), struct.Struct(">H")

HEADERS_LENGTH = 24 + 8 + 20 + 8 + fcs.LENGTH
MAX_MSDU = 2304  # 802.11-2020, 9.2.4.7.1
MAX_PAYLOAD = MAX_MSDU - 8 - 20 - 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands around the payload.

    Attributes:
        destination: IPv4 address that the datagram is for.
        source: And from.
        port: UDP port, of both.
        addr1: Receiver, 6 bytes.
        addr2: Transmitter: the access point.
        addr3: Where the packet comes from.
        ack: Whether the driver shall wait for an ACK.
        retries: How often it sends again without one.
    """

    destination: str
    source: str = SOURCE_IP
    port: int = 5005
    addr1: bytes = GROUP
    addr2: bytes = ACCESS_POINT
    addr3: bytes = STATION
    ack: bool = False
    retries: int = 0

    def mpdu(self, payload: bytes, packet_id: int) -> bytes:
        """The frame with its FCS; its numbers are the low bits of the packet's.

        Raises:
            ValueError: An address is none, or the payload is too large.
        """
        datagram = mac.udp_datagram(
            self.source, self.destination, self.port, self.port, payload, packet_id & 0xFFFF
        )
        frame = mac.data_frame(
            datagram,
            addr1=self.addr1,
            addr2=self.addr2,
            addr3=self.addr3,
            from_ds=True,
            sequence=packet_id & 0xFFF,
        )
        return fcs.append(frame)

    def radiotap(self, step: Step) -> bytes:
        """What the driver is told.

        Raises:
            ValueError: The step's rate is not one that Radiotap's Rate can say, or its power none.
        """
        values: dict[str, int] = {
            "flags": Flags(0),
            "tx_flags": TxFlags.NO_SEQUENCE | (0 if self.ack else TxFlags.NO_ACK),
            "data_retries": self.retries,
        }
        if step.rate_mbps is not None:
            half_mbps = round(2 * step.rate_mbps)
            if half_mbps != 2 * step.rate_mbps or not 1 <= half_mbps <= 255:
                raise ValueError(
                    f"rate_mbps={step.rate_mbps:g}, wanted multiples of 0.5 up to 127.5 to inject"
                )
            values["rate"] = half_mbps
        if step.tx_power_dbm is not None:
            values["dbm_tx_power"] = round(step.tx_power_dbm)
        return radiotap.build(**values)


class FrameMaker:
    """Makes the frames of one payload length: what ``Header.mpdu`` makes, in a third of its time.

    Two frames differ in the packet's numbers and its payload alone, and a checksum's sum changes by
    what is added to it (RFC 1624).

    Args:
        header: What stands around payloads.
        length: Bytes of a payload.

    Raises:
        ValueError: As for ``Header.mpdu``.
    """

    def __init__(self, header: Header, length: int) -> None:
        self._head = bytearray(header.mpdu(bytes(length), 0)[:_HEAD_LENGTH])
        self._is_odd = length % 2
        (self._ip_sum,) = _BIG.unpack_from(self._head, _IP_CHECKSUM)
        (self._udp_sum,) = _BIG.unpack_from(self._head, _UDP_CHECKSUM)
        self._ip_sum ^= 0xFFFF
        self._udp_sum ^= 0xFFFF

    def mpdu(self, payload: bytes, packet_id: int) -> bytes:
        """The frame with its FCS."""
        head = self._head
        number = packet_id & 0xFFFF
        words = int.from_bytes(payload, "big") << 8 * self._is_odd
        _LITTLE.pack_into(head, _SEQUENCE, (packet_id & 0xFFF) << 4)
        _BIG.pack_into(head, _IP_NUMBER, number)
        _BIG.pack_into(head, _IP_CHECKSUM, _folded(self._ip_sum + number) ^ 0xFFFF)
        # the checksum 0 says that there is none
        checksum = _folded(self._udp_sum + words) ^ 0xFFFF or 0xFFFF
        _BIG.pack_into(head, _UDP_CHECKSUM, checksum)
        return fcs.append(bytes(head) + payload)


def _folded(total: int) -> int:
    """A sum of 16-bit words in ones' complement: 0 for nothing alone."""
    return total % 0xFFFF or (0xFFFF if total else 0)


class Injector:
    """Sends frames into a monitor interface.

    Args:
        interface: Name of a monitor interface that is up.
        header: What stands around payloads.

    Attributes:
        step: Its rate and power are asked of the driver.

    Raises:
        CaptureError: No rights, or no such interface.
    """

    mode, layer = "inject", "mpdu"
    refused = 0

    def __init__(self, interface: str, header: Header) -> None:
        monitor_interface(interface)
        self.destination = header.destination
        self._interface = interface
        self._header = header
        self._makers: dict[int, FrameMaker] = {}
        self._radiotap = header.radiotap(Step())
        self._socket = packet_socket(interface)
        self._socket.setblocking(False)
        self._socket.bind((interface, 0))  # protocol 0: receives nothing

    def use(self, step: Step) -> None:
        """Ask for this step's rate and power from now on."""
        self._radiotap = self._header.radiotap(step)

    def original(self, payload: bytes, packet_id: int) -> bytes:
        """The MPDU."""
        length = len(payload)
        if length not in self._makers:
            self._makers[length] = FrameMaker(self._header, length)
        return self._makers[length].mpdu(payload, packet_id)

    def send(self, original: bytes, start: int) -> int:
        """One frame, whole."""
        del start
        try:
            self._socket.send(self._radiotap + original[: -fcs.LENGTH])
        except OSError as error:
            if is_full(error):
                raise Full(queue=error.errno == errno.ENOBUFS) from None
            raise TransportError(f"{self._interface}: {error.strerror}") from error
        return len(original)

    def fileno(self) -> int:
        """The socket's."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
