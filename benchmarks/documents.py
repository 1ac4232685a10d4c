"""Where the tables of whole runs go: into the documents, between two markers."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
END = "<!-- end -->\n"


def put(page: str, benchmark: str, text: str) -> None:
    """Replace what a benchmark has put into a page before.

    Args:
        page: File in ``docs/``.
        benchmark: File in ``benchmarks/``.
        text: Lines.
    """
    begin = f"<!-- benchmarks/{benchmark}: begin -->\n"
    path = DOCS / page
    before, rest = path.read_text().split(begin)
    _, after = rest.split(END, 1)
    path.write_text(before + begin + text + END + after)


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
