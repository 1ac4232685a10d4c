"""A figure is a table and a way to draw it; the table is what is published beside it.

Figures are drawn by matplotlib without a display: as SVG with real text for the page, and as PDF
and PNG in the size of a column of a paper.
"""

from __future__ import annotations

import csv
import html
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...datasets.files import atomic_write

PAPER_INCHES: Final = (3.5, 2.4)
PAGE_INCHES: Final = (7.0, 3.9)

_STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: small files, and readers can search it
    "text.parse_math": False,  # names may have a $ in them
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        name: Of its files.
        title: A line.
        caption: What it shows, and over what; a sentence or two.
        header: Columns of its table, with units.
        rows: The table.
        draw: Draws the table into matplotlib axes.
    """

    name: str
    title: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    draw: Callable[[Any], None]

    def svg(self) -> str:
        """The figure for a page: an ``<svg>`` element."""
        text = self._drawn("svg", PAGE_INCHES, 10).decode()
        element = text[text.index("<svg") :]
        element = re.sub(r"<metadata>.*?</metadata>", "", element, count=1, flags=re.DOTALL)
        head, rest = element.split(">", 1)
        # The page sets the width, and the figure keeps its shape; HTML needs no name spaces.
        head = re.sub(r' (width|height|xmlns|xmlns:xlink|version)="[^"]*"', "", head)
        return f'{head} role="img" aria-label="{html.escape(self.title)}">{rest}'

    def csv(self) -> str:
        """Its table."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return text.getvalue()

    def save(self, folder: Path) -> list[Path]:
        """Write ``NAME.pdf``, ``NAME.png`` and ``NAME.csv``; gives their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        contents = {
            "pdf": self._drawn("pdf", PAPER_INCHES, 8),
            "png": self._drawn("png", PAPER_INCHES, 8),
            "csv": self.csv().encode(),
        }
        paths = []
        for kind, content in contents.items():
            paths.append(folder / f"{self.name}.{kind}")
            atomic_write(paths[-1], content)
        return paths

    def _drawn(self, kind: str, inches: tuple[float, float], points: int) -> bytes:
        import matplotlib as mpl
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas

        # The same figure is the same file: no dates, and element names that follow from its own.
        style = {**_STYLE, "font.size": points, "svg.hashsalt": self.name}
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}
        out = io.BytesIO()
        with mpl.rc_context(style), warnings.catch_warnings():
            # Letters that the font does not have become boxes; names may have any.
            warnings.filterwarnings("ignore", message="Glyph|constrained_layout not applied")
            canvas = Canvas(figsize=inches, layout="constrained")
            FigureCanvasAgg(canvas)
            self.draw(canvas.add_subplot())
            canvas.savefig(out, format=kind, dpi=300, metadata=dates[kind])
        return out.getvalue()
