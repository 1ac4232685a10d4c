"""What a capture says of itself fits into the blocks that it begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from wtrec.datasets.pcapng import SectionHeader, read_block
from wtrec.datasets.run import Filter, Run, RunInterface
from wtrec.errors import CaptureError
from wtrec.recorder.capture import CaptureSettings
from wtrec.recorder.capture_headers import headers
from wtrec.recorder.interface import Interface

LONG = "x" * 70_000
MON0 = Interface("mon0", 803, True, "tun", "")
RUN = Run.begin(
    interface="mon0",
    start=0,
    snap_length=100,
    interfaces=(RunInterface(name="mon0"),),
    filter=Filter(text="udp", program="1\n6 0 0 9\n"),
    meta={"place": "lab"},
    comment="a short wire",
)


def embedded(run: Run) -> Run:
    """The run as the section header has it."""
    blocks = headers(CaptureSettings(interfaces=["mon0"], comment=run.comment), [MON0], run)
    section, _, _ = read_block(blocks, 0, "<")
    assert isinstance(section, SectionHeader)
    assert section.comments[0] == run.comment
    return Run.from_json(section.comments[1])


WITHOUT_PROGRAM: dict[str, Any] = {"filter": Filter(text="udp", program="")}


@pytest.mark.parametrize(
    ("longer", "left_out"),
    [
        ({}, {}),
        ({"filter": Filter(text="udp", program=LONG)}, WITHOUT_PROGRAM),
        (
            {"interfaces": tuple(RunInterface(name=f"mon{n}") for n in range(900))},
            {**WITHOUT_PROGRAM, "interfaces": ()},
        ),
        ({"meta": {"notes": LONG}}, {**WITHOUT_PROGRAM, "interfaces": (), "meta": {}}),
        (
            {"comment": "ä" * 32_767},
            {**WITHOUT_PROGRAM, "interfaces": (), "meta": {}, "comment": ""},
        ),
        (
            {"filter": Filter(text=LONG, program="")},
            {"filter": None, "interfaces": (), "meta": {}, "comment": ""},
        ),
    ],
)
def test_what_is_left_out(longer: dict[str, Any], left_out: dict[str, Any]) -> None:
    """Of a description that is too long, the least of use is left out first."""
    run = replace(RUN, **longer)
    assert embedded(run) == replace(run, **left_out)


def test_a_comment_that_no_option_holds() -> None:
    """It is refused."""
    with pytest.raises(CaptureError, match="a comment of 70,000 bytes: pcapng holds 65,535"):
        embedded(replace(RUN, comment=LONG))
