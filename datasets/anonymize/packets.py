"""Packets behind LLC headers, with other addresses and contents.

Structure stays: lengths, types, ports, sequence numbers and flags. Addresses of IPv4, IPv6 and ARP
are replaced, payloads and all that is not known here by :class:`.contents.Contents`. Checksums
follow (:mod:`.checksums`).
"""

from __future__ import annotations

from .addresses import IpAddresses, MacAddresses
from .checksums import follow_at, total
from .contents import Contents

_SNAP = (b"\xaa\xaa\x03\x00\x00\x00", b"\xaa\xaa\x03\x00\x00\xf8")
_IPV4, _IPV6, _ARP, _VLAN = 0x0800, 0x86DD, 0x0806, 0x8100
_ICMP, _TCP, _UDP, _ICMP6 = 1, 6, 17, 58
_ECHOES = {(_ICMP, 0), (_ICMP, 8), (_ICMP6, 128), (_ICMP6, 129)}
_CHECKSUM_AT = {_ICMP: 2, _TCP: 16, _UDP: 6, _ICMP6: 2}
# TCP options whose bits name nobody: segment size, window scale, SACK. Timestamps (RFC 7323) tell
# how long a host has been running, and which packets are of one.
_TCP_OPTIONS = {2, 3, 4, 5}
_ARP_OF_IPV4 = b"\x08\x00\x06\x04"  # protocol, sizes of addresses


class Packets:
    """Changes packets in place.

    Args:
        macs: For MAC addresses.
        ips: For IP addresses.
        contents: For all else.
    """

    def __init__(self, macs: MacAddresses, ips: IpAddresses, contents: Contents) -> None:
        self._macs = macs
        self._ips = ips
        self._contents = contents

    def msdu(self, data: bytearray, at: int, stop: int) -> None:
        """What stands behind a MAC header, from its LLC header on."""
        if bytes(data[at : at + 6]) not in _SNAP or stop - at < 8:
            self.other(data, min(at + 3, stop), stop)
            return
        kind, at = int.from_bytes(data[at + 6 : at + 8], "big"), at + 8
        if kind == _VLAN and stop - at >= 4:
            kind, at = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        if kind == _IPV4 and stop - at >= 20 and data[at] >> 4 == 4:
            self._ipv4(data, at, stop)
        elif kind == _IPV6 and stop - at >= 40 and data[at] >> 4 == 6:
            self._ipv6(data, at, stop)
        elif kind == _ARP and stop - at >= 28 and data[at + 2 : at + 6] == _ARP_OF_IPV4:
            for begin in (at + 8, at + 18):
                self.mac(data, begin)
                self._ip(data, begin + 6, 4)
            self.other(data, at + 28, stop)
        else:
            self.other(data, at, stop)

    def other(self, data: bytearray, at: int, stop: int) -> None:
        """What is not known."""
        if at < stop:
            data[at:stop] = self._contents.other(bytes(data[at:stop]))

    def mac(self, data: bytearray, at: int) -> None:
        """A MAC address."""
        data[at : at + 6] = self._macs.replace(bytes(data[at : at + 6]))

    def _ip(self, data: bytearray, at: int, size: int) -> None:
        data[at : at + size] = self._ips.replace(bytes(data[at : at + size]))

    def _ipv4(self, data: bytearray, at: int, stop: int) -> None:
        payload = at + 4 * (data[at] & 15)
        end = min(at + int.from_bytes(data[at + 2 : at + 4], "big"), stop)
        if not at + 20 <= payload <= end:  # nothing of it can be believed
            self._ip(data, at + 12, 4)
            self._ip(data, at + 16, 4)
            self.other(data, at + 20, stop)
            return
        before, addresses = total(data[at:payload]), total(data[at + 12 : at + 20])
        self._ip(data, at + 12, 4)
        self._ip(data, at + 16, 4)
        self.other(data, at + 20, payload)
        follow_at(data, at + 10, total(data[at:payload]) - before)
        is_first = not int.from_bytes(data[at + 6 : at + 8], "big") & 0x1FFF
        change = total(data[at + 12 : at + 20]) - addresses
        self._transport(data, payload, end, data[at + 9] if is_first else -1, change)
        self.other(data, end, stop)

    def _ipv6(self, data: bytearray, at: int, stop: int) -> None:
        payload = at + 40
        end = min(payload + int.from_bytes(data[at + 4 : at + 6], "big"), stop)
        before = total(data[at + 8 : payload])
        self._ip(data, at + 8, 16)
        self._ip(data, at + 24, 16)
        change = total(data[at + 8 : payload]) - before
        self._transport(data, payload, end, data[at + 6], change)
        self.other(data, end, stop)

    def _transport(self, data: bytearray, at: int, stop: int, protocol: int, change: int) -> None:
        """What IP carries.

        Args:
            data: The frame.
            at: Where it begins.
            stop: Where it ends.
            protocol: By its number; -1 for a part of something.
            change: Of the sum over the addresses.
        """
        if protocol == _ICMP:
            change = 0  # its checksum covers no addresses
        checksum = at + _CHECKSUM_AT.get(protocol, 0)
        if checksum == at or checksum + 2 > stop:
            self.other(data, at, stop)
            return
        before = total(data[at:stop])
        if protocol == _UDP:
            data[at + 8 : stop] = self._contents.payload(bytes(data[at + 8 : stop]))
        elif protocol == _TCP:
            self._tcp(data, at, stop)
        else:
            keeps = 8 if (protocol, data[at]) in _ECHOES else 4
            self.other(data, at + keeps, stop)
        has_none = protocol == _UDP and not any(data[checksum : checksum + 2])
        if not has_none:
            follow_at(data, checksum, change + total(data[at:stop]) - before)

    def _tcp(self, data: bytearray, at: int, stop: int) -> None:
        payload = at + 4 * (data[at + 12] >> 4)
        if not at + 20 <= payload <= stop:
            self.other(data, at + 20, stop)
            return
        option = at + 20
        while option < payload and data[option]:
            if data[option] == 1:
                option += 1
                continue
            size = data[option + 1] if option + 1 < payload else 0
            if size < 2 or option + size > payload:
                break
            if data[option] not in _TCP_OPTIONS:
                self.other(data, option + 2, option + size)
            option += size
        self.other(data, option, payload)
        self.other(data, payload, stop)
