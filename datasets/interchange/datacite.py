"""A dataset as DataCite metadata (schema 4.5 in JSON), with which DOIs are registered.

Zenodo and other archives take and give it. Source: https://schema.datacite.org/meta/kernel-4.5/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ..sharing.citation import split_name
from ..sharing.dataset import TEXTS, Author, Dataset
from .described import ORCID, SPDX, description, licence_url, stored
from .schema_org import total_bytes, without_nothing

_SCHEMA: Final = "http://datacite.org/schema/kernel-4"
_METHODS: Final = ("methodology", "hardware", "network_configuration", "collection_environment")
ARCHIVE: Final = "Zenodo"


def datacite(
    folder: Path, dataset: Dataset, *, base: str = "", publisher: str = ""
) -> dict[str, Any]:
    """The JSON.

    Args:
        folder: Of the dataset.
        dataset: What it holds.
        base: Where it is on the web; empty if nowhere.
        publisher: Who publishes it; if empty, Zenodo.

    Raises:
        FormatError: The manifest does not fit.
        OSError: It cannot be read.
    """
    files = stored(folder, dataset)
    size = total_bytes(files)
    return without_nothing(
        {
            "schemaVersion": _SCHEMA,
            "doi": dataset.doi or None,
            "url": base or None,
            "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Dataset"},
            "creators": [_creator(author) for author in dataset.authors],
            "titles": [{"title": dataset.title}],
            "publisher": {"name": publisher or ARCHIVE},
            "publicationYear": dataset.created[:4],
            "version": dataset.version,
            "language": "en",
            "subjects": [{"subject": word} for word in dict.fromkeys(dataset.keywords)] or None,
            "dates": _dates(dataset),
            "rightsList": [_rights(dataset.licence)],
            "descriptions": _descriptions(dataset),
            "sizes": None if size is None else [f"{size} bytes"],
            "formats": sorted({each.media_type for each in files}),
            "alternateIdentifiers": [
                {
                    "alternateIdentifier": f"{dataset.name}-{dataset.version}",
                    "alternateIdentifierType": "wtrec dataset",
                }
            ],
        }
    )


def _creator(author: Author) -> dict[str, Any]:
    name = split_name(author.name)
    person: dict[str, Any] = {"name": author.name}
    if name.family:
        person = {
            "name": f"{name.whole_family}, {name.given}" if name.given else name.whole_family,
            "nameType": "Personal",
            "givenName": name.given or None,
            "familyName": name.whole_family,
        }
    orcid = {
        "nameIdentifier": ORCID + author.orcid,
        "nameIdentifierScheme": "ORCID",
        "schemeUri": ORCID.rstrip("/"),
    }
    return without_nothing(
        {
            **person,
            "nameIdentifiers": [orcid] if author.orcid else None,
            "affiliation": [{"name": author.affiliation}] if author.affiliation else None,
        }
    )


def _dates(dataset: Dataset) -> list[dict[str, str]]:
    dates = [{"date": dataset.created[:10], "dateType": "Created"}]
    if dataset.start is not None and dataset.end is not None:
        span = f"{dataset.start[:10]}/{dataset.end[:10]}"
        dates.append({"date": span, "dateType": "Collected"})
    return dates


def _rights(licence: str) -> dict[str, str]:
    if not licence_url(licence).startswith(SPDX):
        return {"rights": licence}
    return {
        "rights": licence,
        "rightsUri": licence_url(licence),
        "rightsIdentifier": licence,
        "rightsIdentifierScheme": "SPDX",
        "schemeUri": SPDX,
    }


def _descriptions(dataset: Dataset) -> list[dict[str, str]]:
    found = [{"description": description(dataset), "descriptionType": "Abstract"}]
    for name in TEXTS:
        if text := getattr(dataset, name).strip():
            said = f"{name.replace('_', ' ').capitalize()}: {text}"
            kind = "Methods" if name in _METHODS else "Other"
            found.append({"description": said, "descriptionType": kind})
    return found
