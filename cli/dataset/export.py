"""``wtrec dataset export``: what other catalogues and archives read of a dataset."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from ..files import NEW_FILE
from ..output import print_json
from .options import DATASET, load_dataset

CROISSANT, SCHEMA_ORG, DATACITE = "croissant", "schema.org", "datacite"


@click.command(short_help="Metadata for catalogues: Croissant, schema.org, DataCite.")
@click.argument("folder", metavar="DATASET", type=DATASET)
@click.option(
    "--format",
    "output_format",
    type=click.Choice([CROISSANT, SCHEMA_ORG, DATACITE]),
    required=True,
    help="croissant: 1.0, JSON-LD; schema.org: Dataset, JSON-LD; datacite: 4.5, JSON, for Zenodo.",
)
@click.option("-o", "--output", type=NEW_FILE, metavar="FILE", help="The file to write.")
@click.option(
    "--url",
    default="",
    metavar="URL",
    help="Where the dataset's folder is on the web; else paths of files are relative to FILE.",
)
@click.option(
    "--publisher", default="", metavar="NAME", help="Who publishes it; for datacite: Zenodo."
)
def export(folder: Path, output_format: str, output: Path | None, url: str, publisher: str) -> None:
    """Say what DATASET is and holds, in the words of others.

    It is printed, or written to a file, which must not be in the dataset: that does not change.
    """
    from ...datasets.files import atomic_write
    from ...datasets.interchange.croissant import croissant
    from ...datasets.interchange.datacite import datacite
    from ...datasets.interchange.schema_org import schema_org

    if output is not None and output.resolve().is_relative_to(folder.resolve()):
        raise click.UsageError(f"{output} is in the dataset, which does not change any more")
    base = f"{url.rstrip('/')}/" if url else ""
    if output is not None and not url and output_format != DATACITE:
        base = f"{os.path.relpath(folder.resolve(), output.resolve().parent)}/"
    make = {CROISSANT: croissant, SCHEMA_ORG: schema_org, DATACITE: datacite}[output_format]
    made = make(folder, load_dataset(folder), base=base, publisher=publisher)
    if output is None:
        print_json(made)
    else:
        text = json.dumps(made, indent=2, ensure_ascii=False)
        atomic_write(output, f"{text}\n".encode(errors="backslashreplace"))
