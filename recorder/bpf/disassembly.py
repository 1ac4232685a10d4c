"""Programs for people to read, an instruction a line, as ``tcpdump -d`` writes them.

    (000) ldh      [12]
    (001) jeq      #0x800           jt 2    jf 3

A jump's ``jt`` and ``jf`` name the instructions that follow: where its condition holds, where not.
"""

from __future__ import annotations

from .program import ABSOLUTE_LOADS, ANCILLARY, JUMP_ALWAYS, JUMPS, Ancillary, Instruction, Program

_LOADS = {0x20: "ld", 0x28: "ldh", 0x30: "ldb", 0x40: "ld", 0x48: "ldh", 0x50: "ldb"}
_INDIRECT = frozenset({0x40, 0x48, 0x50})
_OPERATIONS = {
    0x00: "add",
    0x10: "sub",
    0x20: "mul",
    0x30: "div",
    0x40: "or",
    0x50: "and",
    0x60: "lsh",
    0x70: "rsh",
    0x90: "mod",
    0xA0: "xor",
}
_IN_HEX = frozenset({0x40, 0x50, 0xA0})  # operations on bits
_CONDITIONS = {0x10: "jeq", 0x20: "jgt", 0x30: "jge", 0x40: "jset"}
_FIXED = {
    0x80: ("ld", "#pktlen"),
    0x81: ("ldx", "#pktlen"),
    0x84: ("neg", ""),
    0x07: ("tax", ""),
    0x87: ("txa", ""),
    0x16: ("ret", ""),
}
_BY_K = {
    0x00: ("ld", "#{:#x}"),
    0x01: ("ldx", "#{:#x}"),
    0x60: ("ld", "M[{}]"),
    0x61: ("ldx", "M[{}]"),
    0x02: ("st", "M[{}]"),
    0x03: ("stx", "M[{}]"),
    0x06: ("ret", "#{}"),
    0xB1: ("ldxb", "4*([{}]&0xf)"),
}


# The kernel's facts by the names that tcpdump has for them, else by the kernel's.
_FACTS = {
    Ancillary.PROTOCOL: "proto",
    Ancillary.PKTTYPE: "type",
    Ancillary.IFINDEX: "ifidx",
    Ancillary.NLATTR: "nla",
    Ancillary.NLATTR_NEST: "nlan",
    Ancillary.ALU_XOR_X: "xor_x",
    Ancillary.VLAN_TAG: "vlan_tci",
    Ancillary.VLAN_TAG_PRESENT: "vlanp",
    Ancillary.PAY_OFFSET: "poff",
    Ancillary.RANDOM: "rand",
}


def disassemble(program: Program) -> list[str]:
    """A line for each instruction."""
    return [_line(index, instruction) for index, instruction in enumerate(program)]


def _line(index: int, instruction: Instruction) -> str:
    code, jt, jf, k = instruction
    name, operand = _text(index, code, k)
    start = f"({index:03d}) {name:<8} {operand}"
    if code in JUMPS:
        return f"{start:<31} jt {index + 1 + jt}\tjf {index + 1 + jf}"
    return start


def _text(index: int, code: int, k: int) -> tuple[str, str]:
    if code in _FIXED:
        return _FIXED[code]
    if code in _BY_K:
        name, operand = _BY_K[code]
        return name, operand.format(k)
    if code in JUMPS:
        return _CONDITIONS[code & 0xF0], "x" if code & 0x08 else f"#{k:#x}"
    if code == JUMP_ALWAYS:
        return "ja", str(index + 1 + k)
    if code in ABSOLUTE_LOADS and k >= ANCILLARY:
        fact = Ancillary(k - ANCILLARY)
        return _LOADS[code], f"[{_FACTS.get(fact, fact.name.lower())}]"
    if code in _LOADS:
        return _LOADS[code], f"[x + {k}]" if code in _INDIRECT else f"[{k}]"
    operation = code & 0xF0
    if code & 0x08:
        return _OPERATIONS[operation], "x"
    return _OPERATIONS[operation], f"#{k:#x}" if operation in _IN_HEX else f"#{k}"
