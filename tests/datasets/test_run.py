"""``run.json``: written, read back, refused where it must be."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.files import atomic_write, replacing
from wtrec.datasets.members import from_rfc3339, to_rfc3339
from wtrec.datasets.run import (
    Counters,
    Filter,
    Run,
    RunFile,
    RunInterface,
    run_json_path,
    tx_log_path,
)
from wtrec.errors import FormatError

TIMES = st.integers(0, 253_402_300_799_999_999_999)  # up to the end of year 9999
COUNTS = st.integers(0, 2**63)
COUNTERS = st.none() | st.builds(
    Counters, received=COUNTS, dropped_by_kernel=COUNTS, written=COUNTS, bad_fcs=COUNTS
)
RUNS = st.builds(
    Run,
    run_id=st.text(),
    start=TIMES,
    host=st.text(),
    os=st.text(),
    wtrec_version=st.text(),
    interface=st.text(),
    end=st.none() | TIMES,
    driver=st.text(),
    channel=st.none() | st.text(),
    filter=st.none() | st.builds(Filter, text=st.none() | st.text(), program=st.text()),
    snap_length=COUNTS,
    monitor_flags=st.none() | st.lists(st.text()).map(tuple),
    meta=st.dictionaries(st.text(), st.text()),
    comment=st.text(),
    counters=COUNTERS,
    interfaces=st.lists(
        st.builds(
            RunInterface,
            name=st.text(),
            driver=st.text(),
            channel=st.none() | st.text(),
            monitor_flags=st.none() | st.lists(st.text()).map(tuple),
            counters=COUNTERS,
        ),
        max_size=3,
    ).map(tuple),
    time_stamp_type=st.none() | st.text(),
    clock_change_ns=st.none() | COUNTS,
    files=st.lists(
        st.builds(RunFile, name=st.text(), bytes=st.none() | COUNTS, sha256=st.none() | st.text())
    ).map(tuple),
    ended_by=st.none() | st.text(),
)


@pytest.fixture
def run() -> Run:
    """A run that has begun on this machine."""
    return Run.begin(interface="mon0", start=1_700_000_000_123_456_789, snap_length=262_144)


class TestJson:
    """The object and its text."""

    @given(RUNS)
    def test_round_trip(self, run: Run) -> None:
        """What is written is read back equal, on one line or on many."""
        assert Run.from_json(run.to_json()) == run
        assert Run.from_json(run.to_json(indent=None).encode()) == run

    @given(
        st.text()
        | st.binary()
        | st.recursive(
            st.none() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner)
                | st.dictionaries(st.sampled_from(["schema_version", "start", "files", "x"]), inner)
            ),
        ).map(json.dumps)
    )
    def test_any_text(self, text: str | bytes) -> None:
        """Any text is a run or a FormatError."""
        with contextlib.suppress(FormatError):
            Run.from_json(text)

    def test_begin(self, run: Run) -> None:
        """A new run knows its machine and has no end yet."""
        other = Run.begin(interface="mon0", start=0, snap_length=1)
        assert run.run_id != other.run_id
        assert len(run.run_id) == 32
        assert run.host == os.uname().nodename
        assert os.uname().release in run.os
        assert (run.end, run.counters, run.ended_by) == (None, None, None)

    def test_newer_schema(self, run: Run) -> None:
        """A newer schema is refused with both versions and the next step."""
        newer = {**json.loads(run.to_json()), "schema_version": 2}
        with pytest.raises(FormatError, match=r"x\.json: schema version 2, .* up to 1; update"):
            Run.from_json(json.dumps(newer), path="x.json")

    def test_unknown_member(self, run: Run) -> None:
        """A member that this version does not know is passed over."""
        assert Run.from_json(json.dumps({**json.loads(run.to_json()), "mood": "good"})) == run

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("run_id", None, "member 'run_id': wanted str, found nothing"),
            ("snap_length", "9", "member 'snap_length': wanted int, found str"),
            ("snap_length", True, "wanted int, found bool"),
            ("start", "yesterday", "member 'start': wanted a UTC time like .* found 'yesterday'"),
            ("start", "2026-02-30T00:00:00Z", "member 'start'"),
            ("counters", {"received": 1}, r"counters: member 'dropped_by_kernel'"),
            ("counters", [], "counters: wanted an object, found list"),
            ("files", [{}], "files: member 'name'"),
            ("meta", {"a": 1}, "meta: member 'a': wanted str, found int"),
            ("monitor_flags", [1], "monitor_flags.*strings"),
        ],
    )
    def test_wrong_member(self, run: Run, member: str, value: object, message: str) -> None:
        """A member that is missing or of a wrong type is named, with its file."""
        broken = {**json.loads(run.to_json()), member: value}
        with pytest.raises(FormatError, match=f"x.json: run.json: .*{message}|{message}"):
            Run.from_json(json.dumps(broken), path="x.json")

    @pytest.mark.parametrize("text", ["", "[]", "{", b"\xff", "[" * 100_000])
    def test_no_object(self, text: str | bytes) -> None:
        """What is no JSON object is refused."""
        with pytest.raises(FormatError):
            Run.from_json(text)


class TestFile:
    """The file beside the capture."""

    def test_save_and_load(self, run: Run, tmp_path: Path) -> None:
        """A saved run is loaded equal, even with text that UTF-8 cannot hold."""
        odd = Run.from_json(run.to_json().replace('"comment": ""', r'"comment": "\ud800 ü"'))
        odd.save(tmp_path / "run.json")
        assert Run.load(tmp_path / "run.json") == odd

    @pytest.mark.parametrize(
        ("capture", "expected"),
        [
            ("run.pcapng", "run.json"),
            ("a.b/run-1.5dB.pcapng", "a.b/run-1.5dB.json"),
            ("run-1.5dB", "run-1.5dB.json"),
        ],
    )
    def test_path(self, capture: str, expected: str) -> None:
        """Only the ending of a capture is exchanged."""
        assert run_json_path(Path(capture)) == Path(expected)

    def test_files_of_one_run(self) -> None:
        """Files of several share the metadata and the tx log of their run."""
        for name in "run_00001_20260101120000.pcapng", "run_99999_20260101120000.pcapng.gz":
            assert run_json_path(Path("lab") / name) == Path("lab/run.json")
            assert tx_log_path(Path("lab") / name) == Path("lab/run.tx.parquet")
        assert run_json_path(Path("run_1_20260101120000.pcapng")).stem == "run_1_20260101120000"

    def test_measured_file(self, tmp_path: Path) -> None:
        """Size and hash are those of the content."""
        path = tmp_path / "run.pcapng"
        path.write_bytes(b"frames")
        digest = hashlib.sha256(b"frames").hexdigest()
        assert RunFile.of(path) == RunFile(name="run.pcapng", bytes=6, sha256=digest)


class TestAtomicWrite:
    """Files are replaced whole."""

    def test_replaces_and_keeps_permissions(self, tmp_path: Path) -> None:
        """The content is new, the permissions are the old ones, and nothing else is left."""
        path = tmp_path / "file"
        path.write_bytes(b"old")
        path.chmod(0o600)
        atomic_write(path, b"new")
        assert path.read_bytes() == b"new"
        assert path.stat().st_mode & 0o777 == 0o600
        assert list(tmp_path.iterdir()) == [path]

    def test_failure_changes_nothing(self, tmp_path: Path) -> None:
        """A write that fails leaves no temporary file."""
        (tmp_path / "folder").mkdir()
        with pytest.raises(OSError, match="folder"):
            atomic_write(tmp_path / "folder", b"new")
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]

    def test_a_file_that_was_made_meanwhile_stays(self, tmp_path: Path) -> None:
        """Where there was none at first, another's is not replaced."""
        path = tmp_path / "file"
        meanwhile = pytest.raises(FileExistsError, match="made by another meanwhile")
        with meanwhile, replacing(path) as temporary:
            temporary.write_bytes(b"mine")
            path.write_bytes(b"another's")
        assert path.read_bytes() == b"another's"
        assert list(tmp_path.iterdir()) == [path]

    def test_without_links(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """On a file system without hard links, files get their names all the same."""

        def refuse(path: Path, _: Path) -> None:
            raise OSError(errno.EPERM, "no links here", str(path))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        atomic_write(tmp_path / "file", b"new")
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]
        with pytest.raises(FileExistsError), replacing(tmp_path / "other") as temporary:
            (tmp_path / "other").write_bytes(temporary.read_bytes())

    @pytest.mark.parametrize("name", ["n" * 255, "\N{SNOWMAN}" * 85])
    def test_the_longest_names(self, tmp_path: Path, name: str) -> None:
        """What fits as a name does, though a temporary one would be longer."""
        atomic_write(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new"


class TestTimes:
    """Nanoseconds as RFC 3339."""

    @given(TIMES)
    def test_round_trip(self, time: int) -> None:
        """Every nanosecond has its own text."""
        assert from_rfc3339(to_rfc3339(time)) == time

    def test_form(self) -> None:
        """Nine decimals and a Z; fewer or none are read as well."""
        assert to_rfc3339(1_000_000_001) == "1970-01-01T00:00:01.000000001Z"
        assert from_rfc3339("1970-01-01T00:00:01.5Z") == 1_500_000_000
        assert from_rfc3339("1970-01-01T00:00:01Z") == 1_000_000_000
