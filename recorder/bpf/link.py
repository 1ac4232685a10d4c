"""One program from the programs of an expression's parts.

    left and right:   left's code, where it accepts jump to right, where it drops jump to the end
    not part:         the part's code with its two ways out exchanged

Each part begins as a program does and keeps nothing for the next one, so none can disturb another.
That is what makes the result right where libpcap's whole is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...errors import FilterError
from .expression import And, Leaf, Node, Not, Or
from .program import (
    JUMP_ALWAYS,
    MAX_INSTRUCTIONS,
    RETURN_A,
    RETURN_K,
    Instruction,
    Program,
    accept_all,
)


@dataclass(eq=False, slots=True)
class _Label:
    """A place in the program, known once its code has been written."""

    at: int = -1


@dataclass(slots=True)
class _Linker:
    compile_leaf: Callable[[str], Program]
    code: list[Instruction] = field(default_factory=list)
    jumps: dict[int, _Label] = field(default_factory=dict)

    def write(self, node: Node, accepts: _Label, drops: _Label) -> None:
        match node:
            case Leaf(text):
                self._write_program(self.compile_leaf(text), accepts, drops)
            case Not(part):
                self.write(part, drops, accepts)
            case And(left, right):
                second = _Label()
                self.write(left, second, drops)
                second.at = len(self.code)
                self.write(right, accepts, drops)
            case Or(left, right):
                second = _Label()
                self.write(left, accepts, second)
                second.at = len(self.code)
                self.write(right, accepts, drops)

    def _write_program(self, program: Program, accepts: _Label, drops: _Label) -> None:
        for instruction in program:
            if instruction.code == RETURN_A:
                raise FilterError("a program that returns A cannot be linked with others")
            if instruction.code == RETURN_K:  # becomes a jump, once it is known how far
                self.jumps[len(self.code)] = accepts if instruction.k else drops
            self.code.append(instruction)

    def finish(self, accepts: _Label, drops: _Label, snap_length: int) -> Program:
        accepts.at = len(self.code)
        self.code.append(Instruction(RETURN_K, 0, 0, snap_length))
        drops.at = len(self.code)
        self.code.append(Instruction(RETURN_K, 0, 0, 0))
        for at, label in self.jumps.items():
            self.code[at] = Instruction(JUMP_ALWAYS, 0, 0, label.at - at - 1)
        if len(self.code) > MAX_INSTRUCTIONS:
            raise FilterError(
                f"the filter takes {len(self.code)} instructions, the kernel {MAX_INSTRUCTIONS}"
            )
        return Program(tuple(self.code))


def link(node: Node | None, compile_leaf: Callable[[str], Program], snap_length: int) -> Program:
    """Put the programs of an expression's parts together.

    Args:
        node: The expression; None accepts all.
        compile_leaf: Gives the program of a part.
        snap_length: Bytes that an accepted frame keeps.

    Raises:
        FilterError: The program is too long, or a part cannot be compiled.
    """
    if node is None:
        return accept_all(snap_length)
    linker = _Linker(compile_leaf)
    accepts, drops = _Label(), _Label()
    linker.write(node, accepts, drops)
    return linker.finish(accepts, drops, snap_length)
