"""Other addresses for addresses: keyed permutations, so that two never become one.

A MAC address keeps its group and its local bit; the other 46 bits go through a Feistel network of
eight rounds, whose halves have 23 bits. Broadcast and the address of zeros stay what they are.

IP addresses keep their prefixes: two that agree in their first n bits, and no more, do so
afterwards (Xu, Fan, Ammar, Moon: "Prefix-preserving IP address anonymization", ICNP 2002). Bit n is
flipped or not as a keyed hash of the n bits before it says. On the way to addresses that mean
something by themselves (unspecified, loopback, link-local, multicast, broadcast) no bit is.
"""

from __future__ import annotations

import functools
import hashlib
from ipaddress import IPv4Network, IPv6Network

from .key import Key

BROADCAST = b"\xff" * 6
NOBODY = bytes(6)
_REMEMBERED = 1 << 16

_HALF = 23
_MASK = (1 << _HALF) - 1
_ROUNDS = 8
_FLAGS_AT = 40  # of the group and the local bit, in an address as a number
_BELOW = (1 << _FLAGS_AT) - 1

_STAY_4 = ("0.0.0.0/32", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32")
_STAY_6 = ("::/128", "::1/128", "fe80::/64", "ff00::/16")


class MacAddresses:
    """A keyed permutation of MAC addresses.

    Args:
        key: The key.
    """

    def __init__(self, key: Key) -> None:
        self._key = key.derive("mac address")
        self.replace = functools.lru_cache(_REMEMBERED)(self._replace)

    def _replace(self, address: bytes) -> bytes:
        """Another address for one of 6 bytes, always the same."""
        if address in {BROADCAST, NOBODY}:
            return address
        replaced = self._permuted(address)
        if replaced in {BROADCAST, NOBODY}:  # theirs is free, as they stay
            return self._permuted(replaced)
        return replaced

    def _permuted(self, address: bytes) -> bytes:
        number = int.from_bytes(address, "big")
        flags = number >> _FLAGS_AT & 3
        value = number >> _FLAGS_AT + 2 << _FLAGS_AT | number & _BELOW
        left, right = value >> _HALF, value & _MASK
        for step in range(_ROUNDS):
            message = bytes([step, flags]) + right.to_bytes(3, "big")
            digest = hashlib.blake2b(message, key=self._key, digest_size=4).digest()
            left, right = right, left ^ int.from_bytes(digest, "big") & _MASK
        value = left << _HALF | right
        number = value >> _FLAGS_AT << _FLAGS_AT + 2 | flags << _FLAGS_AT | value & _BELOW
        return number.to_bytes(6, "big")


class IpAddresses:
    """A keyed permutation of IP addresses, 4 or 16 bytes, that keeps prefixes.

    Args:
        key: The key.
    """

    def __init__(self, key: Key) -> None:
        self._keys = {4: key.derive("ipv4 address"), 16: key.derive("ipv6 address")}
        self._stay = {
            4: [_path(int(net.network_address), net.prefixlen, 32) for net in _networks_4()],
            16: [_path(int(net.network_address), net.prefixlen, 128) for net in _networks_6()],
        }
        self.replace = functools.lru_cache(_REMEMBERED)(self._replace)

    def _replace(self, address: bytes) -> bytes:
        """Another address for one of 4 or 16 bytes, always the same."""
        size = len(address)
        key, bits = self._keys[size], 8 * size
        number = int.from_bytes(address, "big")
        flips = 0
        stays = self._stay[size]
        for depth in range(bits):
            prefix = number >> bits - depth
            stays = [
                path for path in stays if path[1] > depth and path[0] >> bits - depth == prefix
            ]
            flips <<= 1
            if not stays:
                message = bytes([depth]) + prefix.to_bytes(size, "big")
                flips |= hashlib.blake2b(message, key=key, digest_size=1).digest()[0] & 1
        return (number ^ flips).to_bytes(size, "big")


def _networks_4() -> list[IPv4Network]:
    return [IPv4Network(text) for text in _STAY_4]


def _networks_6() -> list[IPv6Network]:
    return [IPv6Network(text) for text in _STAY_6]


def _path(address: int, length: int, bits: int) -> tuple[int, int]:
    """A network's address, and how many bits lead there."""
    return address & ((1 << bits) - 1), length
