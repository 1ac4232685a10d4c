"""Where compiled kernels are kept, and what starts them anew."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

from wtrec import jit

ROOT = Path(__file__).resolve().parents[1]
KERNEL_SOURCES = {path for pattern in jit.KERNEL_SOURCES for path in ROOT.glob(pattern)}
FOLDERS = ("analysis", "cli", "datasets", "dot11", "phy", "recorder", "replay")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
DECORATORS = {"jit", "lean_jit", "inline_jit"}


def kernels(module: Path) -> list[str]:
    """The names of the kernels that a module defines."""
    text = module.read_text()
    if "jit" not in text:  # most have none, and are not read in full
        return []
    return [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef)
        and {d.id for d in node.decorator_list if isinstance(d, ast.Name)} & DECORATORS
    ]


def own_imports(module: Path) -> set[Path]:
    """The modules of wtrec that a module takes names from."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = module.parents[node.level - 1]
            base = folder.joinpath(*(node.module or "").split("."))
            found |= {base.with_suffix(".py"), *(base / f"{a.name}.py" for a in node.names)}
    return {path for path in found if path.exists()}


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of the kernels' sources, which may be changed."""
    for source in KERNEL_SOURCES:
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    monkeypatch.setattr(jit, "_ROOT", tmp_path)
    return tmp_path


def cache_name() -> str:
    """The name of the cache folder as a new process would find it."""
    return jit.cache_folder.__wrapped__().name


class TestCacheFolder:
    """A folder for each state of the kernels."""

    def test_any_kernel_source_changes_it(self, folder: Path) -> None:
        """A comment is enough; with the old content back, the old compilations are back."""
        before = cache_name()
        names = {before}
        for source in KERNEL_SOURCES:
            copy = folder / source.relative_to(ROOT)
            content = copy.read_bytes()
            copy.write_bytes(content + b"#")
            names.add(cache_name())
            copy.write_bytes(content)
            assert cache_name() == before
        assert len(names) == len(KERNEL_SOURCES) + 1

    def test_nothing_else_changes_it(self, folder: Path) -> None:
        """Commands and readers can be worked on without compiling again."""
        before = cache_name()
        (folder / "datasets" / "reader.py").write_text("# anything")
        assert cache_name() == before

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({"NUMBA_CACHE_DIR": "/a"}, "/a"),
            ({"XDG_CACHE_HOME": "/b"}, "/b/wtrec"),
            ({"HOME": "/c"}, "/c/.cache/wtrec"),
            ({"NUMBA_CACHE_DIR": "", "XDG_CACHE_HOME": "/b"}, "/b/wtrec"),
        ],
    )
    def test_place(
        self, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The variable of numba, then the user's cache folder."""
        for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert jit.cache_folder.__wrapped__().parent == Path(expected)

    def test_every_kernel_counts(self) -> None:
        """A module with kernels, and each that they take names from, is among the sources."""
        with_kernels = [module for module in MODULES if kernels(module)]
        assert len(with_kernels) >= 5
        for module in with_kernels:
            used = own_imports(module) - {ROOT / "jit.py", ROOT / "errors.py"}
            assert {module, *used} <= KERNEL_SOURCES, module


SCRIPT = """
import os, sys
os.environ["NUMBA_CACHE_DIR"] = sys.argv[1]
import numba
from numba.core import config
before = config.CACHE_DIR
from wtrec.jit import cache_folder, on_first_compile
told = []
on_first_compile(lambda: told.append(True))
from wtrec.dot11.fcs import append
from wtrec.dot11.kernels import load16
import numpy as np
assert config.CACHE_DIR == before, config.CACHE_DIR
assert load16(np.frombuffer(bytearray(b"ab"), np.uint8), 0) == 0x6261
assert any(cache_folder().rglob("*.nbi"))
print(len(told))
"""


def test_compiled_once(tmp_path: Path) -> None:
    """The first process compiles and says so, the second loads; numba's setting stays its own."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    for compiled in ("1", "0"):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (result.stdout.strip(), result.stderr) == (compiled, "")


PLAIN = """
import sys
{how}
from wtrec.jit import cache_folder, on_first_compile
on_first_compile(print)
from wtrec.recorder.capture_loop import warm_up
from wtrec.recorder.ring_kernel import FLAGS_CRC_ERROR, claimed_flags
import numpy as np
warm_up()
header = np.frombuffer(bytearray.fromhex("0000 0900 02000000 40"), np.uint8)
assert claimed_flags(header, 0, 9) == FLAGS_CRC_ERROR
assert cache_folder().name.startswith("kernels-")
assert not sys.modules.get("numba")
"""


@pytest.mark.parametrize(
    "how", ["import os; os.environ['NUMBA_DISABLE_JIT'] = '1'", "sys.modules['numba'] = None"]
)
def test_plain_python(how: str) -> None:
    """Without numba, or with it switched off, kernels work all the same, and it is not imported."""
    command = [sys.executable, "-c", PLAIN.format(how=how)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_others_keep_their_cache_folder() -> None:
    """A kernel of the user's own is not cached in our folder."""

    @numba.njit(cache=True)  # type: ignore[untyped-decorator]
    def theirs(x: int) -> int:
        return x + 1

    assert not str(theirs.stats.cache_path).startswith(str(jit.cache_folder()))


def test_lean_kernels_leave_reference_counts_alone() -> None:
    """An array that goes through kernels is freed when its last user is gone."""
    from wtrec.dot11.kernels import crc32

    data = np.zeros(99, np.uint8)
    before = sys.getrefcount(data)
    for _ in range(1000):
        crc32(data, 0, 99)
    assert sys.getrefcount(data) == before
