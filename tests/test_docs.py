"""Every command and every piece of Python in the documents runs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from wtrec.cli.main import wtrec
from wtrec.dot11 import fcs, radiotap
from wtrec.recorder.tun import MonitorTun

from . import forked

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
BIN = Path(sys.executable).parent


def _blocks(language: str) -> Iterator[tuple[Path, str]]:
    for path in DOCUMENTS:
        for block in re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL):
            yield path, block


def _commands() -> list[tuple[Path, str]]:
    return [
        (path, line.removeprefix("$ "))
        for path, block in _blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def _id(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo was run."""
    folder = tmp_path_factory.mktemp("docs")
    with contextlib.chdir(folder):
        done = CliRunner().invoke(wtrec, ["demo", "--frames", "6"])
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def workplace(demo: Path, tmp_path: Path) -> Path:
    """A fresh copy of it, with the documents and their examples as in a checkout."""
    folder = Path(shutil.copytree(demo, tmp_path / "work"))
    (folder / "docs").symlink_to(ROOT / "docs")
    return folder


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    name, *words = shlex.split(command)
    assert name == "wtrec"
    return forked.run(words, cwd=folder)


def _offline(path: Path) -> list[str]:
    """A document's commands that need no rights, no interface, nor what was captured there."""
    ours = [command for document, command in _commands() if document == path]
    apart = ("mon0", "lab.", "wtrec doctor")
    return [c for c in ours if c.startswith("wtrec ") and not any(word in c for word in apart)]


# What makes interfaces needs a wireless kernel: tests/vm runs it.
ON_THE_AIR = [
    c for c in _commands() if re.search(r"mon0|^wtrec doctor", c[1]) and "wtrec monitor" not in c[1]
]
OF_LAB = [c for c in _commands() if "lab.pcapng" in c[1] and "mon0" not in c[1]]


@pytest.mark.parametrize("document", [path for path in DOCUMENTS if _offline(path)], ids=_id)
def test_commands_run(document: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands succeed one after the other, beside what the demo left.

    They run in this process: most of the time of a small command is its start.
    """
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(workplace / "config"))
    monkeypatch.setenv("PATH", f"{BIN}:{os.environ['PATH']}")  # for programs that commands start
    for command in _offline(document):
        done = CliRunner().invoke(wtrec, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}\n{done.stderr}{done.exception!r}"


@pytest.mark.root
@pytest.mark.parametrize(("document", "command"), ON_THE_AIR, ids=_id)
def test_commands_of_an_interface_run(
    document: Path, command: str, workplace: Path, mon0: MonitorTun
) -> None:
    """Commands at the radio work on an interface with traffic, and their files read."""
    header = radiotap.build(flags=radiotap.Flags.FCS, rate=12)
    frame = header + fcs.append(bytes.fromhex("d4000000020000000001"))
    done = threading.Event()

    def send() -> None:
        while not done.wait(0.002):
            mon0.write(frame)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        finished = _run(command, workplace)
        assert finished.returncode == 0, finished.stderr
        if "lab.pcapng" in command:
            for _, following in OF_LAB:
                after = _run(following, workplace)
                assert after.returncode == 0, after.stderr
    finally:
        done.set()
        sender.join()
    if "wtrec capture" in command:
        assert list(workplace.glob("*.pcapng")), document


def test_the_other_commands_are_what_ci_runs() -> None:
    """Commands that are not wtrec's own are ./dev's, and .ci/run runs these."""
    others = {command for _, command in _commands() if not command.startswith("wtrec ")}
    assert others
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    assert others <= {re.sub(r" +[&#].*", "", line) for line in ci}


@pytest.mark.parametrize(("document", "code"), list(_blocks("python")), ids=_id)
def test_python_runs(
    document: Path, code: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python in the documents runs as it stands; what it imports is mostly here already."""
    monkeypatch.chdir(workplace)
    exec(compile(code, document.name, "exec"), {"__name__": "__main__"})  # noqa: S102


def test_every_command_is_documented() -> None:
    """Each command of wtrec stands in a document, in a line that is run."""
    from wtrec.cli.main import COMMANDS

    shown = {command.split()[1] for _, command in _commands() if command.startswith("wtrec ")}
    assert set(COMMANDS) - {"demo"} <= shown


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    """Its tables stand line by line in what ``wtrec demo`` prints."""
    printed = subprocess.run(
        [BIN / "wtrec", "demo"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    (shown,) = re.findall(
        r"```text\n(rate_mbps.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    words = [line.split() for line in printed.splitlines()]
    for line in filter(None, shown.splitlines()):
        assert line.split() in words, line


def test_links_lead_somewhere() -> None:
    """Relative links in the documents name files that exist."""
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
