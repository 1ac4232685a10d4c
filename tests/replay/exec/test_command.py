"""How programs are named and found."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.errors import AlgorithmError
from wtrec.replay.exec.command import find, results_name, split, words


class TestSplit:
    """Options before a command."""

    @pytest.mark.parametrize(
        ("text", "options", "command"),
        [
            ("./decoder", "", "./decoder"),
            ("./decoder --map a=b:c", "", "./decoder --map a=b:c"),
            ("timeout=5:./decoder --flag", "timeout=5", "./decoder --flag"),
            ("timeout=5,restarts=2:./a:b", "timeout=5,restarts=2", "./a:b"),
            ("name=:./decoder", "name=", "./decoder"),
            (":a=b:c", "", "a=b:c"),
            ("http://x", "", "http://x"),
            ("a=b c=d:e", "", "a=b c=d:e"),
            ("", "", ""),
        ],
    )
    def test_options(self, text: str, options: str, command: str) -> None:
        """They end at the first colon, and are none if they do not look like some."""
        assert split(text) == (options, command)


class TestWords:
    """Command lines."""

    def test_quotes(self) -> None:
        """A shell's quotes, and none of its other powers."""
        assert words("./a 'b c' \"$HOME\" ; d") == ["./a", "b c", "$HOME", ";", "d"]

    @pytest.mark.parametrize("command", ["", "  ", "./a 'b"])
    def test_refused(self, command: str) -> None:
        """Nothing, and quotes that do not end."""
        with pytest.raises(ValueError, match="wanted a command line"):
            words(command)


class TestFind:
    """Programs on the PATH and off it."""

    def test_found(self, program: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
        """By a path from here, and by a name on the PATH; links stay."""
        path = program("#!/bin/sh\n")
        link = path.with_name("link")
        link.symlink_to(path)
        monkeypatch.chdir(path.parent)
        assert find("./decoder") == path
        monkeypatch.setenv("PATH", str(path.parent))
        assert find("link") == link

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("./missing", "no such file; check the path"),
            ("missing", r"not on the PATH; a file beside you is \./missing"),
            ("plain", r"not on the PATH; a file beside you is \./plain"),
            ("./plain", r"not executable; chmod \+x \./plain"),
            ("./folder", "a folder, wanted a program; name the file in it"),
        ],
    )
    def test_not_found(
        self, name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The message says why, and what to do."""
        (tmp_path / "plain").write_text("")
        (tmp_path / "folder").mkdir()
        monkeypatch.chdir(tmp_path)
        with pytest.raises(AlgorithmError, match=f"^exec: {name} cannot be started: {message}$"):
            find(name)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("./decoder", "decoder"),
        ("../bin/my decoder.v2.py", "my-decoder-v2-py"),
        ("./...", "decoder"),
        (sys.executable, Path(sys.executable).name.replace(".", "-")),
        ("a" * 200, "a" * 64),
        ("/", "decoder"),
    ],
)
def test_results_name(program: str, name: str) -> None:
    """Names of files hold letters, digits, hyphens and underscores."""
    assert results_name(program) == name
