"""Expressions become the programs that tcpdump makes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wtrec.errors import FilterError
from wtrec.recorder import bpf
from wtrec.recorder.bpf import libpcap

EXPRESSIONS = [
    "udp port 5005",
    "type mgt subtype beacon",
    "wlan addr2 02:00:00:00:00:01 and wlan[1] & 8 = 0",
    "radio[2:2] > 20",
    "greater 50 and udp port 5006",
    "ether[0] & 1 = 0 or icmp6",
]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_same_as_tcpdump(expression: str, tcpdump: Callable[..., str]) -> None:
    """The program behind Radiotap headers is the one that tcpdump -ddd prints."""
    assert bpf.to_decimal(bpf.compile_expression(expression)) == tcpdump(expression, "-ddd")


def test_link_type(tcpdump: Callable[..., str]) -> None:
    """A filter for bare 802.11 frames is compiled for these."""
    program = bpf.compile_expression("type ctl", linktype=105)
    assert bpf.to_decimal(program) == tcpdump("type ctl", "-ddd", 105)
    assert program != bpf.compile_expression("type ctl")


def test_snap_length() -> None:
    """An accepted frame keeps as many bytes as were asked for."""
    program = bpf.compile_expression("udp", snap_length=99)
    assert {i.k for i in program if i.code == 0x06} == {99, 0}


def test_unknown_word() -> None:
    """A wrong expression is refused in libpcap's own words."""
    with pytest.raises(FilterError, match=r"filter 'udp prt 3': .*syntax error"):
        bpf.compile_expression("udp prt 3")


def test_nul_character() -> None:
    """An expression is not cut at a NUL character."""
    with pytest.raises(FilterError, match="NUL"):
        bpf.compile_expression("udp\0 port 1")


@pytest.mark.parametrize("loaded", [True, False])
def test_what_the_kernel_would_refuse(*, loaded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that libpcap should not have made is refused before a socket is there."""
    if not loaded:
        monkeypatch.setattr(libpcap, "load_libpcap", lambda: None)
    with pytest.raises(FilterError, match="'pppoes': libpcap compiles it into what the kernel ref"):
        bpf.compile_expression("pppoes")


def test_without_libpcap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where libpcap cannot be loaded, tcpdump compiles the same and says the same."""
    expected = bpf.compile_expression("udp port 5005", snap_length=300)
    monkeypatch.setattr(libpcap, "load_libpcap", lambda: None)
    assert bpf.compile_expression("udp port 5005", snap_length=300) == expected
    with pytest.raises(FilterError, match=r"filter 'udp prt 3': .*syntax error"):
        bpf.compile_expression("udp prt 3")


def test_dash_is_an_expression(monkeypatch: pytest.MonkeyPatch) -> None:
    """An expression that begins with a dash is never an option of tcpdump."""
    monkeypatch.setattr(libpcap, "load_libpcap", lambda: None)
    with pytest.raises(FilterError, match="filter '-h'"):
        bpf.compile_expression("-h")
