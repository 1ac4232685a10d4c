from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.sharing.citation import NAME, citation_file, split_name
from wtrec.datasets.sharing.dataset import PATH, load


class TestNames:
    """Names of people, as BibTeX takes them apart."""

    @pytest.mark.parametrize(
        ("text", "given_name", "particle", "family"),
        [
            ("Ada Lovelace", "Ada", "", "Lovelace"),
            ("Lovelace, Ada", "Ada", "", "Lovelace"),
            ("Ludwig  van Beethoven", "Ludwig", "van", "Beethoven"),
            ("van der Berg, Jan Piet", "Jan Piet", "van der", "Berg"),
            ("Jan Piet van der Berg", "Jan Piet", "van der", "Berg"),
            ("García Márquez, Gabriel", "Gabriel", "", "García Márquez"),
            ("Laboratory", "", "", ""),
            ("bell hooks", "bell", "", "hooks"),
        ],
    )
    def test_parts(self, text: str, given_name: str, particle: str, family: str) -> None:
        """Given name, particle, family name."""
        name = split_name(text)
        assert (name.given, name.particle, name.family) == (given_name, particle, family)

    @given(st.text(min_size=1, max_size=40))
    def test_no_word_is_lost(self, text: str) -> None:
        """Whatever the name is."""
        name = split_name(text)
        parts = f"{name.given} {name.whole_family}" if name.family else name.whole
        assert sorted(parts.replace(",", " ").split()) == sorted(text.replace(",", " ").split())


class TestFile:
    """CITATION.cff of a dataset."""

    def test_it_is_in_every_dataset(self, made: Path) -> None:
        """And says the same as dataset.json."""
        lines = (made / NAME).read_text().splitlines()
        assert lines[0] == "cff-version: 1.2.0"
        assert 'title: "Two short runs"' in lines
        assert '  - family-names: "Lovelace"' in lines
        assert '    affiliation: "A lab"' in lines
        assert 'license: "CC-BY-4.0"' in lines
        assert f"  {NAME}" in (made / "tagmanifest-sha256.txt").read_text()

    @given(st.text(max_size=30))
    def test_any_text_stays_one_printable_line(self, made: Path, text: str) -> None:
        """Line ends, quotes and odd characters are escaped; an unknown licence is left out."""
        dataset = load((made / PATH).read_bytes(), "")
        odd = dataclasses.replace(dataset, title=text, licence="see the page", purpose=text)
        lines = citation_file(odd).decode().split("\n")
        assert all(line.isprintable() for line in lines)
        assert not any(line.startswith("license") for line in lines)
        assert sum(line.startswith("title: ") for line in lines) == 1
