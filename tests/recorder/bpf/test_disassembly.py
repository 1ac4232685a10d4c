"""Programs are written as ``tcpdump -d`` writes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wtrec.recorder import bpf
from wtrec.recorder.bpf import Instruction, Program
from wtrec.recorder.bpf.disassembly import disassemble

EXPRESSIONS = [
    "udp port 5005",
    "len > 50 and udp[4:2] * 3 / 2 + 1 > 20",
    "wlan[1] & 8 = 0 or ip6",
    "tcp[tcpflags] & tcp-syn != 0",
    "wlan[0] ^ 3 = 1 and ip[2:2] % 7 | 1 = 3",
    "ip[0] << ip[1] > ip[2] >> 3",
    "portrange 4-9 and -len < 4",
    "ip host 1.2.3.4 and radio[2:2] >= 20",
]


@pytest.mark.parametrize("linktype", [127, 105, 1])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_as_tcpdump(expression: str, linktype: int, tcpdump: Callable[..., str]) -> None:
    """Every line is tcpdump's."""
    if linktype != 127:
        expression = expression.replace("radio[2:2] >= 20", "udp")
    if linktype == 1:
        expression = expression.replace("wlan[", "ether[")
    lines = disassemble(bpf.compile_expression(expression, linktype))
    assert lines == tcpdump(expression, "-d", linktype).splitlines()


@pytest.mark.parametrize(
    ("code", "k", "text"),
    [
        (0x20, 0xFFFF_F000 + 4, "ld       [type]"),
        (0x28, 0xFFFF_F000 + 44, "ldh      [vlan_tci]"),
        (0x20, 0xFFFF_F000 + 20, "ld       [mark]"),
        (0x81, 0, "ldx      #pktlen"),
        (0xB1, 14, "ldxb     4*([14]&0xf)"),
        (0x84, 0, "neg      "),
        (0x05, 0, "ja       1"),
        (0x3C, 0, "div      x"),
    ],
)
def test_what_expressions_seldom_need(code: int, k: int, text: str) -> None:
    """Instructions that libpcap does not write for captures have their text, too."""
    program = Program((Instruction(code, 0, 0, k), Instruction(0x16, 0, 0, 0)))
    assert disassemble(program) == [f"(000) {text}", "(001) ret      "]
