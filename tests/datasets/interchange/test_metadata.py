from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from wtrec.datasets.interchange.datacite import datacite
from wtrec.datasets.interchange.described import description, stored
from wtrec.datasets.interchange.schema_org import schema_org
from wtrec.datasets.sharing.bag import MANIFEST
from wtrec.datasets.sharing.dataset import Dataset
from wtrec.errors import FormatError


class TestSchemaOrg:
    """What search engines read."""

    def test_it_says_who_what_and_when(self, made: Path, dataset: Dataset) -> None:
        """With a description that is long enough, and a semantic version."""
        found = schema_org(made, dataset, base="https://example.org/", publisher="A lab")
        assert found["version"] == "1.2.0"
        assert found["license"] == "https://spdx.org/licenses/CC-BY-4.0"
        assert found["isAccessibleForFree"] is True
        assert found["identifier"] == "https://doi.org/10.5281/zenodo.1234567"
        assert found["creator"][0]["sameAs"] == "https://orcid.org/0000-0001-2345-678X"
        assert found["temporalCoverage"] == f"{dataset.start}/{dataset.end}"
        assert "8 IEEE 802.11 frames" in found["description"]
        assert 50 <= len(found["description"]) <= 5000
        assert len(found["distribution"]) == 1 + len(dataset.runs[0].files)

    def test_what_nobody_said_is_not_there(self, made: Path, dataset: Dataset) -> None:
        """No empty member, and nothing made up."""
        bare = dataclasses.replace(dataset, doi="", keywords=(), start=None, licence="see below")
        found = schema_org(made, bare)
        assert not {"identifier", "url", "keywords", "temporalCoverage", "publisher"} & set(found)
        assert found["license"] == "see below"

    @pytest.mark.parametrize("licence", ["proprietary", "UNKNOWN", "CC-BY-9.0", "see below"])
    def test_a_licence_that_nobody_knows_is_no_page_and_no_promise(
        self, made: Path, dataset: Dataset, licence: str
    ) -> None:
        """Whether it is free to get is not said then."""
        odd = dataclasses.replace(dataset, licence=licence)
        found = schema_org(made, odd)
        assert found["license"] == licence
        assert "isAccessibleForFree" not in found
        assert datacite(made, odd)["rightsList"] == [{"rights": licence}]

    def test_a_file_without_a_hash_is_an_error(
        self, made: Path, dataset: Dataset, tmp_path: Path
    ) -> None:
        """The manifest is another dataset's, or none."""
        for text in ("", "rubbish\n"):
            (tmp_path / MANIFEST).write_text(text)
            with pytest.raises(FormatError):
                stored(tmp_path, dataset)
        assert stored(made, dataset)


class TestDataCite:
    """What DOIs are registered with."""

    def test_people_dates_and_rights(self, made: Path, dataset: Dataset) -> None:
        """Names are taken apart, organisations are not."""
        found = datacite(made, dataset)
        assert [each["name"] for each in found["creators"]] == [
            "Lovelace, Ada",
            "van Beethoven, Ludwig",
            "Laboratory",
        ]
        assert found["publisher"] == {"name": "Zenodo"}
        assert found["rightsList"][0]["rightsIdentifier"] == "CC-BY-4.0"
        assert found["descriptions"][0]["description"] == description(dataset)
        sizes = sum(each.bytes or 0 for each in stored(made, dataset))
        assert found["sizes"] == [f"{sizes} bytes"]

    @pytest.mark.slow
    def test_it_is_what_its_schema_says(
        self, made: Path, dataset: Dataset, validators: Path
    ) -> None:
        """Also without all that may be left out."""
        code = "import json, sys; from datacite import schema45; schema45.validator.validate("
        code += "json.load(sys.stdin))"
        bare = dataclasses.replace(
            dataset, doi="", keywords=(), start=None, end=None, licence="as you like", purpose=""
        )
        for each in (dataset, bare):
            done = subprocess.run(
                [validators, "-c", code],
                input=json.dumps(datacite(made, each)),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr

    @pytest.mark.slow
    def test_the_citation_file_is_valid(self, made: Path, validators: Path, tmp_path: Path) -> None:
        """So says cffconvert."""
        done = subprocess.run(
            [validators.with_name("cffconvert"), "--validate", "-i", made / "CITATION.cff"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "valid according to schema version 1.2.0" in done.stdout
