"""What is left of root's rights, in processes that give them up."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from wtrec.errors import CaptureError
from wtrec.recorder.privileges import sudo_user, user_named

DROP = """
import sys, time, threading
from wtrec.recorder.privileges import drop, user_named
drop(user_named(sys.argv[1]) if sys.argv[1:] else None)
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
import os, socket, subprocess
for attempt in (
    lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    lambda: os.setuid(0) if os.getuid() else os.setgid(7),
):
    try:
        attempt()
    except PermissionError:
        print("refused")
print(subprocess.run(["grep", "^Cap", "/proc/self/status"], capture_output=True, text=True).stdout)
"""


@pytest.mark.root
@pytest.mark.parametrize("user", ["nobody", ""])
def test_nothing_is_left(user: str, readable_python: list[str]) -> None:
    """No thread holds a capability or can get one back, nor can a program that it runs."""
    command = [*readable_python, sys.executable, "-c", DROP, *filter(None, [user])]
    process = subprocess.Popen(command, stdin=-1, stdout=-1, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
    assert len(tasks) == 2
    for task in tasks:
        status = (task / "status").read_text()
        found = dict(re.findall(r"^(\w+):\s*(.*)$", status, re.MULTILINE))
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(found[name], 16) == 0
        assert found["NoNewPrivs"] == "1"
        expected = user_named(user) if user else user_named("root")
        assert found["Uid"].split() == [str(expected.uid)] * 4
        assert found["Gid"].split() == [str(expected.gid)] * 4
        if user:
            assert found["Groups"].split() == [str(expected.gid)]
    said, _ = process.communicate("go on\n")
    assert said.split()[:2] == ["refused", "refused"]
    assert len(re.findall(r"Cap\w+:\s*0+$", said, re.MULTILINE)) == 5


class TestUser:
    """Whom to become."""

    def test_by_name_and_number(self) -> None:
        """A user is found by either."""
        root = user_named("root")
        assert (root.uid, root.gid, root.home) == (0, 0, "/root")
        assert user_named("0") == root

    @pytest.mark.parametrize("name", ["nobody-here", "4294967294", "9" * 30, "", "\u00b2"])
    def test_unknown(self, name: str) -> None:
        """One that does not exist is refused."""
        with pytest.raises(CaptureError, match=r"no such user; name one with -Z"):
            user_named(name)

    def test_sudo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who called sudo, if we are root by that."""
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert sudo_user() is None
        monkeypatch.setenv("SUDO_UID", "65534")
        assert sudo_user() == user_named("nobody")
        monkeypatch.setenv("SUDO_UID", "0")
        assert sudo_user() is None
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setenv("SUDO_UID", "65534")
        assert sudo_user() is None


@pytest.mark.root
def test_only_root_becomes_another(readable_python: list[str]) -> None:
    """Without rights, another user is refused, in one line."""
    child = """
from wtrec.recorder.privileges import drop, user_named
drop(user_named("nobody"))
drop(user_named("daemon"))
"""
    done = subprocess.run(
        [*readable_python, sys.executable, "-c", child], capture_output=True, text=True, check=False
    )
    assert "-Z daemon: only root can become another user" in done.stderr


@pytest.mark.root
def test_a_user_that_the_namespace_does_not_know() -> None:
    """In a user namespace without that number, it is refused in one line."""
    child = """
import ctypes, sys
ctypes.CDLL(None).unshare(0x10000000)  # CLONE_NEWUSER
print("ready", flush=True)
sys.stdin.readline()
from wtrec.errors import CaptureError
from wtrec.recorder.privileges import drop, user_named
try:
    drop(user_named("daemon"))
except CaptureError as error:
    print(error)
"""
    process = subprocess.Popen([sys.executable, "-c", child], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for kind in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{kind}").write_text("0 0 1")
    said, _ = process.communicate("go on\n")
    assert said == "-Z daemon: Invalid argument; name a user that there is in this container\n"


def test_other_threads() -> None:
    """They would keep their capabilities, so it is refused."""
    child = """
import threading, time
from wtrec.recorder.privileges import drop
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
drop(None)
"""
    done = subprocess.run(
        [sys.executable, "-c", child], capture_output=True, text=True, check=False
    )
    assert "CaptureError: there are 2 threads, and capabilities" in done.stderr
