"""A small dataset with tables of each kind, and the validators of others, installed apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.dataset import PATH, Dataset, load

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("mlcroissant[parquet]==1.1.1", "cffconvert==2.0.0", "datacite==1.4.1")


def _wtrec(*words: object) -> None:
    done = CliRunner().invoke(wtrec, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset; not to be changed."""
    folder = tmp_path_factory.mktemp("interchange")
    capture = folder / "near.pcapng"
    words = ("--rate", 54, "--snr", 16.5, "--frames", 8, "--length", 200)
    _wtrec("simulate", "-w", capture, *words)
    _wtrec("replay", capture, "--algo", "crc-flip", "-q")
    _wtrec("convert", capture, "-o", folder / "near.masks.parquet", "-q")
    _wtrec("convert", capture, "-o", folder / "near.frames.parquet", "-q")
    metadata = {
        "title": 'Two: "short" runs — \U0001f4e1',
        "authors": [
            {"name": "Ada Lovelace", "affiliation": "A lab", "orcid": "0000-0001-2345-678X"},
            {"name": "Ludwig van Beethoven", "email": "l@example.org"},
            {"name": "Laboratory"},
        ],
        "licence": "CC-BY-4.0",
        "purpose": "Tests:\n- of\u2028exports.",
        "methodology": "Simulated.",
        "doi": "10.5281/zenodo.1234567",
        "keywords": ["802.11", "# bit errors"],
    }
    target = folder / "short-1.2"
    create(target, [capture], name="short", version="1.2", metadata=metadata)
    return target


@pytest.fixture(scope="session")
def dataset(made: Path) -> Dataset:
    """What it holds."""
    return load((made / PATH).read_bytes(), str(made))


@pytest.fixture(scope="session")
def validators() -> Path:
    """A Python with the validators, in an environment of its own: they want other versions.

    It is made once, beside ours; that takes minutes.
    """
    folder = ROOT / ".venv" / "validators"
    stamp = folder / "stamp"
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
        done = subprocess.run(
            [*pip, "--disable-pip-version-check", *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"the validators cannot be installed: {done.stderr.splitlines()[-1:]}")
        stamp.write_text(" ".join(PACKAGES))
    return python
