"""``-a`` and ``-b`` of ``wtrec capture``, as dumpcap takes them."""

from __future__ import annotations

import click
import pytest

from wtrec.cli.conditions import limits_and_rotation, rotation_condition, stop_condition
from wtrec.recorder.rotation import Limits, Rotation


class TestCondition:
    """One condition."""

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("duration:0.5", ("duration", 0.5)),
            ("interval:3600", ("interval", 3600.0)),
            ("filesize:100000", ("filesize", 100_000)),
            ("packets:7", ("packets", 7)),
            ("files:99999", ("files", 99_999)),
            ("printname:-", ("printname", "-")),
            ("printname:a:b", ("printname", "a:b")),
        ],
    )
    def test_kinds(self, text: str, found: object) -> None:
        """Times may have decimals, counts not."""
        assert rotation_condition(text) == found

    @pytest.mark.parametrize(
        "text",
        [
            *("", "files", "files:", "files:100000", "files:0", "files:1.5", "packets:-1"),
            *("duration:0", "duration:inf", "duration:nan", "interval:x", "printname:", "size:1"),
        ],
    )
    def test_refused(self, text: str) -> None:
        """What it is not names what it could be."""
        with pytest.raises(click.BadParameter, match=r"files:N, interval:SECONDS or printname"):
            rotation_condition(text)

    @pytest.mark.parametrize("text", ["interval:60", "printname:-"])
    def test_of_files_alone(self, text: str) -> None:
        """What is about several files does not end a capture."""
        with pytest.raises(click.BadParameter, match=r"filesize:KB or files:N \(1 KB is 1000"):
            stop_condition(text)


class TestTogether:
    """All conditions of a call."""

    def test_a_single_file(self) -> None:
        """-c and -a are limits; of two, the smaller counts."""
        stop = [("packets", 9), ("duration", 2.5), ("filesize", 3), ("filesize", 2)]
        limits, rotation, names = limits_and_rotation(5, stop, [])
        assert limits == Limits(frames=5, seconds=2.5, bytes=2000)
        assert (rotation, names) == (None, None)

    def test_several_files(self) -> None:
        """-b is about a file, -a about the capture, but for the size."""
        limits, rotation, names = limits_and_rotation(
            None,
            [("files", 9), ("packets", 1000), ("filesize", 5), ("duration", 60.0)],
            [
                *(("files", 3), ("duration", 10.0), ("interval", 60.0), ("packets", 4)),
                *(("printname", "stderr"), ("filesize", 7)),
            ],
        )
        assert limits == Limits(frames=1000, seconds=60.0, files=9)
        assert rotation == Rotation(seconds=10.0, interval=60.0, bytes=5000, frames=4, files=3)
        assert names == "stderr"

    def test_a_size_is_a_condition(self) -> None:
        """As in dumpcap, -a filesize says when a new file begins."""
        _, rotation, _ = limits_and_rotation(None, [("filesize", 5)], [("files", 3)])
        assert rotation == Rotation(bytes=5000, files=3)

    def test_no_condition(self) -> None:
        """A number of files does not say when one is full."""
        with pytest.raises(click.UsageError, match="nothing says when a new file begins"):
            limits_and_rotation(5, [("duration", 1.0)], [("files", 3), ("printname", "-")])
        with pytest.raises(click.UsageError, match="there is one file"):
            limits_and_rotation(None, [("files", 3)], [])
