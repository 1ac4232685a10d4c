"""What a filter looks at is told by the names of the fields."""

from __future__ import annotations

import pytest

from wtrec.recorder.bpf import accept_all
from wtrec.recorder.bpf.examine import examine_expression, examine_program
from wtrec.recorder.bpf.libpcap import DLT_EN10MB
from wtrec.recorder.bpf.sight import Sight


def seen(expression: str, linktype: int = 127) -> Sight:
    """What a filter looks at."""
    sight = examine_expression(expression, linktype).sight
    assert sight is not None
    return sight


@pytest.mark.parametrize(
    ("expression", "frame", "count"),
    [
        ("wlan[1] & 8 = 0", ["frame control"], 1),
        ("wlan[0:2] = 0xd400", ["frame control"], 2),
        ("wlan[2:2] = 0x2c00", ["duration"], 2),
        ("wlan addr1 02:00:00:00:00:01", ["address 1"], 6),
        ("wlan[22:2] = 0x1000", ["sequence control"], 2),
        ("type data and wlan[16:4] = 0x02000000", ["frame control", "address 3"], 5),
        (
            "udp port 5005",
            [
                "frame control",
                "EtherType",
                "IPv4 version and header length",
                "IPv4 fragment offset",
                "IPv6 next header",
                "IPv4 protocol",
                "UDP source port",
                "UDP destination port",
            ],
            11,
        ),
        ("arp", ["frame control", "EtherType"], 3),
        ("radio[2:2] > 20", [], 0),
        ("bad-fcs", [], 0),
        ("len > 40", [], 0),
    ],
)
def test_fields(expression: str, frame: list[str], count: int) -> None:
    """Fields are named in the order of the frame, with how many bytes of one frame decide."""
    sight = seen(expression)
    assert list(sight.frame) == frame
    assert sight.bytes == count
    assert sight.is_fair == (not frame)


def test_radiotap() -> None:
    """What is looked at in the Radiotap header is told apart."""
    assert seen("radio[4:4] & 2 != 0").radiotap == ("Radiotap present",)
    assert seen("radio[0] = 0 and radio[8] & 1 = 0").radiotap == (
        "Radiotap version",
        "Radiotap present",  # of headers with two words
        "Radiotap fields",
    )


def test_bare_frames() -> None:
    """Without Radiotap headers the frame begins at the first byte."""
    sight = seen("wlan[1] & 8 = 0", 105)
    assert sight == Sight((), ("frame control",), 1)


def test_note() -> None:
    """The note says what errors are lost; there is none where none can be."""
    note = examine_expression("wlan[1] & 8 = 0").note()
    assert note.startswith("this filter looks at frame control (up to 1 byte of a frame): a frame")
    assert "3 more fields (up to 11 bytes" in examine_expression("udp port 5005").note()
    assert examine_expression("len > 40").note() == ""
    assert examine_program(accept_all(100)).note() == ""
    assert examine_expression("udp port 5005", DLT_EN10MB).note() == ""
