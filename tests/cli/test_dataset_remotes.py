from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec

SAID = ("--title", "T", "--author", "Ada", "--licence", "CC0-1.0", "-q")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user of its own, with a run of eight frames in the working folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.home() / ".cache"))  # of kernels
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    words = ("--rate", "54", "--snr", "16.5", "--frames", "8", "--length", "200", "--seed", "1")
    assert _wtrec("simulate", "-w", "run.pcapng", *words).exit_code == 0
    assert _wtrec("replay", "run.pcapng", "--algo", "crc-flip", "-q").exit_code == 0


def _wtrec(*words: str) -> Result:
    return CliRunner().invoke(wtrec, list(words))


def _dataset(*words: str) -> Result:
    return _wtrec("dataset", *words)


def test_a_remote_has_a_name() -> None:
    """Added, listed, used, removed."""
    Path("team").mkdir()
    assert _dataset("create", "hall", "run.pcapng", *SAID).exit_code == 0
    assert _dataset("remote", "add", "disk", "team").exit_code == 0
    found = json.loads(_dataset("remote", "list", "--format", "json").output)
    assert found == [{"name": "disk", "url": str(Path("team").absolute())}]
    assert "disk" in _dataset("remote", "list").output
    assert Path("home/.config/wtrec/config.toml").is_file()
    assert _dataset("push", "hall-1", "disk").exit_code == 0
    assert "hall" in _dataset("list", "disk").output
    (entry,) = json.loads(_dataset("list", "disk", "--format", "json").output)
    assert (entry["name"], entry["frames"]) == ("hall", 8)
    assert _dataset("remote", "remove", "disk").exit_code == 0
    assert _dataset("list", "disk").exit_code == 2
    done = _dataset("remote", "add", "x", "sftp://ada:geheim@lab/srv")
    assert done.exit_code == 1
    assert "no password in a URL" in str(done.exception)


def test_a_part_is_pulled_and_verified() -> None:
    """It says what is not here; kinds are checked first."""
    assert _dataset("create", "hall", "run.pcapng", *SAID).exit_code == 0
    assert _dataset("push", "hall-1", "team", "--init").exit_code == 0
    Path("there").mkdir()
    assert _dataset("pull", "team", "hall", "-d", "there", "--only", "rsults").exit_code == 2
    assert _dataset("pull", "team", "hall", "-d", "there", "--only", "").exit_code == 2
    assert _dataset("pull", "team", "hall", "-d", "there", "--only", "results").exit_code == 0
    done = _dataset("verify", "there/hall-1")
    assert done.exit_code == 0
    size = Path("hall-1/data/runs/run/run.pcapng").stat().st_size
    assert f"data/runs/run/run.pcapng: not here, {size:,} bytes" in done.stdout
    assert "a part of the dataset" in done.stdout
    value = json.loads(_dataset("verify", "there/hall-1", "--format", "json").stdout)
    assert {"path": "data/runs/run/run.pcapng", "bytes": size} in value["absent"]


def test_a_dataset_here_is_named_everywhere() -> None:
    """By its name, of the newest version, or with a version."""
    for version in ("1", "1.10", "1.9"):
        made = _dataset("create", "hall", "run.pcapng", *SAID, "--version", version)
        assert made.exit_code == 0
    for words in (["verify"], ["info"]):
        assert "hall-1.10:" in _dataset(*words, "hall").output
    assert '"1.10' in _dataset("export", "hall", "--format", "croissant").output
    assert _dataset("push", "hall@1.9", "team", "--init").exit_code == 0
    assert "1.9" in _dataset("list", "team").output
    done = _dataset("verify", "hal")
    assert done.exit_code == 1
    assert "hal: no such dataset; wtrec dataset list shows those here" in str(done.exception)
    assert "are one dataset" in _dataset("diff", "hall", "hall@1.10").stderr


def test_a_push_that_is_refused_makes_no_place() -> None:
    """What is verified first is not sound."""
    assert _dataset("create", "hall", "run.pcapng", *SAID).exit_code == 0
    with Path("hall-1/data/runs/run/run.pcapng").open("ab") as file:
        file.write(b"more")
    assert _dataset("push", "hall-1", "team", "--init").exit_code == 1
    assert not Path("team").exists()
    assert _dataset("push", "hall-1", "sftp://lab/srv", "--init").exit_code == 2
