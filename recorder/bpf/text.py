"""Programs as text: what ``tcpdump -dd`` and ``-ddd`` print, read and written.

    -dd, an array of C                  -ddd, decimal numbers
    { 0x30, 0, 0, 0x00000003 },         2
    { 0x6, 0, 0, 0x00040000 },          48 0 0 3
                                        6 0 0 262144

Programs made elsewhere come in so; they are parsed, never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...errors import FormatError
from .program import MAX_INSTRUCTIONS, Instruction, Program


def to_decimal(program: Program) -> str:
    """What ``tcpdump -ddd`` prints: the count, then one instruction a line, all decimal."""
    lines = [str(len(program.instructions))]
    lines += [" ".join(map(str, instruction)) for instruction in program.instructions]
    return "\n".join(lines) + "\n"


def to_c(program: Program) -> str:
    """What ``tcpdump -dd`` prints: one ``struct sock_filter`` in braces a line."""
    lines = (f"{{ {code:#x}, {jt}, {jf}, 0x{k:08x} }},\n" for code, jt, jf, k in program)
    return "".join(lines)


def parse(text: str) -> Program:
    """Parse what ``tcpdump -dd`` (C braces) or ``tcpdump -ddd`` (decimal) prints.

    Blank lines and comments (``/* */``, ``//``, ``#``) are skipped.

    Raises:
        FormatError: Names the line that is neither, or the instruction the kernel would refuse.
    """
    instructions: list[Instruction] = []
    announced: int | None = None
    for number, line in _lines(text):
        if line.startswith("{"):
            instructions += _braces(line, number)
        elif announced is None and not instructions and re.fullmatch(r"[0-9]{1,10}", line):
            announced = int(line)
        else:
            instructions.append(_decimal(line, number))
        if len(instructions) > MAX_INSTRUCTIONS:
            raise FormatError(
                f"line {number}: more than {MAX_INSTRUCTIONS} BPF instructions, the kernel's limit"
            )
    if announced is not None and announced != len(instructions):
        raise FormatError(
            f"the first line announces {announced} BPF instructions, {len(instructions)} follow"
        )
    return Program(tuple(instructions))


_COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)|(?://|#)[^\n]*")
_NUMBER = r"(0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})"
_BRACE = re.compile(r"\{\s*" + r"\s*,\s*".join([_NUMBER] * 4) + r"\s*\}\s*,?\s*")
_DECIMAL = re.compile(r"\s+".join([r"([0-9]{1,10})"] * 4))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that holds more than comments."""
    bare = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, line in enumerate(bare.split("\n"), 1):
        if stripped := line.strip():
            yield number, stripped


def _braces(line: str, number: int) -> Iterator[Instruction]:
    at = 0
    while at < len(line):
        match = _BRACE.match(line, at)
        if match is None:
            raise FormatError(
                f"line {number}: wanted {{ code, jt, jf, k }}, found {line[at : at + 40]!r}"
            )
        yield _instruction(match.groups(), number)
        at = match.end()


def _decimal(line: str, number: int) -> Instruction:
    match = _DECIMAL.fullmatch(line)
    if match is None:
        raise FormatError(
            f"line {number}: wanted 'code jt jf k' as tcpdump -ddd prints it, or braces as -dd "
            f"does, found {line[:40]!r}"
        )
    return _instruction(match.groups(), number)


def _instruction(digits: tuple[str, ...], number: int) -> Instruction:
    code, jt, jf, k = (int(d, 16 if d[:2] in {"0x", "0X"} else 10) for d in digits)
    if code > 0xFFFF or jt > 0xFF or jf > 0xFF or k > 0xFFFFFFFF:
        raise FormatError(f"line {number}: code, jt, jf, k must fit 16, 8, 8, 32 bits")
    return Instruction(code, jt, jf, k)
