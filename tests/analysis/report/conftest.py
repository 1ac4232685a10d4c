"""A small simulated run, its report and its figures, made by the commands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.analyze import analyze
from wtrec.cli.replay import replay as replay_command
from wtrec.cli.simulate import simulate
from wtrec.datasets.run import Run, run_json_path

HOSTILE = "<script>alert('ours')</script> & $x^"


def run(command: Any, *words: object) -> str:
    """What a command prints; it must succeed."""
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


@dataclass(frozen=True)
class Made:
    """What the commands left."""

    capture: Path
    page: Path
    figures: Path
    table: str


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Independent bit errors at two rates, two replays, and a comment that is no friend's."""
    folder = tmp_path_factory.mktemp("report")
    capture = folder / "run.pcapng"
    grid = ["--rate", 11, "--rate", 54, "--ber", 4e-4, "--frames", 40, "--length", 300]
    run(simulate, "-w", capture, "--channel", "bsc", *grid, "-q")
    for flips in (1, 2):
        algorithm = f"crc-flip:max_flips={flips}"
        results = folder / f"run.flip{flips}.parquet"
        run(replay_command, capture, "--algo", algorithm, "-o", results, "-q")
    path = run_json_path(capture)
    replace(Run.load(path), comment=HOSTILE, meta={"<b>place</b>": "lab"}).save(path)
    page, figures = folder / "out.html", folder / "figures"
    table = run(analyze, capture, "-q", "--report", page, "--figures", figures)
    return Made(capture, page, figures, table)
