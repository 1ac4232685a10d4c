"""Capture filters as classic BPF: compiled, checked, mended, explained, attached.

``program`` has the instructions and what the kernel takes; ``text`` and ``disassembly`` write them;
``libpcap`` compiles expressions, in which filters may stand that ``named`` knows. What libpcap
makes of an expression is not trusted: ``check`` runs it in the ``interpreter`` over ``samples``,
which ``explore`` extends, beside a program that ``link`` puts together from the ``expression``'s
parts. ``sight`` says what a filter looks at, ``examine`` all of this; ``kernel`` and ``on_capture``
run filters over captures.
"""

from .libpcap import DLT_IEEE802_11, DLT_IEEE802_11_RADIO, compile_expression
from .program import (
    MAX_INSTRUCTIONS,
    MAX_SNAP_LENGTH,
    Instruction,
    Program,
    accept_all,
    accept_none,
    attach,
    with_snaplen,
)
from .text import parse, to_c, to_decimal

__all__ = [
    "DLT_IEEE802_11",
    "DLT_IEEE802_11_RADIO",
    "MAX_INSTRUCTIONS",
    "MAX_SNAP_LENGTH",
    "Instruction",
    "Program",
    "accept_all",
    "accept_none",
    "attach",
    "compile_expression",
    "parse",
    "to_c",
    "to_decimal",
    "with_snaplen",
]
