from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.anonymize.addresses import BROADCAST, NOBODY, IpAddresses, MacAddresses
from wtrec.datasets.anonymize.key import Key

KEY = Key(bytes(32))
MACS = MacAddresses(KEY)
IPS = IpAddresses(KEY)
_MAC = st.binary(min_size=6, max_size=6)
_ONES = 1 << 128


class TestMacAddresses:
    """MAC addresses."""

    @given(_MAC)
    def test_group_and_local_bits_are_kept(self, address: bytes) -> None:
        """The same length, and the same two bits."""
        replaced = MACS.replace(address)
        assert len(replaced) == 6
        assert replaced[0] & 3 == address[0] & 3

    @given(st.sets(_MAC, min_size=2, max_size=20))
    def test_two_never_become_one(self, addresses: set[bytes]) -> None:
        """The map is a permutation."""
        assert len({MACS.replace(address) for address in addresses}) == len(addresses)

    def test_the_map_is_inverted_by_its_rounds(self) -> None:
        """Neighbours in all of a byte go to different addresses, none to itself."""
        addresses = [b"\x02\0\0\0\0" + bytes([n]) for n in range(256)]
        replaced = [MACS.replace(address) for address in addresses]
        assert len(set(replaced)) == 256
        assert not set(replaced) & set(addresses)

    def test_broadcast_and_nobody_stay_and_nobody_else_becomes_them(self) -> None:
        """Whatever would have become broadcast becomes what broadcast would have."""
        assert MACS.replace(BROADCAST) == BROADCAST
        assert MACS.replace(NOBODY) == NOBODY

    @given(_MAC)
    def test_another_key_gives_another_address(self, address: bytes) -> None:
        """But for the two that stay; with 46 bits, chance does not matter."""
        other = MacAddresses(Key(bytes(31) + b"\1"))
        if address not in {BROADCAST, NOBODY}:
            assert MACS.replace(address) != other.replace(address)


class TestIpAddresses:
    """IP addresses."""

    @given(
        st.sampled_from([4, 16]).flatmap(
            lambda n: st.lists(st.binary(min_size=n, max_size=n), min_size=2, max_size=2)
        ),
        st.integers(0, 128),
    )
    def test_common_prefixes_are_kept_exactly(self, two: list[bytes], agreed: int) -> None:
        """As many leading bits as two addresses have in common, their replacements have."""
        bits = 8 * len(two[0])
        mask = (1 << bits) - 1 >> min(agreed, bits)
        first, second = (int.from_bytes(each, "big") for each in two)
        second = first & ~mask | second & mask
        new = [IPS.replace(each.to_bytes(bits // 8, "big")) for each in (first, second)]
        differ = int.from_bytes(new[0], "big") ^ int.from_bytes(new[1], "big")
        assert differ.bit_length() == (first ^ second).bit_length()

    @pytest.mark.parametrize(
        "address", [bytes(4), b"\xff" * 4, bytes(16), bytes(15) + b"\1"], ids=bytes.hex
    )
    def test_addresses_that_are_nobodys_stay(self, address: bytes) -> None:
        """Unspecified, broadcast, loopback."""
        assert IPS.replace(address) == address

    @given(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))
    def test_kinds_are_kept(self, four: bytes, sixteen: bytes) -> None:
        """Multicast, loopback and link-local addresses become such, and no others do."""
        for address in (
            four,
            sixteen,
            b"\xfe\x80" + bytes(6) + sixteen[8:],
            b"\xff\x02" + sixteen[2:],
        ):
            old, new = ip_address(address), ip_address(IPS.replace(address))
            assert (old.is_multicast, old.is_loopback) == (new.is_multicast, new.is_loopback)
            if address[:8] == b"\xfe\x80" + bytes(6):
                assert new.packed[:8] == address[:8]
