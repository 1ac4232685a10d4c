from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.sharing.names import check_name, check_path, clashes

BAD = [
    *("", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "C:\\x", "a\\b", "C:x"),
    *("a\nb", "a\0b", "a\x7fb", "a\u202eb", "nul", "NUL.txt", "com1", "a/aux/b", ".hidden", "-rf"),
    *("a.", "a ", " a", "~x", "a%0Ab", "x" * 201, "/".join("abcdefghi"), "e\u0301", "a\ud800"),
]


class TestCheckPath:
    """What a path in a dataset may be."""

    @pytest.mark.parametrize("path", BAD)
    def test_tricks_are_refused(self, path: str) -> None:
        """Names that lead elsewhere, or that some system cannot have."""
        with pytest.raises(ValueError, match=r"\w"):
            check_path(path)

    @pytest.mark.parametrize(
        "path",
        ["data/runs/Flur 3/run_00001_20260101120000.pcapng.gz", "data/é/ü-1+2=3 (b).x", "नमस्ते"],
    )
    def test_names_that_people_give_pass(self, path: str) -> None:
        """Letters of any script, digits, and some punctuation."""
        check_path(path)

    @given(st.text(max_size=40))
    def test_what_passes_stays_in_its_folder(self, path: str) -> None:
        """On POSIX and on Windows, and it is one line of a manifest."""
        try:
            check_path(path)
        except ValueError:
            return
        for pure in (PurePosixPath(path), PureWindowsPath(path)):
            assert not pure.is_absolute()
            assert not pure.drive
            assert ".." not in pure.parts
            assert "/".join(pure.parts) == path
        assert path.splitlines() == [path]
        path.encode()

    def test_a_name_is_no_path(self) -> None:
        """A slash is no character of a name."""
        with pytest.raises(ValueError, match="'/' in a name"):
            check_name("a/b")


class TestClashes:
    """Paths that some file systems take for the same."""

    def test_case_and_ligatures_do_not_tell_names_apart(self) -> None:
        """Windows and macOS fold them."""
        assert clashes(["a/Run", "a/run"]) == [("a/Run", "a/run")]
        assert clashes(["STRASSE", "straße"])

    def test_a_file_is_no_folder(self) -> None:
        """``a`` and ``a/b`` cannot both be files."""
        assert clashes(["a/b", "a"]) == [("a", "a/b")]

    def test_different_names_do_not_clash(self) -> None:
        """What every system tells apart."""
        assert clashes(["a/b", "a/c", "ab"]) == []
