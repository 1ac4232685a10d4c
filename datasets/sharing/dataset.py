"""``data/dataset.json``: what a dataset is, and what it holds.

``dataset.schema.json`` beside this module is its schema (JSON Schema 2020-12), and says what each
member means; the classes here hold the same. What was read from somewhere is checked with the
schema, of bounded size, and has no member twice.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any

from ...errors import FormatError
from .names import check_name, clashes

SCHEMA_VERSION = 1
PATH = "data/dataset.json"
MOST_BYTES = 32 << 20
_MOST_PROBLEMS = 100
_MOST_SHOWN = 160

REQUIRED = ("title", "authors", "licence")
"""What of the metadata no dataset is without."""
TEXTS = (
    "purpose",
    "collection_environment",
    "network_configuration",
    "hardware",
    "methodology",
    "sanitisation",
    "limitations",
    "citation",
)
"""What of the metadata is prose, in the order in which people read it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Somebody who made it."""

    name: str
    affiliation: str = ""
    email: str = ""
    orcid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFile:
    """One file of a run; see the schema."""

    name: str
    kind: str
    bytes: int
    sha256: str
    parts: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[str, ...] = ()

    @property
    def pieces(self) -> tuple[str, ...]:
        """Names of the files that it stands in."""
        return self.parts or (self.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRun:
    """One run; see the schema."""

    id: str
    run_id: str | None = None
    files: tuple[DatasetFile, ...] = ()

    @property
    def folder(self) -> PurePosixPath:
        """Where its files stand in the bag."""
        return PurePosixPath("data/runs", self.id)

    def of_kind(self, kind: str) -> list[DatasetFile]:
        """Its files of a kind."""
        return [file for file in self.files if file.kind == kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """All of it; see the schema."""

    name: str
    version: str
    title: str
    authors: tuple[Author, ...]
    licence: str
    purpose: str = ""
    collection_environment: str = ""
    network_configuration: str = ""
    hardware: str = ""
    methodology: str = ""
    sanitisation: str = ""
    limitations: str = ""
    citation: str = ""
    doi: str = ""
    keywords: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    created: str
    wtrec_version: str
    runs: tuple[DatasetRun, ...]

    def count(self, name: str, kind: str = "capture") -> int:
        """The sum of a count over all files of a kind."""
        return sum(file.counts.get(name, 0) for run in self.runs for file in run.of_kind(kind))

    @property
    def size(self) -> int:
        """Bytes of all files of all runs."""
        return sum(file.bytes for run in self.runs for file in run.files)

    @property
    def unsaid(self) -> list[str]:
        """What of the metadata nobody has said."""
        return [name for name in TEXTS if not getattr(self, name)]

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)}

    def to_bytes(self) -> bytes:
        """The file's content."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False)
        return f"{text}\n".encode(errors="backslashreplace")


def schema() -> dict[str, Any]:
    """The JSON Schema."""
    text = (files(__name__.rpartition(".")[0]) / "dataset.schema.json").read_text(encoding="utf-8")
    value: dict[str, Any] = json.loads(text)
    return value


@functools.cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema())


# What is wanted of members that people type, where the schema has a pattern.
_SAYS = {
    "name": "wanted lower-case letters, digits, '.', '_' and '-', 64 at most, no sign in front",
    "version": "wanted 1, 1.2 or 1.2.3",
    "doi": "wanted a DOI without a resolver, as 10.5281/zenodo.1234567",
}


def violations(value: object) -> list[str]:
    """Where a value is not what the schema says: the first hundred places, a line each."""
    if isinstance(value, dict) and isinstance(value.get("schema_version"), int):
        version = value["schema_version"]
        if version > SCHEMA_VERSION:
            return [f"schema version {version}, this wtrec reads up to {SCHEMA_VERSION}: update it"]
    found: list[str] = []
    try:
        for error in _validator().iter_errors(value):
            if len(found) == _MOST_PROBLEMS:
                found.append("and more")
                break
            where = "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in error.path)
            text = _SAYS.get(".".join(map(str, error.path))) or str(error.message)
            text = " ".join(text.split())
            shown = text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
            found.append(f"{where.lstrip('.')[:_MOST_SHOWN] or 'the whole'}: {shown}")
        found += itertools.islice(_no_texts(value), _MOST_PROBLEMS)
    except RecursionError:
        found.append("nested too deeply")
    return found


def _no_texts(value: object, where: str = "") -> Iterator[str]:
    """Texts that UTF-8 cannot hold: with halves of surrogate pairs, which JSON's escapes allow."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            shown = where.lstrip(".")[:_MOST_SHOWN].encode(errors="replace").decode()
            yield f"{shown}: {value[error.start]!a} is no character; use UTF-8"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _no_texts(key, where)
            yield from _no_texts(item, f"{where}.{key}")
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _no_texts(item, f"{where}[{at}]")


def parse(content: bytes) -> tuple[Dataset | None, list[str]]:
    """A dataset, and what is wrong with it.

    Returns:
        None where the schema does not hold. Names that must not be are problems, too.
    """
    try:
        value = json.loads(content, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return None, [f"no JSON: {str(error)[:_MOST_SHOWN]}"]
    problems = violations(value)
    if problems:
        return None, problems
    dataset = _built(value)
    return dataset, _bad_names(dataset)


def load(content: bytes, path: str) -> Dataset:
    """The same for those who cannot go on with problems.

    Raises:
        FormatError: With the first of them.
    """
    dataset, problems = parse(content)
    if problems or dataset is None:
        raise FormatError(problems[0], path=path, hint="wtrec dataset verify lists all")
    return dataset


def _built(value: dict[str, Any]) -> Dataset:
    runs = tuple(
        DatasetRun(
            **{
                **run,
                "files": tuple(
                    DatasetFile(
                        **{
                            **file,
                            "parts": tuple(file.get("parts", ())),
                            "losses": tuple(file.get("losses", ())),
                        }
                    )
                    for file in run["files"]
                ),
            }
        )
        for run in value["runs"]
    )
    rest = {name: item for name, item in value.items() if name != "schema_version"}
    rest["authors"] = tuple(Author(**author) for author in value["authors"])
    rest["keywords"] = tuple(value.get("keywords", ()))
    return Dataset(**{**rest, "runs": runs})


def _bad_names(dataset: Dataset) -> list[str]:
    problems = []
    paths = []
    for name in (dataset.name, dataset.version):  # "$" lets a line end pass
        try:
            check_name(name)
        except ValueError as error:
            problems.append(f"{name!a}: {error}")
    for run in dataset.runs:
        pieces = [piece for file in run.files for piece in file.pieces]
        for name in (run.id, *pieces, *(file.name for file in run.files)):
            try:
                check_name(name)
            except ValueError as error:
                problems.append(f"{name[:80]!a}: {error}")
        paths += [f"{run.folder}/{piece}" for piece in pieces]
    if len(set(paths)) < len(paths):
        problems.append("a file stands there twice")
    ids = [run.id for run in dataset.runs]
    if len(set(ids)) < len(ids):
        problems.append("two runs have the same id")
    problems += [f"{one} and {other} are the same name somewhere" for one, other in clashes(paths)]
    return list(dict.fromkeys(problems))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("an object has a member twice")
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")
