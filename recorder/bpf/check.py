"""Compiles an expression, and does not trust what libpcap makes of it.

libpcap 1.10 compiles some filters for 802.11 wrongly, without a word: where a test of bytes or of
the length stands before one of IP, the register with the payload's place is overwritten, and the
filter matches nothing, or something else. Each part by itself it compiles right. So:

* the program that libpcap makes of the whole is run beside one that :mod:`.link` makes of the
  parts, over frames that :mod:`.explore` finds for both. Where a verdict differs, libpcap was
  wrong, and the linked program is taken;
* a part that is about IP is run over packets in every shape that 802.11 gives them, beside
  libpcap's program for the same packets on Ethernet. A shape in which the verdicts differ is one
  that libpcap looks for the packet at the wrong place in (four addresses, HT Control): nothing
  mends that here, it is said.

What is not found is not proved: samples are many, not all frames.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...errors import FilterError
from .explore import Tried, explore, try_samples
from .expression import leaves, parse
from .interpreter import run
from .libpcap import (
    DLT_EN10MB,
    DLT_IEEE802_11_RADIO,
    compile_expression,
)
from .link import link
from .program import MAX_SNAP_LENGTH, Program
from .samples import CONTENTS, SHAPES, Sample, behind, headers

# Parts whose meaning does not hang on the link layer.
_ABOUT_IP = re.compile(
    r"(?:ip6?|arp|rarp|udp|tcp|sctp|icmp6?|igmp|host|net|port|portrange|src|dst|proto)\b"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A frame on which two programs for one expression differ.

    Attributes:
        sample: The frame.
        kept: Bytes of it that libpcap's program keeps, 0 for none.
        wanted: Bytes of it that pass by the expression.
    """

    sample: Sample
    kept: int
    wanted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedFilter:
    """A program for an expression, and how far it can be trusted.

    Attributes:
        expression: What was compiled.
        program: To use: libpcap's, or the linked one where that is wrong.
        libpcap: What libpcap made of the whole.
        parts: How many parts the expression has.
        linked: What :mod:`.link` made of the parts; libpcap's program where that cannot be.
        tried: Frames, and what libpcap's and the linked program did with them.
        differences: Where libpcap is wrong, and ``program`` is not.
        limits: Shapes of data frames in which libpcap misplaces packets, with one such frame each.
        unchecked: Why nothing was compared; empty if it was.
    """

    expression: str
    program: Program
    libpcap: Program
    linked: Program
    parts: int = 0
    tried: tuple[Tried, ...]
    differences: tuple[Difference, ...] = ()
    limits: dict[str, Difference]
    unchecked: str = ""

    @property
    def mended(self) -> bool:
        """Whether ``program`` is not libpcap's."""
        return bool(self.differences)

    @property
    def passing(self) -> int:
        """How many of the frames that it was tried on pass."""
        return sum(outcomes[1].passed for _, outcomes in self.tried)


@dataclass(frozen=True, slots=True)
class CompiledFilter:
    """An expression as libpcap compiles it, and as its parts do.

    Attributes:
        expression: What was compiled.
        linktype: DLT of the frames it is for.
        libpcap: What libpcap made of the whole.
        linked: What :mod:`.link` made of the parts: where the two differ, this one is right.
            libpcap's program where that cannot be.
        parts: Programs of the parts, by their text; several parts may have one text.
        count: How many parts there are.
        unchecked: Why there is no linked program; empty if there is.
    """

    expression: str
    linktype: int
    libpcap: Program
    linked: Program
    parts: dict[str, Program]
    count: int
    unchecked: str = ""


def compile_both(
    expression: str, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> CompiledFilter:
    """Compile a pcap-filter(7) expression in both ways; takes milliseconds.

    Raises:
        FilterError: It does not compile; with libpcap's own message.
        CaptureError: Neither libpcap nor tcpdump is installed.
    """
    whole = compile_expression(expression, linktype, snap_length)
    try:
        node = parse(expression)
        parts = leaves(node)
        programs = {
            part.text: compile_expression(part.text, linktype, snap_length) for part in parts
        }
        linked = link(node, programs.__getitem__, snap_length)
    except FilterError as error:
        return CompiledFilter(expression, linktype, whole, whole, {}, 0, str(error))
    return CompiledFilter(expression, linktype, whole, linked, programs, len(parts))


def compile_checked(
    expression: str, linktype: int = DLT_IEEE802_11_RADIO, snap_length: int = MAX_SNAP_LENGTH
) -> CheckedFilter:
    """Compile a pcap-filter(7) expression, and mend what libpcap does wrong.

    Args:
        expression: As for :func:`.compile_expression`.
        linktype: DLT of the frames: 127 or 105.
        snap_length: Bytes that an accepted frame keeps.

    Raises:
        FilterError: It does not compile; with libpcap's own message.
        CaptureError: Neither libpcap nor tcpdump is installed.
    """
    return check(compile_both(expression, linktype, snap_length))


def check(compiled: CompiledFilter) -> CheckedFilter:
    """Try both programs of an expression on many frames, and take the one that is right."""
    whole, linked, linktype = compiled.libpcap, compiled.linked, compiled.linktype
    unchecked = compiled.unchecked
    tried: list[Tried] = []
    if not unchecked:
        try:
            tried = try_samples([whole, linked], linktype)
        except FilterError as error:
            unchecked = str(error)
    if unchecked:
        return CheckedFilter(
            expression=compiled.expression,
            program=whole,
            libpcap=whole,
            linked=whole,
            tried=(),
            limits={},
            unchecked=unchecked,
        )
    # Frames that are too short for what is asked may be dropped sooner or later: no difference.
    differences = tuple(
        Difference(sample, one.kept, other.kept)
        for sample, (one, other) in tried
        if not other.beyond and one.kept != other.kept
    )
    limits: dict[str, Difference] = {}
    if linktype == DLT_IEEE802_11_RADIO:
        for text, program in compiled.parts.items():
            if _ABOUT_IP.match(text):
                limits |= _misplaced(text, program)
    return CheckedFilter(
        expression=compiled.expression,
        program=linked if differences else whole,
        libpcap=whole,
        parts=compiled.count,
        linked=linked,
        tried=tuple(tried),
        differences=differences,
        limits=limits,
    )


def _misplaced(text: str, program: Program) -> dict[str, Difference]:
    """Shapes of data frames in which a program for IP is not what it is on Ethernet."""
    try:
        on_ethernet = compile_expression(text, DLT_EN10MB)
    except FilterError:  # it is not about IP alone
        return {}
    ethernet = [Sample(name, frame) for name, frame in CONTENTS.items()]
    found: dict[str, Difference] = {}
    header = next(iter(headers()))
    for content, (wanted,) in explore([on_ethernet], ethernet, range(0), 100):
        if wanted.beyond:
            continue
        for shape, wrap in SHAPES.items():
            sample = behind(header, f"{shape}, {content.kind}", wrap(content.packet))
            outcome = run(program, sample.packet)
            if outcome.passed != wanted.passed and shape not in found:
                size = len(sample.packet) if wanted.passed else 0
                found[shape] = Difference(sample, outcome.kept, size)
    return found
