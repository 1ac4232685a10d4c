"""The decoders of docs/exec.md: shown as they are, built as it says, as good as crc-flip."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets.frames import FRAMES
from wtrec.datasets.parquet import TableFile
from wtrec.datasets.results import RESULTS
from wtrec.dot11 import fcs
from wtrec.replay.choice import make
from wtrec.replay.engine import Contender, replay
from wtrec.replay.exec.answers import ANSWERS

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "exec.md").read_text()
BIN = Path(sys.executable).parent


def _block(language: str) -> str:
    (block,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(block)


@pytest.fixture(scope="module")
def planted() -> dict[int, list[int]]:
    """The wrong bits of each frame, by its number: none, one anywhere, or two."""
    draw = random.Random(5)
    return {
        number: sorted(draw.sample(range(8 * (64 + number)), number % 3)) for number in range(1, 61)
    }


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    write_capture: Callable[..., Path],
    udp_frame: Callable[..., bytes],
    planted: dict[int, list[int]],
) -> Path:
    """A folder like a checkout after the demo, with these frames as the run."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "docs").symlink_to(ROOT / "docs")
    (folder / "wtrec-demo").mkdir()
    mpdus = [fcs.flip(udp_frame(bytes(number)), bits) for number, bits in planted.items()]
    write_capture(folder / "wtrec-demo" / "run.pcapng", mpdus)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> Path:
    """What the document's lines for a shell leave behind; they replay the run, too."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ to build docs/examples/decoder.cpp with")
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", _block("sh")],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "decoder"


def _answers(choice: str, folder: Path) -> dict[int, list[int] | None]:
    algorithm, parameters = make(choice)
    output = folder / "results.parquet"
    capture = folder / "wtrec-demo" / "run.pcapng"
    assert replay(capture, [Contender(algorithm, parameters, output)]).losses == []
    with TableFile(output, RESULTS) as results:
        rows = [row for batch in results.batches() for row in batch.to_pylist()]
    return {row["number"]: row["flips"] if row["outcome"] == "repaired" else None for row in rows}


class TestExamples:
    """Both decoders."""

    @pytest.mark.parametrize(("language", "name"), [("py", "decoder.py"), ("cpp", "decoder.cpp")])
    def test_shown_as_they_are(self, language: str, name: str) -> None:
        """The document and the file hold the same text."""
        assert _block(language) == (ROOT / "docs" / "examples" / name).read_text()

    def test_as_short_as_it_says(self) -> None:
        """Their lines of code, without blank ones, comments, imports and docstrings."""
        idle = re.compile(r'\s*(//.*|#.*|import .*|""".*"""|)')
        for name in ("decoder.py", "decoder.cpp"):
            lines = (ROOT / "docs" / "examples" / name).read_text().splitlines()
            count = sum(not idle.fullmatch(line) for line in lines)
            assert f" {count} lines of code" in DOCUMENT

    @pytest.mark.parametrize("options", ["", "batch=7:", "batch=7,bad_only=yes:"])
    @pytest.mark.parametrize("language", ["python", "c++"])
    def test_as_crc_flip(
        self,
        language: str,
        options: str,
        folder: Path,
        planted: dict[int, list[int]],
        request: pytest.FixtureRequest,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """They repair what crc-flip repairs of one bit, and it is what was planted."""
        monkeypatch.setenv("PATH", f"{BIN}:{os.environ['PATH']}")
        program = (
            folder / "docs" / "examples" / "decoder.py"
            if language == "python"
            else request.getfixturevalue("built")
        )
        answers = _answers(f"exec:{options}{program}", folder)
        assert answers == _answers("crc-flip:max_flips=1", folder)
        assert answers == {
            number: bits if len(bits) == 1 else None for number, bits in planted.items() if bits
        }

    def test_the_lines_for_a_shell_replay(self, built: Path) -> None:
        """They end with results beside the run."""
        assert (built.parent / "wtrec-demo" / "run.exec-decoder.parquet").exists()


class TestDocument:
    """The tables of columns."""

    def test_frames(self) -> None:
        """Each column of frames with its type and what it holds, in order."""
        rows = [f"| `{c.name}` | `{c.type}` | {c.doc} |" for c in FRAMES.columns]
        assert "\n".join(["|---|---|---|", *rows, "", "### Answers"]) in DOCUMENT
        never_null = [f"`{column.name}`" for column in FRAMES.columns if not column.nullable]
        assert f"column but {', '.join(never_null[:-1])} and {never_null[-1]} may be" in DOCUMENT

    def test_answers(self) -> None:
        """Each column of answers with its type."""
        table = DOCUMENT.partition("### Answers")[2].partition("\n\n## ")[0]
        types = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", table, re.MULTILINE))
        assert types == {field.name: str(field.type).replace("item: ", "") for field in ANSWERS}
