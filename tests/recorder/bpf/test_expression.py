"""The boolean structure of expressions, and programs that are linked along it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import FilterError
from wtrec.recorder.bpf import Program, compile_expression
from wtrec.recorder.bpf.explore import explore
from wtrec.recorder.bpf.expression import And, Leaf, Node, Not, Or, leaves, parse
from wtrec.recorder.bpf.link import link
from wtrec.recorder.bpf.samples import CONTENTS, Sample


def shown(node: Node | None) -> str:
    """A structure as text, fully in parentheses."""
    match node:
        case None:
            return ""
        case Leaf():
            return f"<{node.text}>"
        case Not(part):
            return f"not {shown(part)}"
        case And(left, right):
            return f"({shown(left)} and {shown(right)})"
        case Or(left, right):
            return f"({shown(left)} or {shown(right)})"


@pytest.mark.parametrize(
    ("expression", "structure"),
    [
        ("", ""),
        ("udp", "<udp>"),
        ("udp and tcp or ip", "((<udp> and <tcp>) or <ip>)"),
        ("udp && (tcp || ip)", "(<udp> and (<tcp> or <ip>))"),
        ("not tcp and ! port 80 or 443", "((not <tcp> and not <port 80>) or <port 443>)"),
        ("not not udp", "<udp>"),
        ("wlan[1] & 8 = 0 and udp", "(<wlan[1] & 8 = 0> and <udp>)"),
        ("(ip[0] & 0xf) * 4 > 3 and (ip)", "(<(ip[0] & 0xf) * 4 > 3> and <ip>)"),
        ("ip[0] != 5 and udp", "(<ip[0] != 5> and <udp>)"),
        ("port (80 or 443) or 22 and ip", "((<port (80 or 443)> or <port 22>) and <ip>)"),
        ("tcp dst port ftp or ftp-data", "(<tcp dst port ftp> or <tcp dst port ftp-data>)"),
        ("src or dst port 5 or 6", "(<src or dst port 5> or <src or dst port 6>)"),
        ("host and-a or or-b", "(<host and-a> or <host or-b>)"),
        ("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "<tcp[tcpflags] & (tcp-syn|tcp-fin) != 0>"),
        ("ether host 2:0:0:0:0:1 or ip6", "(<ether host 2:0:0:0:0:1> or <ip6>)"),
        ("1.2.3.4 or 5.6.7.8", "(<1.2.3.4> or <5.6.7.8>)"),
        ("vlan 5", "<vlan 5>"),
    ],
)
def test_structure(expression: str, structure: str) -> None:
    """Parts and their order are libpcap's, values alone take the words before them."""
    node = parse(expression)
    assert shown(node) == structure
    for part in leaves(node):
        assert expression[part.start : part.stop] in part.text


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("vlan 5 and ip", "'vlan' shifts what the rest looks at"),
        ("udp and", "found 'the end'"),
        ("or udp", "found 'or'"),
        ("(udp", "not closed"),
        ("udp)", r"'\)' is not understood"),
        ("udp ]", r"'\]' is not understood|' ]' is not understood"),
        ("(" * 500 + "udp" + ")" * 500, "more than 100 parentheses"),
    ],
)
def test_refused(expression: str, message: str) -> None:
    """What is no structure, or more than one, is said."""
    with pytest.raises(FilterError, match=message):
        parse(expression)


@given(
    st.text()
    | st.lists(
        st.sampled_from(["udp", "and", "or", "not", "(", ")", "[1]", "=", "5", "src", "!"])
    ).map(" ".join)
)
@pytest.mark.slow
def test_any_text(text: str) -> None:
    """Any text has a structure, or a FilterError."""
    try:
        node = parse(text)
    except FilterError:
        return
    assert (node is None) == (not text.strip())


PARTS = [
    "udp",
    " tcp",
    " ip6",
    " arp",
    " udp port 5005",
    " port 80 or 5005",
    " tcp dst port 22 or 80",
    " host 192.0.2.1",
    "\nsrc net 192.0.2.0/24 or 10.0.0.0/8",
    " src or dst port 53",
    " portrange 1-1000",
    " ip[2:2] > 40",
    "\nip[6:2] & 0x1fff = 0",
    " udp[0:2] = 5005",
    " tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
    " len > 60",
    " less 80",
    "\nether[0] & 1 = 0",
    " ether src 02:00:00:00:00:02",
    " ip proto 17",
    " port (80 or 443)",
    " icmp[0] = 8",
    "\n(ip[0] & 0xf) != 5",
    " udp[4:2] - 8 > ip[8]",
    " ip6[6] = 17",
    " len - 14 = ip[2:2]",
]


def _expression(draw: random.Random, depth: int) -> str:
    kind = draw.random() if depth else 0
    if kind < 0.3:
        return draw.choice(PARTS).strip()
    inner = _expression(draw, depth - 1)
    if kind < 0.45:
        return f"not ({inner})"
    if kind < 0.6:
        return f"({inner})"
    joint = draw.choice([" and ", " or ", " && ", "||"])
    return inner + joint + draw.choice(["", "not "]) + _expression(draw, depth - 1)


@pytest.mark.parametrize("seed", range(20))
def test_linked_is_compiled(seed: int) -> None:
    """On Ethernet, which libpcap compiles right, whole and linked program never differ."""
    expression = _expression(random.Random(seed), 3)
    try:
        whole = compile_expression(expression, 1)
    except FilterError as error:
        assert "rejects all packets" in str(error)  # noqa: PT017 - libpcap saw that it never holds
        return
    linked = link(parse(expression), lambda part: compile_expression(part, 1), 262_144)
    frames = [Sample(name, frame) for name, frame in CONTENTS.items()]
    tried = explore([whole, linked], frames, most=200)
    assert len(tried) > len(frames)
    for sample, (one, other) in tried:
        assert one.kept == other.kept or other.beyond, (expression, sample.name)


def test_too_long() -> None:
    """A program that the kernel has no room for is refused."""
    expression = " or ".join(f"udp port {port}" for port in range(1, 60))
    with pytest.raises(FilterError, match="the kernel 4096"):
        link(parse(expression), lambda _: compile_expression("udp port 5", 127), 100)


def test_every_frame() -> None:
    """No condition is a program that accepts, and cuts."""
    program: Program = link(parse("  "), compile_expression, 77)
    assert [tuple(instruction) for instruction in program] == [(6, 0, 0, 77)]
