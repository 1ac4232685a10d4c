"""A dataset as ``Dataset`` of schema.org in JSON-LD, as search engines read it.

Source: https://schema.org/Dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..sharing.citation import LICENCES
from ..sharing.dataset import Author, Dataset
from .described import DOI, ORCID, Stored, citation, description, licence_url, stored

_CONTEXT: Final = "https://schema.org/"
_MEASURED: Final = (
    "IEEE 802.11 frames, broken ones included",
    "bit errors and their positions",
    "signal strength",
    "data rate",
)
_SENTENCES: Final = 5000  # characters of a description that are read


def schema_org(
    folder: Path, dataset: Dataset, *, base: str = "", publisher: str = ""
) -> dict[str, Any]:
    """The JSON-LD.

    Args:
        folder: Of the dataset.
        dataset: What it holds.
        base: What stands before paths to make URLs of them.
        publisher: Who publishes it; empty if nobody knows.

    Raises:
        FormatError: The manifest does not fit.
        OSError: It cannot be read.
    """
    distribution = [
        without_nothing(
            {
                "@type": "DataDownload",
                "name": str(each.path),
                "description": each.says,
                "contentUrl": each.url(base),
                "contentSize": None if each.bytes is None else f"{each.bytes} B",
                "encodingFormat": each.media_type,
                "sha256": each.sha256,
            }
        )
        for each in stored(folder, dataset)
    ]
    return {
        "@context": _CONTEXT,
        **facts(dataset, publisher),
        "measurementTechnique": dataset.methodology or "monitor mode capture of IEEE 802.11",
        "variableMeasured": list(_MEASURED),
        "distribution": distribution,
    }


def facts(dataset: Dataset, publisher: str) -> dict[str, Any]:
    """The members that Croissant takes over from schema.org."""
    spans = dataset.start is not None and dataset.end is not None
    return without_nothing(
        {
            "@type": "Dataset",
            "name": dataset.name,
            "alternateName": dataset.title,
            "description": description(dataset)[:_SENTENCES],
            "version": _three(dataset.version),
            "creator": [_creator(author) for author in dataset.authors],
            "publisher": {"@type": "Organization", "name": publisher} if publisher else None,
            "license": licence_url(dataset.licence),
            "keywords": list(dataset.keywords) or None,
            "datePublished": dataset.created[:10],
            "dateCreated": dataset.created,
            "temporalCoverage": f"{dataset.start}/{dataset.end}" if spans else None,
            "isAccessibleForFree": True if dataset.licence in LICENCES else None,
            "identifier": DOI + dataset.doi if dataset.doi else None,
            "url": DOI + dataset.doi if dataset.doi else None,
            "citation": citation(dataset),
        }
    )


def _creator(author: Author) -> dict[str, Any]:
    return without_nothing(
        {
            "@type": "Person",
            "name": author.name,
            "email": author.email or None,
            "affiliation": {"@type": "Organization", "name": author.affiliation}
            if author.affiliation
            else None,
            "sameAs": ORCID + author.orcid if author.orcid else None,
        }
    )


def _three(version: str) -> str:
    """As a semantic version: 1 is 1.0.0."""
    return ".".join([*version.split("."), "0", "0"][:3])


def without_nothing(members: Mapping[str, Any]) -> dict[str, Any]:
    """An object without the members that are None."""
    return {name: value for name, value in members.items() if value is not None}


def total_bytes(files: list[Stored]) -> int | None:
    """Of all files; None where some are not here."""
    sizes = [each.bytes for each in files]
    return None if None in sizes else sum(size or 0 for size in sizes)
