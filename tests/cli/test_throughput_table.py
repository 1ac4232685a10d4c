"""What ``wtrec analyze`` prints of what repairs are worth."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from wtrec.cli.main import wtrec

BITS = ["--channel", "bsc", "--ber", "1e-3"]
NOTE = "seen saved above 100 %: "


def run(*words: object) -> str:
    done = CliRunner().invoke(wtrec, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_more_than_all_is_explained(tmp_path: Path) -> None:
    """By retry, what repairs of first tries saved are other groups' frames."""
    path = tmp_path / "run.pcapng"
    run("simulate", "-w", path, *BITS, "--frames", 60, "--retries", 3, "--length", 300, "-q")
    run("replay", path, "--algo", "crc-flip", "-q")
    assert NOTE in run("analyze", path, "--by", "retry")
    assert NOTE not in run("analyze", path)
