"""``CITATION.cff`` of a dataset: how to cite it, in the Citation File Format 1.2.0.

Names of people are taken apart as BibTeX does: ``Lovelace, Ada`` at its comma; else the last word
is the family name, with words in lower case before it (``Ludwig van Beethoven``). One word alone is
the name of an organisation, and stays whole.

Source: https://github.com/citation-file-format/citation-file-format, schema-guide of 1.2.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .dataset import Author, Dataset

NAME: Final = "CITATION.cff"
LICENCES: Final = frozenset(
    (
        *("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        *("CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "CC-PDDC", "PDDL-1.0"),
        *("ODbL-1.0", "ODC-By-1.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0"),
        *("CDLA-Sharing-1.0", "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC"),
        *("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
        *("LGPL-3.0-only", "MPL-2.0", "EUPL-1.2", "Unlicense", "0BSD"),
    )
)
"""SPDX identifiers that version 1.2.0 of the format knows, of those that data are given under."""
_PRINTABLE_BELOW: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Name:
    """Parts of a person's name; all empty but ``whole`` for an organisation."""

    whole: str
    family: str = ""
    particle: str = ""
    given: str = ""

    @property
    def whole_family(self) -> str:
        """The family name with its particle."""
        return f"{self.particle} {self.family}".strip()


def split_name(text: str) -> Name:
    """Take a name apart."""
    text = " ".join(text.split())
    family, comma, given = (part.strip() for part in text.partition(","))
    if comma and family:
        words = family.split()
        given_words = given.split()
    else:
        words = text.replace(",", " ").split()
        if len(words) < 2:
            return Name(text)
        begin = next((at for at, word in enumerate(words[1:-1], 1) if word[0].islower()), -1)
        given_words, words = words[:begin], words[begin:]
    at = next((at for at, word in enumerate(words) if not word[0].islower()), len(words) - 1)
    return Name(text, " ".join(words[at:]), " ".join(words[:at]), " ".join(given_words))


def citation_file(dataset: Dataset) -> bytes:
    """The file."""
    return "".join(f"{line}\n" for line in _lines(dataset)).encode(errors="replace")


def _lines(dataset: Dataset) -> Iterator[str]:
    yield "cff-version: 1.2.0"
    message = "If you use this dataset, please cite it as below."
    if dataset.citation:
        message = f"If you use this dataset, please cite: {' '.join(dataset.citation.split())}"
    yield f"message: {_quoted(message)}"
    yield "type: dataset"
    yield f"title: {_quoted(dataset.title)}"
    yield "authors:"
    for author in dataset.authors:
        yield from _author(author)
    yield f"version: {_quoted(dataset.version)}"
    yield f"date-released: {_quoted(dataset.created[:10])}"
    if dataset.licence in LICENCES:
        yield f"license: {_quoted(dataset.licence)}"
    if dataset.doi:
        yield f"doi: {_quoted(dataset.doi)}"
    if dataset.purpose.strip():
        yield f"abstract: {_quoted(' '.join(dataset.purpose.split()))}"
    if dataset.keywords:
        yield "keywords:"
        yield from (f"  - {_quoted(word)}" for word in dict.fromkeys(dataset.keywords) if word)


def _author(author: Author) -> Iterator[str]:
    name = split_name(author.name)
    members = {"name": name.whole}
    if name.family:
        members = {
            "family-names": name.family,
            "name-particle": name.particle,
            "given-names": name.given,
            "affiliation": author.affiliation,
        }
    members["email"] = author.email if _is_address(author.email) else ""
    members["orcid"] = f"https://orcid.org/{author.orcid}" if author.orcid else ""
    dash = "-"
    for key, text in members.items():
        if text:
            yield f"  {dash} {key}: {_quoted(text)}"
            dash = " "


def _is_address(text: str) -> bool:
    before, at, behind = text.partition("@")
    return bool(before and at and "." in behind and not any(c.isspace() for c in text))


def _quoted(text: str) -> str:
    """A YAML string in double quotes: JSON's, with what YAML does not print escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(
        c if c.isprintable() and ord(c) != _PRINTABLE_BELOW else f"\\U{ord(c):08X}" for c in quoted
    )
