"""The catalogue at a remote's root: ``catalogue.json`` for programs, ``index.html`` for people.

Both are made from the datasets that are there, and are no more than a copy: a push makes them anew
after its dataset is there, and again until what is there is what they say. So whoever writes last
of several who push at once has seen all of them. An entry of the last catalogue is taken from it if
it has the SHA-256 of the list that is there; of others, the description is read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import DatasetError, FormatError, WtrecError
from .bag import parse_manifest
from .catalogue_page import page
from .dataset import MOST_BYTES, PATH, load
from .names import check_name, check_path, is_version
from .remote import Remote, in_parallel, read_bounded

JSON = "catalogue.json"
PAGE = "index.html"
_MOST = 256 << 20
_MOST_ROUNDS = 20
_TEXTS = ("name", "version", "title", "licence", "doi", "created", "sha256")
_COUNTS = ("runs", "frames", "bad", "bytes")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Listings = Callable[[], list[tuple[str, str]]]
Listing = Callable[[str, str], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A dataset in the catalogue.

    Attributes:
        name: Its name.
        version: Its version.
        title: Its title.
        authors: Their names.
        licence: SPDX identifier.
        doi: DOI, or empty.
        keywords: Words to find it by.
        purpose: What it was recorded for.
        created: When it was made.
        start: Earliest frame, UTC; None if unknown.
        runs: Number of runs.
        frames: Frames in all captures.
        bad: Those whose FCS is bad.
        bytes: Of all files of its runs.
        sha256: Of its list, ``datasets/NAME/VERSION``.
        files: SHA-256 by path of the README and ``dataset.json``.
    """

    name: str
    version: str
    title: str
    authors: list[str]
    licence: str
    doi: str = ""
    keywords: list[str] = dataclasses.field(default_factory=list)
    purpose: str = ""
    created: str = ""
    start: str | None = None
    runs: int = 0
    frames: int = 0
    bad: int = 0
    bytes: int = 0
    sha256: str = ""
    files: dict[str, str] = dataclasses.field(default_factory=dict)


def read(remote: Remote) -> list[Entry]:
    """What the catalogue says.

    Raises:
        DatasetError: There is none.
        FormatError: It is none.
    """
    found = _read(remote)
    if found is None:
        raise DatasetError(
            f"{remote.name}/{JSON}: not there: no dataset was pushed to this place yet"
        )
    return found


def _read(remote: Remote) -> list[Entry] | None:
    content = read_bounded(remote, JSON, _MOST)
    where = f"{remote.name}/{JSON}"
    if content is None:
        return None
    try:
        value = json.loads(content)
        entries = [_entry(each) for each in value["datasets"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise FormatError(
            f"no catalogue ({type(error).__name__}: {str(error)[:100]})",
            path=where,
            hint="the next push makes it anew",
        ) from None
    return sorted(entries, key=_order)


def current(remote: Remote, versions: Sequence[tuple[str, str]], listing: Listing) -> list[Entry]:
    """What it should say.

    Args:
        remote: Where the datasets are.
        versions: Name and version of each.
        listing: Gives the list of one.
    """
    try:
        known = {(each.name, each.version): each for each in _read(remote) or ()}
    except FormatError:
        known = {}

    def entry(which: tuple[str, str]) -> Entry | None:
        content = listing(*which)
        if content is None:
            return None
        said, listed = known.get(which), parse_manifest(content, lambda _: None)
        if said is not None and said.sha256 == _digest(content) and said.files == _shown(listed):
            return said
        return _of(remote, *which, content, listed)

    found = in_parallel(entry, versions, remote.workers)
    return sorted((each for each in found if each is not None), key=_order)


def refresh(remote: Remote, versions: Listings, listing: Listing) -> None:
    """Write it, until it says what is there."""
    written: list[tuple[str, str]] | None = None
    for _ in range(_MOST_ROUNDS):
        there = sorted(versions())
        if there == written:
            return
        entries = current(remote, there, listing)
        value = {"schema_version": 1, "datasets": [dataclasses.asdict(each) for each in entries]}
        content = f"{json.dumps(value, indent=1)}\n".encode()
        remote.replace(JSON, content)
        remote.replace(PAGE, page(entries).encode(errors="replace"))
        written = there


def _of(
    remote: Remote, name: str, version: str, content: bytes, listed: dict[str, str]
) -> Entry | None:
    """The entry of a dataset; None if it is damaged: pull says what is wrong with it."""
    digest = listed.get(PATH, "")
    try:
        said = read_bounded(remote, f"objects/{digest[:2]}/{digest}", MOST_BYTES)
        if said is None:
            return None
        dataset = load(said, f"{remote.name}: {name} {version}")
    except WtrecError:
        return None
    return Entry(
        name=name,
        version=version,
        title=dataset.title,
        authors=[author.name for author in dataset.authors],
        licence=dataset.licence,
        doi=dataset.doi,
        keywords=list(dataset.keywords),
        purpose=dataset.purpose[:1000],
        created=dataset.created,
        start=dataset.start,
        runs=len(dataset.runs),
        frames=dataset.count("frames"),
        bad=dataset.count("bad"),
        bytes=dataset.size,
        sha256=_digest(content),
        files=_shown(listed),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _shown(listed: dict[str, str]) -> dict[str, str]:
    """The files of a dataset that the page links to."""
    return {path: listed[path] for path in ("README.md", PATH) if path in listed}


def _entry(value: dict[str, Any]) -> Entry:
    """An entry from elsewhere.

    Raises:
        ValueError: A member is not what it should be.
        TypeError: So is the number of them.
    """
    entry = Entry(**value)
    if not (type(entry.authors) is type(entry.keywords) is list and type(entry.files) is dict):
        raise ValueError("a member is no array, or no object")
    texts = [getattr(entry, name) for name in _TEXTS]
    texts += [*entry.authors, *entry.keywords, *entry.files, *entry.files.values()]
    texts += [] if entry.start is None else [entry.start]
    if not all(isinstance(text, str) for text in (*texts, entry.purpose)):
        raise ValueError("a member is no text")
    if any(_CONTROL.search(text) for text in texts):
        raise ValueError("a control character")
    for text in (*texts, entry.purpose):
        text.encode()  # UnicodeEncodeError is a ValueError
    if not all(type(getattr(entry, name)) is int for name in _COUNTS):
        raise ValueError("a member is no integer")
    if not all(map(_DIGEST.fullmatch, (entry.sha256, *entry.files.values()))):
        raise ValueError("no SHA-256")
    check_name(entry.name)
    if not is_version(entry.version):
        raise ValueError(f"{entry.version[:80]!a} is no version")
    for path in entry.files:
        check_path(path)
    return entry


def _order(entry: Entry) -> tuple[str, list[int]]:
    return entry.name, [int(part) for part in entry.version.split(".") if part.isdigit()]
