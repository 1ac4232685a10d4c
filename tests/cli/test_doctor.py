"""``wtrec doctor`` as its users run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from wtrec.dot11 import fcs, radiotap
from wtrec.dot11.radiotap import Flags
from wtrec.recorder.tun import MonitorTun

from .. import forked

WTREC = str(Path(sys.executable).with_name("wtrec"))


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``wtrec doctor``."""
    if environment:  # of the start
        return subprocess.run(
            [WTREC, "doctor", *arguments],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
    return forked.run(["doctor", *arguments])


def findings(*arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """What it finds, by check."""
    done = doctor("--format", "json", *arguments, **environment)
    found = json.loads(done.stdout)
    assert done.returncode == int(any(each["status"] == "problem" for each in found))
    return {each["check"]: each for each in found}


class TestMachine:
    """Without an interface."""

    def test_checks(self, tmp_path: Path) -> None:
        """The machine is looked at, and no interface."""
        found = findings("--dir", str(tmp_path))
        assert list(found) == [
            "right-to-capture",
            "right-to-configure",
            "kernel",
            "packet-ring",
            "wireless",
            "libpcap",
            "tshark",
            "iw",
            "tcpdump",
            "kernel-cache",
            "clock",
            "disk-room",
            "disk-speed",
        ]
        assert found["kernel"]["text"] == f"Linux {os.uname().release}"
        assert str(tmp_path) in found["disk-speed"]["text"]

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        """A folder that cannot be written to is a problem."""
        found = findings("--dir", str(tmp_path / "gone"))
        assert found["disk"]["status"] == "problem"
        assert "gone: cannot write there: No such file" in found["disk"]["text"]

    def test_kernels_that_are_not_compiled(self, tmp_path: Path) -> None:
        """Without numba's compiler, or without a cache, there is a warning."""
        off = findings("--dir", str(tmp_path), NUMBA_DISABLE_JIT="1")
        assert "not compiled" in off["kernel-cache"]["text"]
        (tmp_path / "file").touch()
        blocked = findings("--dir", str(tmp_path), NUMBA_CACHE_DIR=str(tmp_path / "file"))
        assert blocked["kernel-cache"]["status"] == "warning"
        assert "cannot be written" in blocked["kernel-cache"]["text"]

    def test_table(self, tmp_path: Path) -> None:
        """A table has a line a finding, aligned, and a line for what mends it."""
        lines = doctor("--dir", str(tmp_path)).stdout.splitlines()
        assert f"ok       kernel             Linux {os.uname().release}" in lines
        words = {line[:8].rstrip() for line in lines}
        assert words <= {"ok", "warning", "problem", "unknown", ""}


class TestInterface:
    """With an interface."""

    def test_no_such_interface(self, tmp_path: Path) -> None:
        """An interface that is not there is a problem, and nothing more is asked."""
        found = findings("wtrec-none", "--dir", str(tmp_path))
        assert found["interface"]["status"] == "problem"
        assert "wtrec-none: no such interface" in found["interface"]["text"]
        assert list(found)[-1] == "interface"

    def test_no_monitor(self, tmp_path: Path) -> None:
        """The loopback interface is no monitor interface: its frames are not looked at."""
        found = findings("lo", "--dir", str(tmp_path))
        assert found["interface"]["fix"] == "wtrec monitor list && wtrec monitor add phy0 mon0"
        assert "frames" not in found

    @pytest.mark.root
    def test_down(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """An interface that is down says how to bring it up."""
        subprocess.run(["ip", "link", "set", mon0.name, "down"], check=True)
        found = findings("mon0", "--dir", str(tmp_path))
        assert found["up"]["fix"] == "ip link set mon0 up"
        assert "frames" not in found

    @pytest.mark.root
    def test_frames(self, mon0: MonitorTun, tmp_path: Path) -> None:
        """Good and bad frames on a simulated interface: nothing is a problem."""
        good = fcs.append(bytes(range(60)))
        frames = [radiotap.build(flags=Flags.FCS, rate=12) + good] * 9
        frames.append(radiotap.build(flags=Flags.FCS | Flags.BAD_FCS) + fcs.flip(good, [77]))
        done = threading.Event()

        def send() -> None:
            while not done.wait(0.002):
                mon0.write_many(frames)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            found = findings("mon0", "--listen", "0.5", "--dir", str(tmp_path))
        finally:
            done.set()
            sender.join()
        assert {found[check]["status"] for check in ("interface", "up", "driver")} == {"ok"}
        assert found["driver"]["text"] == "tun, no wireless card: a simulated interface"
        assert {found[check]["status"] for check in ("fcs", "bad-frames", "claims")} == {"ok"}
