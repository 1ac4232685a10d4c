"""Facts of interfaces, and which of them can be captured on."""

from __future__ import annotations

import pytest

from wtrec.errors import CaptureError
from wtrec.recorder import interface
from wtrec.recorder.interface import interface_facts, monitor_interface
from wtrec.recorder.tun import MonitorTun


class TestAnyInterface:
    """What holds without rights, on the loopback interface that every machine has."""

    def test_loopback(self) -> None:
        """The loopback interface is no monitor interface."""
        facts = interface_facts("lo")
        assert (facts.name, facts.hardware_type, facts.linktype) == ("lo", 772, 0)
        with pytest.raises(
            CaptureError, match=r"lo is loopback \(772\), wanted .*wtrec monitor add"
        ):
            monitor_interface("lo")

    @pytest.mark.parametrize("name", ["", "nix0", "no/such", "ä" * 7, "\0"])
    def test_missing(self, name: str) -> None:
        """A name that no interface has is refused."""
        with pytest.raises(CaptureError, match=r"no such interface; .*monitor interface"):
            interface_facts(name)

    def test_long_name(self) -> None:
        """A name that no interface can have is not cut."""
        with pytest.raises(CaptureError, match="at most 15 bytes"):
            interface_facts("lo" * 8)

    def test_drops(self) -> None:
        """The drop counter is a number for what exists, and none for what does not."""
        assert interface.driver_drops("lo") is not None
        assert interface.driver_drops("l.") is None


@pytest.mark.root
class TestMonitorInterface:
    """What the kernel says about a monitor interface."""

    def test_facts(self, mon0: MonitorTun) -> None:
        """Type, state and driver are asked of the kernel, in this network namespace."""
        facts = monitor_interface(mon0.name)
        assert (facts.hardware_type, facts.linktype, facts.up) == (803, 127, True)
        assert facts.driver == "tun"
        assert interface.driver_drops(mon0.name) == 0

    def test_names(self, mon0: MonitorTun) -> None:
        """All monitor interfaces are listed, and named to who asks for another."""
        with MonitorTun("air7"):
            assert sorted(interface.monitor_names()) == ["air7", mon0.name]
            with pytest.raises(CaptureError, match=r"monitor interfaces here: mon0, air7"):
                interface_facts("wlan0")
