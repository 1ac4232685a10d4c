from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import main, wtrec
from wtrec.datasets.sharing.dataset import PATH

SAID = ("--title", "T at 192.0.2.1", "--author", "Ada <ada@example.org>", "--licence", "CC0-1.0")


@pytest.fixture
def capture(
    tmp_path: Path,
    write_capture: Callable[..., Path],
    udp_frame: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Three frames in the working folder, of zeros."""
    monkeypatch.chdir(tmp_path)
    return write_capture(tmp_path / "run.pcapng", [udp_frame(bytes(60), n) for n in range(3)])


def _dataset(*words: str) -> Result:
    return CliRunner().invoke(wtrec, ["dataset", *words])


def _error(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["wtrec", "dataset", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_report_says_what_was_done_to_how_many(capture: Path) -> None:
    """As text, as JSON, and in the metadata, whose addresses are replaced."""
    done = _dataset("anonymize", "a", str(capture), *SAID, "--payload", "zeros")
    assert done.exit_code == 0, done.output
    assert "3 frames intact" in done.stdout
    assert "3 payloads of a public rule kept" in done.stdout
    value = json.loads(Path("a-1", PATH).read_text())
    assert "192.0.2.1" not in value["title"]
    assert value["title"].startswith("T at ")
    assert "3 frames intact" in value["sanitisation"]
    words = ("--payloads", "replace", "--version", "2", "--format", "json")
    done = _dataset("anonymize", "a", str(capture), *SAID, *words)
    report = json.loads(done.stdout)
    assert report["path"] == "a-2"
    assert report["frames"]["own"] == report["payloads_replaced"] == 3
    assert report["times_shifted"] is False


def test_a_dataset_gives_its_metadata_but_not_its_doi(capture: Path) -> None:
    """Options come before them."""
    words = ("--doi", "10.5281/zenodo.1", "--sanitisation", "None.", "-q")
    assert _dataset("create", "o", str(capture), *SAID, *words).exit_code == 0
    done = _dataset("anonymize", "a", "o-1", "--title", "Another")
    assert done.exit_code == 0, done.output
    value = json.loads(Path("a-1", PATH).read_text())
    assert value["title"] == "Another"
    assert value["authors"][0]["name"] == "Ada"
    assert value["doi"] == ""
    assert value["sanitisation"].startswith("None. Anonymised by wtrec")


def test_the_key_file_is_made_and_used_again(
    capture: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And refused where others may read it."""
    words = (*SAID, "--key-file", "key", "-q")
    for name in ("a", "b"):
        assert _dataset("anonymize", name, str(capture), *words).exit_code == 0
    one, other = (Path(f"{name}-1/data/runs/run/run.pcapng").read_bytes() for name in "ab")
    assert one == other
    assert b"key" not in [path.name.encode() for path in Path("a-1").rglob("*")]
    Path("key").chmod(0o644)
    assert _error(monkeypatch, "anonymize", "c", str(capture), *words) == 1
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("run.pcapng", *SAID, "--payload", "zeros", "--truth", "siblings"),
        ("run.pcapng", *SAID, "--payload", "no rule"),
        ("run.pcapng", *SAID, "--shift-time", "soon"),
        ("run.pcapng", ".", *SAID),
        ("nothing.pcapng", *SAID),
    ],
)
def test_contradictions_are_usage_errors(capture: Path, words: tuple[str, ...]) -> None:
    """Nothing is made."""
    assert capture.exists()
    assert _dataset("anonymize", "a", *words).exit_code == 2
    assert not Path("a-1").exists()


@pytest.mark.parametrize("words", [("run.pcapng", "--title", "T"), (".", *SAID)])
def test_missing_metadata_and_folders_that_are_no_dataset_are_errors(
    capture: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, nothing is made."""
    assert capture.exists()
    assert _error(monkeypatch, "anonymize", "a", *words) == 1
    assert not Path("a-1").exists()
