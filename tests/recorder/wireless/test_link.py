"""Interfaces up and down, and the note about their flags."""

from __future__ import annotations

import errno
import socket
import subprocess

import pytest

from wtrec.recorder.interface import interface_facts
from wtrec.recorder.tun import MonitorTun
from wtrec.recorder.wireless.link import note_flags, noted_flags, set_up
from wtrec.recorder.wireless.netlink import RefusedError


@pytest.mark.root
class TestLink:
    """On an interface of this test's own."""

    def test_up_and_down(self, mon0: MonitorTun) -> None:
        """An interface goes down and up."""
        index = socket.if_nametoindex(mon0.name)
        for up in (False, True):
            set_up(index, up=up)
            assert interface_facts(mon0.name).up is up

    @pytest.mark.parametrize("flags", [(), ("fcsfail",), ("fcsfail", "control", "otherbss")])
    def test_flags_are_kept(self, mon0: MonitorTun, flags: tuple[str, ...]) -> None:
        """Flags that were noted are read again; ``ip link`` shows them."""
        note_flags(socket.if_nametoindex(mon0.name), flags)
        assert noted_flags(mon0.name) == flags
        shown = subprocess.run(
            ["ip", "link", "show", mon0.name], capture_output=True, text=True, check=True
        )
        assert f"alias wtrec monitor flags: {' '.join(flags) or 'none'}" in shown.stdout

    def test_no_flags(self, mon0: MonitorTun) -> None:
        """An alias that somebody else gave is no note."""
        assert noted_flags(mon0.name) is None
        subprocess.run(["ip", "link", "set", mon0.name, "alias", "on the roof"], check=True)
        assert noted_flags(mon0.name) is None

    def test_gone(self, mon0: MonitorTun) -> None:
        """What is gone is refused, and has no flags."""
        index = socket.if_nametoindex(mon0.name)
        mon0.close()
        with pytest.raises(RefusedError) as caught:
            set_up(index)
        assert caught.value.errno == errno.ENODEV
        assert noted_flags(mon0.name) is None
