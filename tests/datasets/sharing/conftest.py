"""A small dataset of two simulated runs, with everything that a run can have."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.create import create

METADATA: dict[str, Any] = {
    "title": "Two short runs",
    "authors": [{"name": "Ada Lovelace", "affiliation": "A lab", "email": "ada@example.org"}],
    "licence": "CC-BY-4.0",
    "purpose": "Tests.",
    "keywords": ["tests"],
}


def _wtrec(*words: object) -> None:
    done = CliRunner().invoke(wtrec, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two captures with all that belongs to them."""
    folder = tmp_path_factory.mktemp("runs")
    captures = [folder / "near.pcapng", folder / "far.pcapng"]
    for seed, capture in enumerate(captures):
        words = ("--rate", 54, "--snr", 16.5, "--frames", 8, "--length", 200, "--seed", seed)
        _wtrec("simulate", "-w", capture, *words)
    _wtrec("replay", captures[0], "--algo", "crc-flip", "-q")
    _wtrec("convert", captures[0], "-o", folder / "near.masks.parquet", "-q")
    _wtrec("convert", captures[0], "-o", folder / "near.frames.parquet", "-q")
    return captures


@pytest.fixture(scope="session")
def made(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset; not to be changed."""
    target = tmp_path_factory.mktemp("made") / "short-1"
    create(target, runs, name="short", version="1", metadata=METADATA)
    return target


@pytest.fixture
def bag(made: Path, tmp_path: Path) -> Path:
    """A copy of the dataset, for a test to damage."""
    return Path(shutil.copytree(made, tmp_path / "short-1"))
