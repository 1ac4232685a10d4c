"""Which file is what, and whose."""

from __future__ import annotations

from pathlib import Path

import pytest

from wtrec.analysis.inputs import labels, sort_inputs
from wtrec.errors import MatchError

CAPTURE, SAVED, RESULTS = b"\x0a\x0d\x0d\x0a", b' \n{"schema": 1}', b"PAR1...."


def make(folder: Path, **files: bytes) -> list[Path]:
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content)
        paths.append(path)
    return paths


def test_the_first_bytes_decide(tmp_path: Path) -> None:
    """Names of captures and saved analyses may be any; results go to the capture of their stem."""
    paths = make(
        tmp_path,
        a__pcapng=CAPTURE,
        a__x__parquet=RESULTS,
        odd=SAVED,
        b__json=CAPTURE,
        a__y__parquet=RESULTS,
    )
    found = sort_inputs(paths)
    assert [(each.path, each.is_saved) for each in found] == [
        (paths[0], False),
        (paths[2], True),
        (paths[3], False),
    ]
    assert [each.results for each in found] == [[paths[1], paths[4]], [], []]


def test_any_results_belong_to_the_only_capture(tmp_path: Path) -> None:
    """Whatever they are called; beside saved analyses, too."""
    paths = make(tmp_path, a__pcapng=CAPTURE, mine=RESULTS, s__json=SAVED)
    assert sort_inputs(paths)[0].results == [paths[1]]


def test_captures_of_one_name(tmp_path: Path) -> None:
    """Results belong to the one in their folder."""
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        both += make(tmp_path / name, a__pcapng=CAPTURE, a__x__parquet=RESULTS)
    found = sort_inputs([both[0], both[2], both[3], both[1]])
    assert [each.results for each in found] == [[both[1]], [both[3]]]
    assert labels(found) == [str(both[0]), str(both[2])]


def test_labels(tmp_path: Path) -> None:
    """The stem, if that is enough."""
    found = sort_inputs(make(tmp_path, a__pcapng__gz=CAPTURE, b__old__json=SAVED))
    assert labels(found) == ["a", "b.old"]


def test_what_is_not_clear_is_refused(tmp_path: Path) -> None:
    """Results of neither capture, results alone, and a file that is named twice."""
    a, b, odd = make(tmp_path, a__pcapng=CAPTURE, b__pcapng=CAPTURE, odd=RESULTS)
    with pytest.raises(MatchError, match="results of which capture"):
        sort_inputs([a, b, odd])
    with pytest.raises(MatchError, match="results only"):
        sort_inputs([odd])
    with pytest.raises(MatchError, match="named twice"):
        sort_inputs([a, tmp_path / "." / "a.pcapng"])
