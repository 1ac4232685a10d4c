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

from .... import forked

WTREC = str(Path(sys.executable).with_name("wtrec"))


class User:
    """Somebody with a home and a working folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / "work"
        self.folder.mkdir(parents=True, exist_ok=True)

    def apart(self, *words: str | Path, exit_code: int = 0) -> str:
        """Run ``wtrec dataset`` as a program; what it printed."""
        done = subprocess.run(
            [WTREC, "dataset", *words],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stderr
        return done.stdout if exit_code == 0 else done.stderr

    def forked(self, *words: str | Path, exit_code: int = 0) -> str:
        """The same, without the time that it takes to start."""
        done = forked.run(["dataset", *words], cwd=self.folder, env=self._environment())
        assert done.returncode == exit_code, done.stderr
        return str(done.stdout if exit_code == 0 else done.stderr)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "HOME": str(self.home)}
        for name in ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        return environment

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


@pytest.fixture
def users(tmp_path: Path) -> tuple[User, User]:
    """Ada, who has a run, and Bob, who wants it."""
    return User(tmp_path / "ada"), User(tmp_path / "bob")


def _share(users: tuple[User, User], run: Path, push_to: str, pull_from: str = "") -> None:
    """Create, push, list, pull, verify, reproduce: the same bytes, and the same numbers."""
    ada, bob = users
    ada("remote", "add", "lab", push_to)
    bob("remote", "add", "lab", pull_from or push_to)
    said = ("--title", "A hall", "--author", "Ada", "--licence", "CC0-1.0", "-q")
    ada("create", "hall", run, *said)
    assert " 0 bytes" not in ada("push", "hall-1", "lab")
    assert " 0 bytes" in ada("push", "hall-1", "lab")
    (listed,) = json.loads(bob("list", "lab", "--format", "json"))
    assert (listed["name"], listed["title"], listed["frames"]) == ("hall", "A hall", 8)
    bob("pull", "lab", "hall")
    assert json.loads(bob("verify", "hall-1", "--format", "json"))["sound"]
    assert _contents(bob.folder / "hall-1") == _contents(ada.folder / "hall-1")
    made = [json.loads(user("reproduce", "hall-1", "--format", "json", "-q")) for user in users]
    for each in made:
        assert each["same"]
        assert len(each["files"]) > 1
        for file in each["files"]:
            assert (file["verdict"], file["differing"], file["unjudged"]) == ("same", 0, [])
            assert file["numbers"] == file["rows"]["same"] > 0
    assert made[0]["files"] == made[1]["files"]


class TestTheyShareADataset:
    """At every kind of place."""

    def test_in_a_folder(self, users: tuple[User, User], runs: list[Path], tmp_path: Path) -> None:
        """Which both can write."""
        (tmp_path / "there").mkdir()
        _share(users, runs[0], str(tmp_path / "there"))

    def test_over_ssh(
        self, sshd: Any, users: tuple[User, User], runs: list[Path], tmp_path: Path
    ) -> None:
        """With a key each; once more by the program itself."""
        (tmp_path / "there").mkdir()
        for user in users:
            sshd.home(user.home)
        _share(users, runs[0], f"sftp://lab{tmp_path}/there")
        _, bob = users
        shutil.move(bob.folder / "hall-1", bob.folder / "before")
        bob.apart("pull", "lab", "hall@1")
        assert _contents(bob.folder / "hall-1") == _contents(bob.folder / "before")

    def test_over_s3(self, s3_place: Any, users: tuple[User, User], runs: list[Path]) -> None:
        """In a bucket."""
        _share(users, runs[0], s3_place().url)

    def test_from_a_web_server(
        self, web: Any, users: tuple[User, User], runs: list[Path], tmp_path: Path
    ) -> None:
        """To which nobody pushes."""
        (tmp_path / "there").mkdir()
        _share(users, runs[0], str(tmp_path / "there"), web(tmp_path / "there").url)
        assert "read-only" in users[1]("push", "hall-1", "lab", exit_code=1)


def test_what_goes_wrong_is_one_line(sshd: Any, tmp_path: Path) -> None:
    """An unknown host, a password, a name that nobody gave."""
    user = User(sshd.home(tmp_path / "ada"))
    (user.home / ".ssh" / "known_hosts").unlink()
    for words in (
        ("list", f"sftp://lab{tmp_path}"),
        ("pull", "sftp://a:geheim@lab/", "hall"),
    ):
        said = user.forked(*words, exit_code=1)
        assert said.startswith("wtrec: ")
        assert said.count("\n") == 1
        assert "geheim" not in said
