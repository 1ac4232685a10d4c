"""The wheel and the source distribution hold the package, and nothing beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files in a folder with another name."""
    folder = tmp_path_factory.mktemp("packaging") / "some-clone"
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    for name in filter(None, names):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    return folder


def _build(source: Path, kind: str, out: Path) -> Path:
    out.mkdir(exist_ok=True)
    code = f"from setuptools.build_meta import build_{kind}; print(build_{kind}({str(out)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=source, capture_output=True, text=True, check=True
    )
    return out / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(checkout: Path) -> Path:
    """The source distribution of the checkout."""
    return _build(checkout, "sdist", checkout.parent / "sdist")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel, built from the source distribution alone."""
    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent, filter="data")
    source = sdist.parent / sdist.name.removesuffix(".tar.gz")
    return _build(source, "wheel", sdist.parent / "wheel")


class TestWheel:
    """What users install."""

    def test_it_installs_one_top_level_package(self, wheel: Path) -> None:
        """Nothing but wtrec: a top-level ``datasets`` would overwrite somebody else's."""
        names = zipfile.ZipFile(wheel).namelist()
        tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
        assert tops == {"wtrec"}

    def test_it_holds_every_module_and_the_typing_marker(self, wheel: Path) -> None:
        """All tracked modules of the packages are in it, tests and benchmarks are not."""
        names = set(zipfile.ZipFile(wheel).namelist())
        tracked = subprocess.run(
            ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split()
        left_out = ("tests/", "benchmarks/", "docs/")
        wanted = {f"wtrec/{name}" for name in tracked if not name.startswith(left_out)}
        assert {name for name in names if name.endswith(".py")} == wanted
        assert "wtrec/py.typed" in names

    def test_it_runs_from_where_it_is_installed(self, wheel: Path, tmp_path: Path) -> None:
        """Unpacked anywhere, the command works, and its algorithms are found."""
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)  # noqa: S202 - we built it
        code = (
            "import wtrec, sys; from wtrec.cli.main import main; "
            "print(wtrec.__file__); sys.argv = ['wtrec', 'algos']; main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
        )
        first, *rest = done.stdout.splitlines()
        assert Path(first) == tmp_path / "wtrec" / "__init__.py"
        assert any(line.startswith("crc-flip:") for line in rest)


class TestEditable:
    """What developers install."""

    def test_the_checkout_is_what_runs(self) -> None:
        """Wtrec is imported from this repository, so new files are visible at once."""
        code = "import wtrec; print(wtrec.__file__)"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
        )
        assert Path(done.stdout.strip()) == ROOT / "__init__.py"
