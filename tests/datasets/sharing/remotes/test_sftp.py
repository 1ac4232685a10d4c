from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.bag import scan
from wtrec.datasets.sharing.pull import pull
from wtrec.datasets.sharing.remote import RemoteError
from wtrec.datasets.sharing.remote_sftp import Sftp, _pusher
from wtrec.datasets.sharing.remotes import open_remote
from wtrec.datasets.sharing.store import LEFT_S, Store, object_path, parse_listing
from wtrec.errors import DatasetError


@pytest.fixture
def agent(tmp_path: Path, sshd: Any) -> Iterator[Path]:
    """The socket of an agent that has the key."""
    path = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as running:
        try:
            while not path.exists():
                pass
            environment = {**os.environ, "SSH_AUTH_SOCK": str(path)}
            words = ["ssh-add", "-q", str(sshd.keys / "user")]
            subprocess.run(words, env=environment, check=True)
            yield path
        finally:
            running.terminate()


class TestTrust:
    """Who is believed."""

    def test_a_host_that_is_not_known_is_refused(
        self, sshd: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Also one that shows another key than before; the next step is said."""
        home = sshd.home(tmp_path / "home")
        monkeypatch.setenv("HOME", str(home))
        known = home / ".ssh" / "known_hosts"
        other = (sshd.keys / "user.pub").read_text()
        for text in ("", f"lab-key {other}"):
            known.write_text(text)
            with pytest.raises(RemoteError, match=r"known_hosts.*connect once with ssh"):
                open_remote(f"sftp://lab{tmp_path}")
        known.unlink()
        with pytest.raises(RemoteError, match="known_hosts"):
            open_remote(f"sftp://lab{tmp_path}")

    def test_a_key_may_be_in_the_agent_alone(
        self, sshd: Any, agent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without it, there is no way in."""
        monkeypatch.setenv("HOME", str(sshd.home(tmp_path / "home", key=False)))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        with pytest.raises(RemoteError, match=r"takes no key of yours.*ssh-add"):
            open_remote(f"sftp://lab{tmp_path}")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        with contextlib.closing(open_remote(f"sftp://lab{tmp_path}")) as remote:
            assert "agent" in remote.names("")

    def test_what_cannot_be_reached_is_one_line(self, ssh_place: Any, tmp_path: Path) -> None:
        """No server, no folder."""
        place = ssh_place()
        with pytest.raises(RemoteError, match="is not there: make it on lab"):
            open_remote(f"sftp://lab{tmp_path}/nowhere")
        place.cutter.cut_after(0)
        with pytest.raises(RemoteError, match="sftp://lab"):
            place.open()


class TestSend:
    """Objects on their way."""

    def test_a_large_file_goes_on_inside(
        self, ssh_place: Any, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Unless what is there is something else: then it comes again."""
        monkeypatch.setattr(Sftp, "chunk", 8 << 10)
        listed = (long / "manifest-sha256.txt").read_text()
        found = re.search(r"(\w{64})  (data/runs/\S+part001)", listed)
        assert found
        digest, path = found.groups()
        source = long / path
        content = source.read_bytes()
        place = ssh_place()
        partial = tmp_path / "there" / "incoming" / f"{digest}.{_pusher(source)}"
        partial.parent.mkdir()
        good, holes = content[:30_000], content[:20_000] + bytes(10_000)
        for there, travels in ((good, len(content) - (24 << 10)), (holes, len(content))):
            partial.write_bytes(there)
            sent: list[int] = []
            with contextlib.closing(place.open()) as remote:
                remote.send(source, object_path(digest), digest, sent.append)
            assert sum(sent) == travels
            assert (tmp_path / "there" / object_path(digest)).read_bytes() == content
            assert not partial.exists()

    def test_what_was_left_a_week_ago_is_removed(
        self, ssh_place: Any, made: Path, tmp_path: Path
    ) -> None:
        """What is newer stays: somebody may be at work on it."""
        place = ssh_place()
        incoming = tmp_path / "there" / "incoming"
        incoming.mkdir()
        for name, age in (("old", LEFT_S + 60), ("new", LEFT_S - 60)):
            (incoming / name).touch()
            then = time.time() - age
            os.utime(incoming / name, (then, then))
        with contextlib.closing(place.open()) as remote:
            Store(remote).push(made)
        assert [path.name for path in incoming.iterdir()] == ["new"]

    def test_a_file_that_is_removed_while_somebody_goes_on_gets_no_hole(
        self, ssh_place: Any, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The push ends with an error, and nothing is there."""
        monkeypatch.setattr(Sftp, "chunk", 8 << 10)
        source = next(long.rglob("*part001"))
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        place = ssh_place()
        partial = tmp_path / "there" / "incoming" / f"{digest}.{_pusher(source)}"
        partial.parent.mkdir()
        partial.write_bytes(source.read_bytes()[:30_000])
        resume = Sftp._resume

        async def removes(self: Sftp, path: str, of: Path) -> int:
            start = await resume(self, path, of)
            partial.unlink()
            return start

        monkeypatch.setattr(Sftp, "_resume", removes)
        with contextlib.closing(place.open()) as remote:
            with pytest.raises(OSError, match="No such file"):
                remote.send(source, object_path(digest), digest, lambda _: None)
            assert remote.size(object_path(digest)) is None

    def test_a_full_disk_is_said_and_goes_on_when_there_is_room(
        self, ssh_place: Any, long: Path, tmp_path: Path
    ) -> None:
        """Nothing is visible before."""
        disk = tmp_path / "disk"
        disk.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", "size=100k", "none", str(disk)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("no right to mount a small disk")
        try:
            with contextlib.closing(ssh_place(disk).open()) as remote:
                store = Store(remote)
                with pytest.raises(RemoteError, match="bytes are free there: make room"):
                    store.push(long)
                assert store.names() == []
            subprocess.run(["mount", "-o", "remount,size=10m", disk], check=True)
            with contextlib.closing(ssh_place(disk).open()) as remote:
                assert Store(remote).push(long) < sum(scan(long).files.values())
                pull(Store(remote), "long", "1", tmp_path / "got")
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    def test_permissions_are_those_of_the_root(
        self, ssh_place: Any, made: Path, tmp_path: Path
    ) -> None:
        """So that others of a group go on in them."""
        place = ssh_place()
        (tmp_path / "there").chmod(0o2775)
        with contextlib.closing(place.open()) as remote:
            Store(remote).push(made)
        folders = [each for each in (tmp_path / "there").rglob("*") if each.is_dir()]
        assert {each.stat().st_mode & 0o7777 for each in folders} == {0o2775}
        files = [each for each in (tmp_path / "there").rglob("*") if each.is_file()]
        assert {each.stat().st_mode & 0o7777 for each in files} == {0o664}


def test_a_remote_that_lies_is_found_out(ssh_place: Any, made: Path, tmp_path: Path) -> None:
    """By the hash of what comes; by its list, which may name nothing elsewhere."""
    place = ssh_place()
    there = tmp_path / "there"
    with contextlib.closing(place.open()) as remote:
        store = Store(remote)
        store.push(made)
        listing = (there / "datasets/short/1").read_bytes()
        digest = parse_listing(listing, "")["README.md"]
        victim = there / object_path(digest)
        victim.write_bytes(bytes(victim.stat().st_size))
        with pytest.raises(DatasetError, match="SHA-256 is"):
            pull(store, "short", "1", tmp_path / "got")
        (there / "datasets/short/1").write_bytes(listing + b"0" * 64 + b"  ../out\n")
        with pytest.raises(DatasetError, match="short/1: "):
            pull(store, "short", "1", tmp_path / "other")
    assert not (tmp_path / "got").exists()
    assert not (tmp_path / "out").exists()
