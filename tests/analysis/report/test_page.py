"""The page: one file, with every figure, that trusts nothing in the run."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wtrec.analysis.report.figures import figures
from wtrec.analysis.report.page import render
from wtrec.cli.analyze import analyze

from .conftest import HOSTILE, Made, run

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NAMES = [
    *("broken-frames", "flipped-bits", "flips-per-frame", "positions", "event-lengths", "gaps"),
    *("signal", "recovery", "few-flips", "goodput"),
]
LABELS = {
    "broken-frames": ["data rate, Mbit/s", "broken frames, % of received"],
    "flipped-bits": ["data rate, Mbit/s", "wrong bits, % of known"],
    "flips-per-frame": ["share of broken frames, %"],
    "positions": ["position in the frame, bytes", "wrong bits, % of known"],
    "event-lengths": ["length of the event, bits", "as long or longer, %"],
    "gaps": ["right bits in a row, bits", "as long or longer, %"],
    "signal": ["signal, dBm", "number of frames"],
    "recovery": ["share of broken frames, %"],
    "few-flips": ["share of broken frames, %"],
    "goodput": ["broken frames, % of received", "goodput, Mbit/s"],
}


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def found(made: Made) -> dict[str, Any]:
    """The analysis that the page shows."""
    analysis: dict[str, Any] = json.loads(run(analyze, made.capture, "-q", "--format", "json"))
    return analysis


class TestPage:
    """What stands in it."""

    def test_one_file(self, made: Made) -> None:
        """No script, no address, nothing that a browser would fetch, and it is small."""
        text = made.page.read_text()
        assert len(text) < 2_000_000
        assert "http" not in text
        for tag, attributes in Elements(text).found:
            assert tag not in {"script", "link", "img", "iframe", "object", "embed"}
            assert not [name for name in attributes if name.startswith("on")]
            for name in ("href", "src", "xlink:href"):
                assert (attributes.get(name) or "#").startswith("#")

    def test_figures_have_labels_and_units(self, made: Made) -> None:
        """Every figure is there, once, with the titles of its axes as text."""
        text = made.page.read_text()
        parts = re.findall(r'<figure id="figure-([a-z-]+)">(.*?)</figure>', text, re.DOTALL)
        assert [name for name, _ in parts] == NAMES
        for name, part in parts:
            assert part.count("<svg") == 1
            for label in LABELS[name]:
                assert f">{label}<" in part
            assert "<details>" in part

    def test_the_run(self, made: Made) -> None:
        """Metadata of the run, and warnings, stand there; hostile ones as text."""
        text = made.page.read_text()
        assert HOSTILE not in text
        assert "&lt;script&gt;alert(" in text
        assert "&lt;b&gt;place&lt;/b&gt;: lab" in text
        assert "SHA-256 " in text

    def test_hostile_names(self, found: dict[str, Any]) -> None:
        """What files say of themselves starts no element and no formula, in tables and figures."""
        hostile = copy.deepcopy(found)
        hostile["capture"] = hostile["truth"] = HOSTILE
        hostile["warnings"] = [HOSTILE]
        places = [
            hostile["algorithms"],
            *(g["algorithms"] for g in hostile["throughput"]["groups"]),
        ]
        places += [group["recorded"]["algorithms"] for group in hostile["model"]["groups"]]
        for algorithms in places:
            for algorithm in algorithms:
                algorithm["name"] = f"{HOSTILE}\u4e2d"
        text = render(hostile, None)
        assert "<script" not in text
        assert text.count("&lt;script&gt;") > 10
        assert "There is no run.json beside the capture." in text

    def test_missing_parts(self, found: dict[str, Any]) -> None:
        """What there are no numbers for is left out, sections included."""
        bare = copy.deepcopy(found)
        bare.update(algorithms=[], comparisons=[], signal=[], model={}, throughput={})
        for group in bare["by"]:
            group["patterns"] = None
        assert [figure.name for figure in figures(bare)] == ["broken-frames", "flipped-bits"]
        text = render(bare, None)
        assert 'id="recovery"' not in text
        assert 'id="throughput"' not in text
        bare["by"] = []
        assert not list(figures(bare))
        assert "<svg" not in render(bare, None)

    @pytest.mark.parametrize(
        "by",
        [
            "number",
            *(
                pytest.param(by, marks=pytest.mark.slow)
                for by in ("rate,signal", "retry", "signal", "addr2,original_length")
            ),
        ],
    )
    def test_any_groups(self, made: Made, tmp_path: Path, by: str) -> None:
        """Groups by numbers, addresses or truth values, few or many, make a page."""
        page = tmp_path / "page.html"
        run(analyze, made.capture, "-q", "--by", by, "--report", page)
        shown = re.findall(r'<figure id="figure-([a-z-]+)">', page.read_text())
        # A group of one frame has no share that a model could be asked for.
        assert shown == [name for name in NAMES if by != "number" or name != "few-flips"]
        assert page.stat().st_size < 2_000_000


class TestFiles:
    """``--figures``."""

    def test_each_figure_in_three_kinds(self, made: Made) -> None:
        """PDF, PNG and CSV of every figure; the CSV is the table below it."""
        files = {path.name for path in made.figures.iterdir()}
        assert files == {f"{name}.{kind}" for name in NAMES for kind in ("pdf", "png", "csv")}
        for name in NAMES:
            assert (made.figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
            assert (made.figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        lines = (made.figures / "broken-frames.csv").read_text().splitlines()
        assert lines[0] == '"data rate, Mbit/s",frames,good,bad,rewritten,share bad,low,high'
        assert [line.split(",")[:2] for line in lines[1:]] == [
            ["11 Mbit/s", "40"],
            ["54 Mbit/s", "40"],
        ]

    def test_nothing_else_changes(self, made: Made) -> None:
        """The tables are those without a report."""
        assert run(analyze, made.capture, "-q") == made.table


class TestWithoutTools:
    """Where the extra is not installed."""

    @pytest.mark.parametrize("name", ["matplotlib", "jinja2"])
    def test_it_says_what_to_do(
        self, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """One line names what to install, before anything is read."""
        monkeypatch.setattr("wtrec.cli.report.find_spec", lambda wanted: wanted != name or None)
        words = [str(made.capture), "--report", str(tmp_path / "page.html")]
        done = CliRunner().invoke(analyze, words)
        assert done.exit_code == 1
        assert str(done.exception) == f"{name} not installed; pip install 'wtrec[report]'"
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
class TestBrowser:
    """The page in a browser."""

    @pytest.mark.parametrize("width", [1280, 800])
    def test_it_fits(self, made: Made, tmp_path: Path, width: int) -> None:
        """No message in the console, every figure is drawn, nothing is wider than the window."""
        script = (
            "<script>addEventListener('load', () => { document.title = [innerWidth,"
            " document.documentElement.scrollWidth, ...[...document.querySelectorAll('svg')]"
            ".map(e => Math.round(e.getBoundingClientRect().width))].join() })</script>"
        )
        page = tmp_path / "page.html"
        page.write_text(made.page.read_text().replace("</body>", f"{script}</body>"))
        assert CHROMIUM
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        done = subprocess.run(
            [
                CHROMIUM,
                *options,
                profile,
                f"--window-size={width},2000",
                "--dump-dom",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert "CONSOLE" not in done.stderr
        (title,) = re.findall(r"<title>([\d,]+)</title>", done.stdout)
        inner, scrolled, *widths = map(int, title.split(","))
        assert scrolled <= inner == width
        assert len(widths) == len(NAMES)
        assert all(width / 2 < each <= inner for each in widths)
