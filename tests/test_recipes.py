"""The recipes of docs/interchange.md read a dataset that wtrec has made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec

PAGE = Path(__file__).resolve().parents[1] / "docs" / "interchange.md"
RECIPES = re.findall(r"```(\w+) recipe\n(.*?)```", PAGE.read_text(), re.DOTALL)
PYTHON = [code for language, code in RECIPES if language == "python"]
R = [code for language, code in RECIPES if language == "r"]


def _library(code: str) -> str:
    return code.removeprefix("library(").partition(")")[0]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the dataset attic-1."""
    folder = tmp_path_factory.mktemp("recipes")
    capture = folder / "run.pcapng"
    said = ("--title", "T", "--author", "Ada Lovelace", "--licence", "CC0-1.0", "-q")
    for words in (
        ("simulate", "-w", capture, "--rate", "54", "--snr", "16.5", "--frames", "8"),
        ("replay", capture, "--algo", "crc-flip", "-q"),
        ("dataset", "create", "attic", capture, "-d", folder, *said),
    ):
        done = CliRunner().invoke(wtrec, [str(word) for word in words])
        assert done.exit_code == 0, done.output
    return folder


def _run(command: list[str], place: Path, **variables: str) -> str:
    environment = os.environ | variables
    done = subprocess.run(
        command, cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_there_is_one_for_each_tool() -> None:
    """Of three lines."""
    tools = ["pandas", "polars", "duckdb", "arrow", "reticulate"]
    assert [code.split()[1] for code in PYTHON] + [_library(code) for code in R] == tools
    assert {len(re.findall(".+", code)) for _, code in RECIPES} == {3}


@pytest.mark.parametrize("code", PYTHON, ids=lambda code: code.split()[1])
def test_python_recipes_run(code: str, place: Path) -> None:
    """And find what the algorithm did."""
    said = _run([sys.executable, "-c", code], place)
    assert "abstained" in said or "repaired" in said


@pytest.mark.slow
@pytest.mark.parametrize("code", R, ids=_library)
def test_r_recipes_run(code: str, place: Path) -> None:
    """Where there is R with the package."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("there is no Rscript: apt install r-base-core r-cran-reticulate")
    load = [rscript, "-e", f"library({_library(code)})"]
    if subprocess.run(load, capture_output=True, check=False).returncode:
        pytest.skip(f"R has no package {_library(code)}")
    python = {"RETICULATE_PYTHON": sys.executable}
    said = _run([rscript, "-e", code], place, **python)
    assert "abstained" in said or "repaired" in said
