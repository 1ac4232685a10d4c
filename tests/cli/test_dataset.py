from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from wtrec.cli.dataset.options import named_dataset
from wtrec.cli.main import main, wtrec
from wtrec.datasets.sharing.dataset import PATH, schema
from wtrec.errors import DatasetError

from .. import forked

SAID = ("--title", "T", "--author", "Ada <ada@example.org>", "--licence", "CC0-1.0")


@pytest.fixture
def capture(
    tmp_path: Path,
    write_capture: Callable[..., Path],
    udp_frame: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A capture of three frames in the working folder, one of them broken."""
    monkeypatch.chdir(tmp_path)
    frames = [udp_frame(bytes(100), number) for number in range(3)]
    frames[1] = frames[1][:-1] + bytes([frames[1][-1] ^ 1])
    return write_capture(tmp_path / "run.pcapng", frames)


def _dataset(*words: str) -> Result:
    return CliRunner().invoke(wtrec, ["dataset", *words])


def _fails(*words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of the console script's function."""
    monkeypatch.setattr(sys, "argv", ["wtrec", "dataset", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


class TestCreate:
    """wtrec dataset create."""

    def test_options_and_a_file_say_what_it_is(self, capture: Path) -> None:
        """Options come before the file."""
        Path("meta.toml").write_text(
            'title = "From the file"\nlicence = "CC0-1.0"\nhardware = "AR9271"\n'
            'authors = ["Bob <b@example.org>", {name = "Eve", orcid = "0000-0001-2345-678X"}]\n'
            'keywords = ["hall"]\n'
        )
        words = ("--metadata", "meta.toml", "--title", "T", "--version", "1.2", "-q")
        done = _dataset("create", "hall", str(capture), *words)
        assert done.exit_code == 0, done.output
        value = json.loads(Path("hall-1.2", PATH).read_text())
        assert list(Draft202012Validator(schema()).iter_errors(value)) == []
        assert value["title"] == "T"
        assert value["hardware"] == "AR9271"
        assert [author["name"] for author in value["authors"]] == ["Bob", "Eve"]
        assert value["authors"][0]["email"] == "b@example.org"
        assert value["runs"][0]["files"][0]["counts"]["bad"] == 1

    def test_without_a_terminal_missing_metadata_is_an_error(
        self, capture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One line, which says what is missing."""
        assert _fails("create", "hall", str(capture), "--title", "T", monkeypatch=monkeypatch) == 1
        assert "nothing is said of: authors, licence" in capsys.readouterr().err
        assert not Path("hall-1").exists()

    @pytest.mark.parametrize("text", ["title = ", "tittle = 'x'", "title = ['x']"])
    def test_a_file_that_says_it_wrongly_is_an_error(
        self, capture: Path, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No TOML, an unknown name, a wrong type."""
        Path("meta.toml").write_text(text)
        words = ("--metadata", "meta.toml", *SAID[2:], "-q")
        assert _fails("create", "hall", str(capture), *words, monkeypatch=monkeypatch) == 1

    def test_a_terminal_asks_for_what_is_missing(self, capture: Path) -> None:
        """What must be said is asked again; an empty line leaves out the rest."""
        ours, theirs = pty.openpty()
        words = ["dataset", "create", "hall", str(capture), "--purpose", "p"]
        answers = "\nA title\nAda <a@example.org>; Bob\nCC0-1.0\nA hall\n" + "\n" * 8
        os.write(ours, answers.encode())
        with forked.popen(words, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE) as asked:
            os.close(theirs)
            said = b""
            while True:
                try:
                    said += os.read(ours, 4096)
                except OSError:  # everybody else has closed it
                    break
        os.close(ours)
        assert asked.returncode == 0, said.decode()
        value = json.loads(Path("hall-1", PATH).read_text())
        assert value["title"] == "A title"
        assert [author["name"] for author in value["authors"]] == ["Ada", "Bob"]
        assert value["purpose"] == "p"
        assert value["collection_environment"] == "A hall"
        assert value["limitations"] == ""

    def test_a_cut_capture_is_a_loss(self, capture: Path) -> None:
        """Exit code 3: the dataset is there."""
        os.truncate(capture, capture.stat().st_size - 3)
        done = _dataset("create", "hall", str(capture), *SAID)
        assert done.exit_code == 3
        assert "the file ends inside a record" in done.stderr
        assert _dataset("verify", "hall-1").exit_code == 0


class TestLooking:
    """wtrec dataset info, list and verify."""

    @pytest.fixture(autouse=True)
    def _made(self, capture: Path) -> None:
        assert _dataset("create", "hall", str(capture), *SAID, "-q").exit_code == 0

    def test_info_says_what_it_is(self) -> None:
        """As text, and as dataset.json has it."""
        text = _dataset("info", "hall-1").output
        assert "hall, version 1" in text
        assert "frames 3, good 2, bad 1" in text
        value = json.loads(_dataset("info", "hall-1", "--format", "json").output)
        assert value.pop("path") == "hall-1"
        assert value == json.loads(Path("hall-1", PATH).read_text())

    def test_a_name_is_that_of_no_longer_name(self, capture: Path) -> None:
        """However much the rest of a folder's name looks like a version."""
        for name, version in (("hall-2024-night", "1"), ("hall-9", "7"), ("hall", "1.10")):
            words = ("create", name, str(capture), "--version", version, *SAID, "-q")
            assert _dataset(*words).exit_code == 0
        for named, folder in (
            ("hall", "hall-1.10"),
            ("hall@1", "hall-1"),
            ("hall-2024-night", "hall-2024-night-1"),
            ("hall-9", "hall-9-7"),
        ):
            assert named_dataset(Path(named)) == Path(folder)
        for named in ("hall@2024-night-1", "hall-2024", "hall@9-7", "ha", "hall@*"):
            with pytest.raises(DatasetError, match="no such dataset"):
                named_dataset(Path(named))

    def test_list_finds_datasets_and_says_what_it_cannot_read(self) -> None:
        """Those in a folder, or the folder itself."""
        for words in ((), ("hall-1",)):
            (found,) = json.loads(_dataset("list", *words, "--format", "json").output)
            assert (found["name"], found["version"]) == ("hall", "1")
        Path("broken", "data").mkdir(parents=True)
        Path("broken", PATH).write_text("{")
        done = _dataset("list")
        assert done.exit_code == 3
        assert "hall" in done.stdout
        assert "broken/data/dataset.json: no JSON" in done.stderr

    def test_push_and_pull_bring_it_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A store is made only when it is asked for; without a version, the newest comes."""
        assert _dataset("push", "hall-1", "team").exit_code == 2
        for copied in (True, False):  # the second time, all is there
            done = _dataset("push", "hall-1", "team", "--init")
            assert done.exit_code == 0, done.output
            assert ("team, 0 bytes copied" in done.stdout) is not copied
        Path("there").mkdir()
        assert _dataset("pull", "team", "hall", "-d", "there").exit_code == 0
        assert _dataset("verify", "there/hall-1").exit_code == 0
        for name in ("hall", "hall@2", "nothing", "../x"):
            assert _fails("pull", "team", name, "-d", "there", monkeypatch=monkeypatch) == 1

    def test_verify_lists_all_problems(self) -> None:
        """Exit code 1 where there are some."""
        assert _dataset("verify", "hall-1").stdout.startswith("hall-1: no problem in 8 files")
        Path("hall-1", "README.md").write_text("x")
        Path("hall-1", "data", "more").write_text("x")
        done = _dataset("verify", "hall-1")
        assert done.exit_code == 1
        assert "README.md: SHA-256 is" in done.stdout
        assert "data/more: no manifest lists it" in done.stdout
        verdict = json.loads(_dataset("verify", "hall-1", "--format", "json").stdout)
        assert not verdict["sound"]
        assert {problem["path"] for problem in verdict["problems"]} >= {"README.md", "data/more"}
