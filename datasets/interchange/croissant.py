"""A dataset as Croissant 1.0 metadata, which loaders of machine learning data read.

Each file is a ``FileObject`` with its SHA-256; each Parquet file that is here in one piece is a
``RecordSet``, too, whose fields are its columns. What Croissant has no type for is text: binary
columns. Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html, version 1.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import FormatError
from ..sharing.dataset import Dataset
from .described import PARQUET, Stored, citation, stored
from .schema_org import facts, without_nothing

VERSION: Final = "http://mlcommons.org/croissant/1.0"
_PARQUET: Final = "application/x-parquet"  # as the specification names it
_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty"),
            *("fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key"),
            *("md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
            *("replace", "samplingRate", "separator", "source", "subField", "transform"),
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
}


def croissant(
    folder: Path, dataset: Dataset, *, base: str = "", publisher: str = ""
) -> dict[str, Any]:
    """The JSON-LD.

    Args:
        folder: Of the dataset.
        dataset: What it holds.
        base: What stands before paths to make URLs of them; relative ones are looked up from
            where the JSON is.
        publisher: Who publishes it; empty if nobody knows.

    Raises:
        FormatError: The manifest does not fit, or a table is none.
        OSError: A file cannot be read.
    """
    files = stored(folder, dataset)
    tables = [
        each
        for each in files
        if each.media_type == PARQUET and each.bytes is not None and each.file is not None
    ]
    return {
        "@context": _CONTEXT,
        **facts(dataset, publisher),
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "citeAs": citation(dataset),
        "distribution": [_file(each, base) for each in files],
        "recordSet": [_records(each, folder) for each in tables],
    }


def _file(each: Stored, base: str) -> dict[str, Any]:
    return without_nothing(
        {
            "@type": "cr:FileObject",
            "@id": str(each.path),
            "name": str(each.path),
            "description": each.says,
            "contentUrl": each.url(base),
            "contentSize": None if each.bytes is None else f"{each.bytes} B",
            "encodingFormat": _PARQUET if each.media_type == PARQUET else each.media_type,
            "sha256": each.sha256,
        }
    )


def _records(each: Stored, folder: Path) -> dict[str, Any]:
    path = folder / each.path
    try:
        schema = pq.read_schema(path)
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise FormatError(f"not a Parquet file ({reason})", path=str(path)) from None
    name = f"{each.path.parent.name}/{each.path.stem}"
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": each.says,
        "field": [_field(name, str(each.path), field) for field in schema],
    }


def _field(records: str, file: str, field: Any) -> dict[str, Any]:
    said = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
    is_list = pa.types.is_list(field.type)
    return without_nothing(
        {
            "@type": "cr:Field",
            "@id": f"{records}/{field.name}",
            "name": f"{records}/{field.name}",
            "description": said.get("doc", field.name),
            "dataType": _data_type(field.type.value_type if is_list else field.type),
            "repeated": True if is_list else None,
            "source": {"fileObject": {"@id": file}, "extract": {"column": field.name}},
        }
    )


def _data_type(kind: Any) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:DateTime" if pa.types.is_timestamp(kind) else "sc:Text"
