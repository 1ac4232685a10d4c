"""``wtrec monitor`` on a machine without a wireless card; with one, see tests/vm."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from wtrec.recorder.tun import MonitorTun
from wtrec.recorder.wireless.monitor import entries

from .. import forked

without_wireless = pytest.mark.skipif(
    Path("/sys/class/ieee80211").exists(), reason="this kernel has a wireless side"
)


def monitor(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``wtrec monitor``."""
    return forked.run(["monitor", *arguments])


@without_wireless
class TestWithoutWireless:
    """No cfg80211 in the kernel."""

    @pytest.mark.parametrize("command", [("add", "phy0", "mon0"), ("del", "mon0")])
    def test_nothing_can_be_made(self, command: tuple[str, ...]) -> None:
        """One line says why, and what to look at."""
        done = monitor(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("wtrec: the kernel has no cfg80211")
        assert done.stderr.count("\n") == 1

    def test_the_list_is_empty(self) -> None:
        """An empty list is a list, and why it is empty stands beside it."""
        done = monitor("list", "--format", "json")
        assert (done.returncode, json.loads(done.stdout)) == (0, [])
        assert "no cfg80211" in done.stderr

    @pytest.mark.root
    def test_simulated_interfaces(self, mon0: MonitorTun) -> None:
        """A simulated monitor interface is listed, without a phy."""
        (entry,) = json.loads(monitor("list", "--format", "json").stdout)
        assert entry == {
            "phy": None,
            "interface": mon0.name,
            "type": "monitor",
            "up": True,
            "channel": None,
            "flags": None,
            "driver": "tun",
            "can_monitor": True,
        }
        assert [each.interface for each in entries()] == [mon0.name]
        header, row = monitor("list").stdout.splitlines()
        assert header.split() == ["phy", "interface", "type", "state", "channel", "flags", "driver"]
        assert row.split() == ["-", "mon0", "monitor", "up", "-", "-", "tun"]


class TestArguments:
    """What is wrong before the kernel is asked."""

    @pytest.mark.parametrize("name", ["", "two words", "a/b", "a:b", "mon%d", "sixteen-letters!"])
    def test_no_name(self, name: str) -> None:
        """A name that the kernel would refuse, or fill in, is refused."""
        done = monitor("add", "phy0", name)
        assert done.returncode == 1
        assert "is no name for an interface: it has 1 to 15 bytes" in done.stderr

    def test_no_channel(self) -> None:
        """What is no channel is refused, with what is wanted."""
        done = monitor("add", "phy0", "mon0", "--channel", "15")
        assert done.returncode == 1
        assert "channel '15': wanted a channel of 2.4 GHz (1 to 14)" in done.stderr

    def test_a_width_without_a_channel(self) -> None:
        """A width alone is wrong usage."""
        assert monitor("add", "phy0", "mon0", "--width", "40+").returncode == 2
