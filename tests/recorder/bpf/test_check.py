"""libpcap's wrong programs are found and mended, its right ones are left alone."""

from __future__ import annotations

import socket

import pytest

from wtrec.errors import FilterError
from wtrec.recorder import bpf
from wtrec.recorder.bpf import check
from wtrec.recorder.bpf.check import compile_checked
from wtrec.recorder.bpf.examine import examine_expression, examine_program
from wtrec.recorder.bpf.interpreter import run
from wtrec.recorder.bpf.samples import CONTENTS, SHAPES, behind, headers, samples
from wtrec.recorder.tun import MonitorTun

WRONG = [
    "wlan[1] & 8 != 0 and udp",
    "radio[0] = 0 and udp port 5006",
    "len > 50 and udp port 5006",
    "type data and wlan[1] & 8 = 0 and udp port 5006",
    "1 = 1 and tcp",
    "(radio[16] & 0x40) = 0 and type mgt subtype probe-req",
]
RIGHT = [
    "udp port 5006 and wlan[1] & 8 = 0",
    "greater 50 and udp port 5006",
    "type data and dir fromds and udp port 5005",
    "wlan addr2 02:00:00:00:00:01 and wlan[1] & 8 = 0",
    "type ctl or type mgt subtype beacon",
    "udp",
    "radio[2:2] > 20",
    "ether src 02:00:00:00:00:01 or ip6",
]


@pytest.mark.parametrize("expression", WRONG)
def test_wrong_programs_are_mended(expression: str) -> None:
    """A frame proves libpcap wrong, and the program that is taken has its verdict right."""
    checked = compile_checked(expression)
    assert checked.mended
    assert checked.program != checked.libpcap
    for difference in checked.differences:
        packet = difference.sample.packet
        assert run(checked.libpcap, packet).kept == difference.kept
        assert run(checked.program, packet).kept == difference.wanted != difference.kept


@pytest.mark.parametrize("expression", RIGHT)
def test_right_programs_are_left_alone(expression: str) -> None:
    """Libpcap's program is taken where no frame speaks against it; some pass, some do not."""
    checked = compile_checked(expression)
    assert not checked.mended
    assert checked.program == checked.libpcap == bpf.compile_expression(expression)
    assert checked.passing > 0
    assert checked.passing < len(checked.tried) or expression.startswith("radio")
    assert not checked.unchecked


@pytest.mark.parametrize("linktype", [127, 105])
def test_the_order_of_parts_makes_no_difference(linktype: int) -> None:
    """What is mended agrees on all frames with the order that libpcap compiles right."""
    mended = compile_checked("wlan[1] & 8 = 0 and udp port 5005", linktype)
    right = compile_checked("udp port 5005 and wlan[1] & 8 = 0", linktype)
    assert mended.mended
    assert not right.mended
    for sample, _ in (*mended.tried, *right.tried):
        assert run(mended.program, sample.packet).kept == run(right.libpcap, sample.packet).kept


def test_link_types_have_the_same_verdicts() -> None:
    """A frame passes with its Radiotap header exactly if it passes without."""
    expression = "wlan[1] & 8 = 0 and udp port 5005 or type ctl"
    with_radiotap, without = compile_checked(expression), compile_checked(expression, 105)
    unchanged = [
        sample
        for sample, _ in with_radiotap.tried
        if all(offset >= sample.start for offset, _ in sample.changed)
    ]
    assert len(unchanged) > len(samples())
    for sample in unchanged:
        behind_radiotap = run(with_radiotap.program, sample.packet).passed
        assert behind_radiotap == run(without.program, sample.mpdu).passed, sample.name


@pytest.mark.root
def test_mended_in_the_kernel(mon0: MonitorTun) -> None:
    """A socket gets the frame that it should with the mended program, and not with libpcap's."""
    checked = compile_checked("wlan[1] & 8 != 0 and udp")
    wrap = SHAPES["QoS data to the AP, a retry"]
    header = next(iter(headers()))
    frame = behind(header, "a retry", wrap(CONTENTS["UDP"])).packet
    got = {}
    for program in (checked.program, checked.libpcap):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
            bpf.attach(sock, program)
            sock.bind((mon0.name, 3))
            sock.setblocking(False)
            mon0.write(frame)
            try:
                got[program] = sock.recv(2000)
            except BlockingIOError:
                got[program] = b""
    assert got == {checked.program: frame, checked.libpcap: b""}


def test_where_packets_are_misplaced() -> None:
    """Shapes in which libpcap looks for IP at the wrong place are told, with a frame as proof."""
    limits = compile_checked("udp port 5005").limits
    assert set(limits) == {
        "data with four addresses",
        "QoS data with four addresses",
        "QoS data with HT Control",
    }
    for difference in limits.values():
        assert bool(difference.wanted) != bool(difference.kept)
    assert not compile_checked("type data and wlan[1] & 8 = 0").limits


def test_more_than_its_parts() -> None:
    """What cannot be taken apart is compiled, and said to be unchecked."""
    checked = compile_checked("vlan 5 and udp")
    assert "'vlan' shifts" in checked.unchecked
    assert checked.program == checked.libpcap
    assert "not checked" in examine_expression("vlan 5 and udp").warnings()[0]


def test_a_wrong_expression() -> None:
    """An expression that does not compile is refused as without the check."""
    with pytest.raises(FilterError, match="syntax error"):
        compile_checked("udp prt 3")


def test_snap_length() -> None:
    """Libpcap's and linked programs cut frames alike."""
    for expression in ("udp", "wlan[1] & 8 = 0 and udp"):
        checked = compile_checked(expression, snap_length=50)
        assert {i.k for i in checked.program if i.code == 0x06} == {50, 0}


def test_a_compiler_without_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole that is right has no difference, even where libpcap as it is would be wrong."""
    real = bpf.compile_expression
    expression = "wlan[1] & 8 = 0 and udp port 5005"

    def better(text: str, *arguments: int) -> bpf.Program:
        return real("udp port 5005 and wlan[1] & 8 = 0" if text == expression else text, *arguments)

    monkeypatch.setattr(check, "compile_expression", better)
    assert not compile_checked(expression).mended


def test_sentences() -> None:
    """Warnings say what is wrong, on what frame, and what was done."""
    examined = examine_expression("wlan[1] & 8 = 0 and udp port 5005")
    mended, misplaced = examined.warnings()
    assert "compiles this filter wrongly" in mended
    assert "linked from the filter's 2 parts" in mended
    assert examined.checked is not None
    assert examined.checked.differences[0].sample.name in mended
    assert "QoS data with four addresses" in misplaced
    assert examine_expression("type mgt").warnings() == []


def test_a_program_of_a_file() -> None:
    """It is taken as it is; what it looks at is found out all the same."""
    program = bpf.compile_expression("wlan[1] & 8 = 0 and udp port 5005")
    examined = examine_program(program, snap_length=90)
    assert examined.program == bpf.with_snaplen(program, 90)
    assert examined.checked is None
    assert "frame control" in examined.note()
    asks = bpf.parse("{ 0x20, 0, 0, 0xfffff024 }, { 0x16, 0, 0, 0 }")
    assert "not known" in examine_program(asks).note()


def test_samples_are_sound() -> None:
    """No two samples are the same frame, and every header of the four is in use."""
    assert len({sample.packet for sample in samples()}) == len(samples())
    assert {sample.header for sample in samples()} == set(headers())
