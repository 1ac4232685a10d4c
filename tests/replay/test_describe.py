"""What is taken from docstrings."""

from __future__ import annotations

import inspect

import pytest

from wtrec.errors import AlgorithmError
from wtrec.replay.describe import arguments, describe, sections


class TestSections:
    """Docstrings in Google's style."""

    def test_sections(self) -> None:
        """Split at headings, each dedented."""
        text = """One line.

            More: of it.

            Args:
                a: b
                    c
            Raises:
                ValueError: d
        """
        assert sections(inspect.cleandoc(text)) == sections(text)
        assert sections(text) == {
            "": "One line.\n\nMore: of it.",
            "Args": "a: b\n    c",
            "Raises": "ValueError: d",
        }

    @pytest.mark.parametrize("text", [None, "", "  \n "])
    def test_none(self, text: str | None) -> None:
        """No docstring is an empty one."""
        assert sections(text) == {"": ""}
        assert arguments(sections(text)) == {}

    def test_arguments(self) -> None:
        """Lines are joined; a type in parentheses is left out; strange lines do no harm."""
        text = "stray\n    lines\na: b: c\n    d\n\nb (int, optional): e\n*rest: f\ng:\n    h"
        assert arguments({"Args": text}) == {"a": "b: c d", "b": "e", "rest": "f", "g": "h"}


def test_describe() -> None:
    """The parts of a description, from class and module."""
    described = describe("crc-burst")
    assert described.usage == ("crc-burst:max_span=20,gate=0.01,checks=llc+ip+transport+known")
    assert described.summary == "One burst of wrong bits, found by the FCS."
    assert described.details.startswith("crc-burst: one burst of wrong bits")
    assert list(described.meanings) == [parameter.name for parameter in described.parameters]
    with pytest.raises(AlgorithmError, match="no algorithm 'x'"):
        describe("x")
