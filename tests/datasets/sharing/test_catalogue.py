from __future__ import annotations

import dataclasses
import hashlib
import html.parser
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.sharing.catalogue import JSON, PAGE, Entry, read
from wtrec.datasets.sharing.catalogue_page import page
from wtrec.datasets.sharing.create import create
from wtrec.datasets.sharing.dataset import PATH
from wtrec.datasets.sharing.remote_folder import Folder
from wtrec.datasets.sharing.store import Store, object_path
from wtrec.errors import FormatError

METADATA = {"title": "T", "authors": [{"name": "A"}], "licence": "CC0-1.0"}
EVIL = "</td><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty one."""
    (tmp_path / "store").mkdir()
    return Store(Folder(tmp_path / "store"))


def _entry(**words: Any) -> Entry:
    values = {"name": "n", "version": "1", "title": "t", "authors": ["a"], "licence": "x"}
    values["sha256"] = "ab" * 32
    return Entry(**{**values, **words})


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def test_all_who_push_at_once_are_in_it(store: Store, runs: list[Path], tmp_path: Path) -> None:
    """Whoever is last has seen the others."""
    folders = [tmp_path / f"d{number}" for number in range(5)]
    for number, folder in enumerate(folders):
        create(folder, runs[:1], name=f"d{number}", version="1", metadata=METADATA)
    with ThreadPoolExecutor(len(folders)) as pool:
        list(pool.map(store.push, folders))
    assert [each.name for each in read(store.remote)] == [f"d{n}" for n in range(5)]
    text = (tmp_path / "store" / PAGE).read_text()
    assert all(f"<td>d{number}@1</td>" in text for number in range(5))


def test_one_that_is_lost_or_damaged_is_made_anew(store: Store, made: Path, tmp_path: Path) -> None:
    """By the next push, also of what is there already."""
    store.push(made)
    before = (tmp_path / "store" / JSON).read_text()
    for damaged in ("", "{", '{"datasets": [{"name": 1}]}', '{"datasets": 3}'):
        (tmp_path / "store" / JSON).write_text(damaged)
        with pytest.raises(FormatError, match="no catalogue"):
            read(store.remote)
        assert store.push(made) == 0
        assert (tmp_path / "store" / JSON).read_text() == before


def test_a_dataset_whose_description_is_damaged_hides_no_other(
    store: Store, made: Path, tmp_path: Path
) -> None:
    """It is left out; pull says what is wrong."""
    (tmp_path / "store/datasets/bad").mkdir(parents=True)
    (tmp_path / "store/datasets/bad/1").write_text("rubbish\n")
    store.push(made)
    assert [each.name for each in read(store.remote)] == ["short"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("files", {"README.md": '"><script>'}),
        ("files", {"../x": "ab" * 32}),
        ("files", {"README.md": 3}),
        ("files", []),
        ("frames", [EVIL, 3]),
        ("frames", True),
        ("authors", [EVIL, 3]),
        ("authors", "Ada"),
        ("keywords", {}),
        ("start", [EVIL, 3]),
        ("sha256", "ab"),
        ("name", "\x1b[31mx"),
        ("name", "../x"),
        ("version", "\x1b]0;x\x07"),
        ("version", "1.x"),
        ("licence", "\x1b[31mx"),
        ("title", "Caf\udce9"),
        ("purpose", "Caf\udce9"),
    ],
)
def test_one_from_elsewhere_is_checked(
    store: Store, field: str, value: object, tmp_path: Path
) -> None:
    """No member of another type goes into the page, and none is what no dataset has."""
    entry = dataclasses.asdict(_entry(files={"README.md": "ab" * 32}))
    (tmp_path / "store" / JSON).write_text(json.dumps({"datasets": [entry]}))
    assert len(read(store.remote)) == 1
    (tmp_path / "store" / JSON).write_text(json.dumps({"datasets": [entry | {field: value}]}))
    with pytest.raises(FormatError, match="no catalogue"):
        read(store.remote)


@pytest.mark.parametrize(
    "forged",
    [{"sha256": "00" * 32}, {"files": {"README.md": "00" * 32}}, {"files": {}}],
)
def test_an_entry_of_another_list_is_made_anew(
    store: Store, made: Path, tmp_path: Path, forged: dict[str, Any]
) -> None:
    """By the next push; who lists the folder does not see it at all."""
    store.push(made)
    before = (tmp_path / "store" / JSON).read_text()
    value = json.loads(before)
    value["datasets"][0] |= {"title": "Forged", **forged}
    (tmp_path / "store" / JSON).write_text(json.dumps(value))
    assert [each.title for each in store.entries()] == ["Two short runs"]
    store.push(made)
    assert (tmp_path / "store" / JSON).read_text() == before
    assert "Forged" not in (tmp_path / "store" / PAGE).read_text()


def test_a_title_that_is_no_text_hides_no_other(
    store: Store, made: Path, bag: Path, tmp_path: Path
) -> None:
    """A dataset of before it was refused, or of another program."""
    text = (bag / PATH).read_text()
    (bag / PATH).write_text(text.replace("Two short runs", "Caf\\udce9"))
    digest = hashlib.sha256((bag / PATH).read_bytes()).hexdigest()
    folder = tmp_path / "store"
    (folder / "datasets/bad").mkdir(parents=True)
    (folder / "datasets/bad/1").write_text(f"{digest}  {PATH}\n")
    (folder / "objects" / digest[:2]).mkdir(parents=True)
    shutil.copy(bag / PATH, folder / object_path(digest))
    store.push(made)
    assert [each.name for each in read(store.remote)] == ["short"]
    assert "short@1" in (folder / PAGE).read_text()


def test_the_page_escapes_what_metadata_says() -> None:
    """No tag and no attribute comes of it, and nothing is loaded from elsewhere."""
    plain, evil = _Tags(), _Tags()
    texts = {
        field.name: "x"
        for field in dataclasses.fields(Entry)
        if field.type in {"str", "str | None"}
    }
    lists = {"authors": ["a"], "keywords": ["k"], "files": {"README.md": "ab" * 32}}
    plain.feed(page([_entry(**texts, **lists)]))
    bad = {"authors": [EVIL], "keywords": [EVIL], "files": {EVIL: "ab" * 32}}
    evil.feed(page([_entry(**dict.fromkeys(texts, EVIL), **bad)]))
    assert evil.tags == plain.tags
    assert [name for name, _ in evil.attributes] == [name for name, _ in plain.attributes]
    assert not {"src", "onerror", "onload"} & {name for name, _ in evil.attributes}


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no chromium: apt-get install chromium")
def test_the_search_of_the_page_works_under_its_own_policy(tmp_path: Path) -> None:
    """It hides the rows without the words; in a real browser."""
    rows = [_entry(title="A hall"), _entry(name="m", title="A lab"), _entry(name="o", title=EVIL)]
    (tmp_path / PAGE).write_text(page(rows))
    address = (tmp_path / PAGE).as_uri() + "#a%20HALL"
    assert BROWSER is not None
    words = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/b"]
    done = subprocess.run(
        [BROWSER, *words, "--dump-dom", address],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert '<p id="count">1 of 3</p>' in done.stdout
    assert done.stdout.count('<tr hidden="">') == 2
