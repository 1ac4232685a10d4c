"""Two people with a home each, and the program as they call it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.bag import scan

WTREC = str(Path(sys.executable).with_name("wtrec"))


class User:
    """Somebody with a home and a working folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "work"
        self.folder.mkdir(parents=True, exist_ok=True)

    def apart(self, *words: str | Path, exit_code: int = 0) -> str:
        """Run ``wtrec dataset`` as a program; what it printed."""
        environment = {**os.environ, "HOME": str(self.home)}
        for name in ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        done = subprocess.run(
            [WTREC, "dataset", *words],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout if exit_code == 0 else done.stderr

    def __call__(self, *words: str | Path, exit_code: int = 0) -> str:
        """The same in this process, which takes less time."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HOME", str(self.home))
            patch.chdir(self.folder)
            for name in ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME"):
                patch.delenv(name, raising=False)
            done = CliRunner().invoke(wtrec, ["dataset", *map(str, words)])
        assert done.exit_code == exit_code, (done.output, done.exception)
        return done.stdout if exit_code == 0 else str(done.exception)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path: (folder / path).read_bytes() for path in scan(folder).files}


def test_they_share_a_dataset_over_ssh(
    sshd: Any, s3_place: Any, web: Any, runs: list[Path], tmp_path: Path
) -> None:
    """Create, push, list, pull, verify: the same bytes; then from a web server, and by S3."""
    there = tmp_path / "there"
    there.mkdir()
    ada, bob = (User(sshd.home(tmp_path / name)) for name in ("ada", "bob"))
    for user in (ada, bob):
        user("remote", "add", "lab", f"sftp://lab{there}")
    said = ("--title", "A hall", "--author", "Ada", "--licence", "CC0-1.0", "-q")
    ada("create", "hall", runs[0], *said)
    assert " 0 bytes" not in ada("push", "hall-1", "lab")
    assert " 0 bytes" in ada("push", "hall-1", "lab")
    (listed,) = json.loads(bob.apart("list", "lab", "--format", "json"))
    assert (listed["name"], listed["title"], listed["frames"]) == ("hall", "A hall", 8)
    bob.apart("pull", "lab", "hall")
    assert json.loads(bob("verify", "hall-1", "--format", "json"))["sound"]
    assert _contents(bob.folder / "hall-1") == _contents(ada.folder / "hall-1")

    bob("remote", "add", "web", web(there).url)
    shutil.rmtree(bob.folder / "hall-1")
    bob("pull", "web", "hall@1")
    assert _contents(bob.folder / "hall-1") == _contents(ada.folder / "hall-1")
    assert "read-only" in bob("push", "hall-1", "web", exit_code=1)

    bucket = s3_place()
    bob("push", "hall-1", bucket.url)
    shutil.rmtree(ada.folder / "hall-1")
    ada("pull", bucket.url, "hall")
    assert _contents(ada.folder / "hall-1") == _contents(bob.folder / "hall-1")


def test_what_goes_wrong_is_one_line(sshd: Any, tmp_path: Path) -> None:
    """An unknown host, a password, a name that nobody gave."""
    user = User(sshd.home(tmp_path / "ada"))
    (user.home / ".ssh" / "known_hosts").unlink()
    for words in (
        ("list", f"sftp://lab{tmp_path}"),
        ("pull", "sftp://a:geheim@lab/", "hall"),
    ):
        said = user.apart(*words, exit_code=1)
        assert said.startswith("wtrec: ")
        assert said.count("\n") == 1
        assert "geheim" not in said
