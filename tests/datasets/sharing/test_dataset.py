from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from wtrec.datasets.sharing.dataset import PATH, TEXTS, Dataset, load, parse, schema
from wtrec.errors import FormatError


@pytest.fixture
def value(made: Path) -> dict[str, Any]:
    """What a dataset.json holds."""
    read: dict[str, Any] = json.loads((made / PATH).read_bytes())
    return read


class TestParse:
    """What somebody else calls dataset.json."""

    def test_what_is_written_is_what_is_read(self, made: Path) -> None:
        """Byte for byte."""
        content = (made / PATH).read_bytes()
        dataset, problems = parse(content)
        assert problems == []
        assert dataset is not None
        assert dataset.to_bytes() == content

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"schema_version": 2}, "update"),
            ({"name": "../x"}, "name"),
            ({"name": "x\n"}, "in a name"),
            ({"version": "1/2"}, "version"),
            ({"authors": []}, "authors"),
            ({"unknown": 1}, "unknown"),
            ({"title": "two\nlines"}, "title"),
            ({"doi": "10.1/x"}, "doi"),
            ({"runs": []}, "runs"),
            ({"created": "yesterday"}, "created"),
            ({"title": "Caf\udce9"}, r"title: '\udce9' is no character"),
            ({"keywords": ["x", "\ud800"]}, "keywords[1]: "),
            ({"authors": [{"name": "\udfff"}]}, "authors[0].name: "),
        ],
    )
    def test_what_the_schema_forbids_is_named(
        self, value: dict[str, Any], change: dict[str, Any], what: str
    ) -> None:
        """By member."""
        _, problems = parse(json.dumps(value | change).encode())
        assert any(what in problem for problem in problems)

    @pytest.mark.parametrize("name", ["../x", "a/b", "NUL", "a\\b", ".", "NEAR.PCAPNG"])
    def test_names_that_lead_elsewhere_are_refused(self, value: dict[str, Any], name: str) -> None:
        """In runs, in files, in parts; and names that only case tells apart."""
        value["runs"][0]["files"][0]["name"] = name
        assert parse(json.dumps(value).encode())[1]
        value["runs"][0]["files"][0] |= {"name": "good", "parts": [name]}
        assert parse(json.dumps(value).encode())[1]

    def test_the_same_run_or_file_twice_is_refused(self, value: dict[str, Any]) -> None:
        """Two files of one name would be one."""
        value["runs"].append(value["runs"][0])
        problems = parse(json.dumps(value).encode())[1]
        assert "a file stands there twice" in problems
        assert "two runs have the same id" in problems

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"\xff",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b'{"schema_version": 1, "schema_version": 1}',
            b'{"schema_version": NaN}',
            b'{"schema_version": ' + b"9" * 10_000 + b"}",
            b"[[[[1]]]]",
            b'{"schema_version": true}',
            b'{"runs": ' + b"[" * 500 + b"]" * 500 + b"}",
        ],
    )
    def test_bombs_are_refused(self, content: bytes) -> None:
        """Depth, repeated members, huge numbers: a few short lines say what is wrong."""
        dataset, problems = parse(content)
        assert dataset is None
        assert problems
        assert max(map(len, problems)) < 500
        with pytest.raises(FormatError):
            load(content, "x")

    def test_many_violations_are_some_lines(self, value: dict[str, Any]) -> None:
        """A hundred, and that there are more."""
        value["keywords"] = [1] * 10_000
        assert len(parse(json.dumps(value).encode())[1]) <= 101

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["name", "runs", "authors", "x"]), inner)
            ),
            max_leaves=10,
        )
    )
    def test_any_json_is_judged(self, value: object) -> None:
        """Nothing but a verdict comes of it."""
        dataset, problems = parse(json.dumps(value).encode())
        assert dataset is None
        assert problems


class TestSchema:
    """The published schema."""

    def test_it_is_one(self) -> None:
        """JSON Schema itself says so."""
        Draft202012Validator.check_schema(schema())

    def test_it_describes_every_member(self) -> None:
        """Each has a sentence; those of the class are those of the schema."""
        properties = schema()["properties"]
        assert all(each.get("description") or "$ref" in each for each in properties.values())
        assert properties.keys() - {"schema_version"} == set(Dataset.__dataclass_fields__)
        assert set(TEXTS) <= properties.keys()
