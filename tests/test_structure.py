"""The rules that keep the project in shape: packages, layers, links, names, start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Who may import whom, from the top down; a layer may import itself and those below it.
LAYERS = {
    "cli": 4,
    "recorder": 3,
    "replay": 3,
    "analysis": 3,
    "datasets": 2,
    "dot11": 1,
    "phy": 1,
    "jit": 0,
    "clock": 0,
    "closing": 0,
    "errors": 0,
}
NOT_PACKAGED = {"tests", "benchmarks", "docs", "typings", "build"}


def _modules() -> list[Path]:
    return sorted(
        path
        for path in ROOT.rglob("*.py")
        if not {part for part in path.relative_to(ROOT).parts if part.startswith(".")}
        and path.relative_to(ROOT).parts[0] not in NOT_PACKAGED
    )


def _imports(path: Path) -> set[str]:
    """The first component below wtrec of everything that a module imports, at any depth."""
    package = ("wtrec", *path.relative_to(ROOT).parts[:-1])
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            full = [(*base, *name.split(".")) for name in names]
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            full = [tuple(name.split(".")) for name in names]
        else:
            continue
        found |= {name[1] for name in full if name[0] == "wtrec" and len(name) > 1}
    return found


def test_every_folder_of_python_files_is_packaged() -> None:
    """A folder that pyproject.toml forgets would be missing from the wheel."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    folders = {path.parent.relative_to(ROOT).parts for path in _modules()}
    assert set(project["tool"]["setuptools"]["packages"]) == {
        ".".join(("wtrec", *folder)) for folder in folders
    }


def test_the_link_for_type_checkers_resolves() -> None:
    """typings/wtrec is the repository itself."""
    assert (ROOT / "typings" / "wtrec").resolve() == ROOT


@pytest.mark.parametrize("path", _modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path: Path) -> None:
    """Cli imports the parts, the parts import datasets, and no part imports another."""
    if path == ROOT / "__init__.py":  # the public interface shows names of all layers
        return
    layer = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for imported in _imports(path) - {layer}:
        assert imported in LAYERS, f"{layer} imports {imported}"
        assert LAYERS[imported] < LAYERS[layer], f"{layer} imports {imported}"


def test_the_module_map_is_checked_against_something() -> None:
    """The walk over the tree finds the modules that it judges."""
    names = {str(path.relative_to(ROOT)) for path in _modules()}
    assert {"errors.py", "cli/main.py", "dot11/fcs.py", "replay/algorithms/crc_flip.py"} <= names
    assert _imports(ROOT / "analysis" / "analyze.py") >= {"datasets", "errors"}


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["--version"],
        ["capture", "--help"],
        ["send", "--help"],
        ["receive", "--help"],
    ],
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    """Arrow, numpy and numba are for commands that work, not for those that explain."""
    code = (
        "import sys\n"
        "from wtrec.cli.main import wtrec\n"
        f"wtrec({command!r}, standalone_mode=False)\n"
        "print(sorted({'numpy', 'numba', 'pyarrow', 'dpkt', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_public_names_exist() -> None:
    """Every name in wtrec.__all__ can be had, and nothing else heavy is offered."""
    import wtrec

    for name in wtrec.__all__:
        assert getattr(wtrec, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = wtrec.nothing


def test_no_registry_is_named() -> None:
    """Where packages come from is the user's own setting."""
    words = ("index" + "-url", "/sim" + "ple/", "find" + "-links")
    for path in (ROOT / "constraints.txt", ROOT / "pyproject.toml", ROOT / "dev"):
        text = path.read_text()
        assert not [word for word in words if word in text]
