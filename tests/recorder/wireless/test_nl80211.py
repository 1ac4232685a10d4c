"""nl80211's messages, as a kernel sent them, and on any bytes.

``messages.json.gz`` is what ``tests/vm/guest.py`` recorded: the kernel's messages about phy2 with
wlan2 (down), mon0 and mon2 (channel 6), and about all interfaces.
"""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FormatError
from wtrec.recorder.wireless.nl80211 import (
    MONITOR,
    Nl80211,
    NoWirelessError,
    WirelessInterface,
    channel,
    read_interface,
    read_phys,
)

RECORDED = json.loads(gzip.decompress(Path(__file__).with_name("messages.json.gz").read_bytes()))
PHYS = [bytes.fromhex(message) for message in RECORDED["phys"]]
INTERFACES = [bytes.fromhex(message) for message in RECORDED["interfaces"]]


class TestPhys:
    """Phys from split dumps."""

    def test_recorded(self) -> None:
        """Many messages make one phy: its name, types of interface, channels."""
        (phy,) = read_phys(PHYS)
        assert (phy.index, phy.name) == (2, "phy2")
        assert {2, 1, 3, MONITOR} <= phy.types
        two_ghz = [mhz for mhz in phy.frequencies if 1000 < mhz < 3000]
        assert two_ghz == [*range(2412, 2473, 5), 2484]
        assert phy.frequencies[2437]
        assert not phy.frequencies[5955]  # without a country, there is no 6 GHz
        assert {5180, 5825, 5955, 7115} <= phy.frequencies.keys()

    def test_in_any_order(self) -> None:
        """The order of the messages does not matter."""
        assert read_phys(PHYS[::-1]) == read_phys(PHYS)

    @given(st.lists(st.binary(max_size=100), max_size=4))
    def test_any_bytes(self, answers: list[bytes]) -> None:
        """Bytes are phys, or a FormatError."""
        with contextlib.suppress(FormatError):
            read_phys(answers)

    @given(st.sampled_from(PHYS), st.data())
    def test_damaged(self, message: bytes, data: st.DataObject) -> None:
        """A real message that is cut off or changed is a phy, or a FormatError."""
        damaged = bytearray(message[: data.draw(st.integers(0, len(message)))])
        for at in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=3)):
            damaged[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
        with contextlib.suppress(FormatError):
            read_phys([bytes(damaged)])


class TestInterfaces:
    """Interfaces."""

    def test_recorded(self) -> None:
        """Name, phy, type, channel of each; none for one that has no channel."""
        found = {each.name: each for each in map(read_interface, INTERFACES)}
        assert found["mon0"] == WirelessInterface("mon0", 6, 2, MONITOR, 2437, 1)
        assert found["mon0"].channel == "6 (2437 MHz), width: 20 MHz"
        assert found["mon0"].type_name == "monitor"
        assert (found["wlan2"].type_name, found["wlan2"].channel) == ("managed", None)
        assert sorted(found) == ["mon0", "mon2", "wlan0", "wlan1", "wlan2"]

    @given(st.binary(max_size=100))
    def test_any_bytes(self, answer: bytes) -> None:
        """Bytes are an interface, or a FormatError."""
        with contextlib.suppress(FormatError):
            read_interface(answer)

    def test_a_type_of_tomorrow(self) -> None:
        """A type without a name is named by its number."""
        assert WirelessInterface("x", 1, 0, 99).type_name == "type 99"


@pytest.mark.skipif(Path("/sys/class/ieee80211").exists(), reason="this kernel has a wireless side")
def test_a_kernel_without_wireless() -> None:
    """Without cfg80211 there is no socket, and no interface has a channel."""
    with pytest.raises(NoWirelessError, match=r"no cfg80211.*lsusb, lspci.*modprobe cfg80211"):
        Nl80211()
    assert channel("lo") is None
