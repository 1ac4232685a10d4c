"""What a recovery algorithm is, and how one is found and made.

An :class:`Algorithm` gets every frame of a capture, batch by batch in capture order, good
ones too (to learn from), and answers for bad ones with :class:`Repairs`: the bits to flip, or
that it abstains. It may answer for a frame of an earlier batch, once and before ``MAX_OPEN``
later bad frames have come (:mod:`.ledger`); a bad frame that it never mentions counts as
abstained. It sees what a receiver has and never the truth.

Most are easier written as a :class:`PerFrameAlgorithm`::

    class FlipLast(PerFrameAlgorithm):
        name = "flip-last"

        def repair(self, mpdu, row, frames):
            return mpdu[:-1] + bytes([mpdu[-1] ^ 0x80])

Packages register theirs under the entry point group ``wtrec.algorithms``; users choose one
as ``name`` or ``name:parameter=value,...``, the parameters being those of its ``__init__``:
each with a default, each a bool, int, float or str. The name of the entry point is the
algorithm's. ``exec:command``, with its parameters before the command, runs an algorithm in
another language (:mod:`.exec`).
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..errors import FAILURES, AlgorithmError, ChoiceError, WtrecError, in_words
from .exec.command import split

GROUP = "wtrec.algorithms"
EXEC = "exec"  # the algorithm that takes a command line
PROVENANCE = "provenance"

_OURS = "wtrec."  # modules

_LARGEST_BIT = (1 << 32) - 1  # that a flip can name
_WANTED = "wanted one from 0 to the frame's last"

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Repairs:
    """Answers for some bad frames, one element each.

    Attributes:
        number: Frame numbers, int64, shape (n,).
        repaired: False where the algorithm abstains, shape (n,).
        flip_offsets: int32, shape (n + 1,): frame i's flips are ``flips[offsets[i]:offsets[i+1]]``.
        flips: Bit positions, uint32, sorted within a frame; none when abstained.
        expected_false: Expected number of wrong candidates, NaN unknown, shape (n,).
        candidates: Candidates at the level where the search ended, -1 unknown, shape (n,).

    Raises:
        AlgorithmError: The arrays contradict each other or what is said above.
    """

    number: NDArray[np.int64]
    repaired: NDArray[np.bool_]
    flip_offsets: NDArray[np.int32]
    flips: NDArray[np.uint32]
    expected_false: NDArray[np.float64]
    candidates: NDArray[np.int64]

    def __post_init__(self) -> None:
        columns = (self.number, self.repaired, self.expected_false, self.candidates)
        offsets = np.asarray(self.flip_offsets, np.int64)
        if {len(column) for column in columns} != {len(offsets) - 1}:
            raise AlgorithmError("repairs with columns of different lengths")
        if offsets[0] != 0 or offsets[-1] != len(self.flips) or (np.diff(offsets) < 0).any():
            raise AlgorithmError("repairs with flip offsets that do not fit the flips")
        if getattr(self.flips, "dtype", None) != np.uint32:
            self._check_flips()
        follows = np.ones(len(self.flips) + 1, np.bool_)  # another flip of the same frame
        follows[offsets] = False
        falling = (self.flips[1:] <= self.flips[:-1]) & follows[1:-1]
        if falling.any():
            at = int(falling.argmax())
            raise AlgorithmError(
                f"frame {self._frame(at)}: bit {self.flips[at + 1]} behind bit {self.flips[at]}, "
                "wanted rising ones, each once"
            )
        flipped = np.diff(offsets) > 0
        if (flipped & ~self.repaired).any():
            number = self.number[flipped & ~self.repaired][0]
            raise AlgorithmError(f"frame {number}: abstained on, and with bits to flip")

    def _check_flips(self) -> None:
        kind = getattr(getattr(self.flips, "dtype", None), "kind", "no array")
        if kind not in {"i", "u"}:
            raise AlgorithmError("repairs whose flips are no array of whole numbers")
        outside = (self.flips < 0) | (self.flips > _LARGEST_BIT)
        if outside.any():
            at = int(outside.argmax())
            raise AlgorithmError(f"frame {self._frame(at)}: bit {self.flips[at]}, {_WANTED}")

    def _frame(self, at: int) -> int:
        """Whose flip one is."""
        return int(self.number[np.searchsorted(self.flip_offsets, at, side="right") - 1])

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def none(cls) -> Repairs:
        """Answers for no frame."""
        return _none()

    @classmethod
    def of(cls, answers: Sequence[tuple[int, Sequence[int] | None]]) -> Repairs:
        """Answers from pairs of frame number and bits to flip, in any order (None: abstained).

        Raises:
            AlgorithmError: Bits that are no whole numbers, or named twice, or negative.
        """
        if not answers:
            return _none()
        flips = [_sorted(number, bits) for number, bits in answers]
        return cls(
            np.array([number for number, _ in answers], np.int64),
            np.array([bits is not None for _, bits in answers], np.bool_),
            np.cumsum([0, *(len(bits) for bits in flips)], dtype=np.int32),
            np.array([bit for bits in flips for bit in bits], np.uint32),
            np.full(len(answers), np.nan),
            np.full(len(answers), -1, np.int64),
        )


def _sorted(number: int, bits: Sequence[int] | None) -> list[int]:
    if bits is None:
        return []
    try:
        found = sorted(map(operator.index, bits))
    except TypeError:
        shown = " ".join(repr(bits).split())
        raise AlgorithmError(
            f"frame {number}: bits to flip are {shown:.60}, wanted a list of whole numbers, or None"
        ) from None
    for bit in found[:1] + found[-1:]:
        if not 0 <= bit <= _LARGEST_BIT:
            raise AlgorithmError(f"frame {number}: bit {bit}, {_WANTED}")
    return found


@functools.cache  # what most calls for one frame answer
def _none() -> Repairs:
    no = np.zeros(0, np.int64)
    offsets = np.zeros(1, np.int32)
    offsets.flags.writeable = False
    return Repairs(
        no, no.astype(np.bool_), offsets, no.astype(np.uint32), no.astype(np.float64), no
    )


@runtime_checkable
class Algorithm(Protocol):
    """Repairs bad frames from what a receiver has.

    Two more methods are optional, and called once, after ``finish``: ``facts()`` gives what the
    algorithm measured by the way, as a mapping from names to numbers; ``problems()`` gives what
    went wrong inside of it, as a list of lines, and is called without ``finish``, too, when a
    replay is ended early. Both are shown and stored with the results, and problems make a replay
    end as one with losses; that one of them fails is a problem, too. A third, ``close()``, is
    called once when the replay is over, however it ended.

    Optional attributes: ``source`` says in a line where the algorithm is described (a paper, a
    section of a standard), and ``cost`` what it does for a frame, for ``wtrec algos``;
    ``provenance`` is a mapping of what else its answers depend on (the digest of a model, say),
    which is stored with its parameters.
    """

    name: str

    def recover(self, frames: FrameBatch) -> Repairs:
        """Take the next frames of the capture; answer for any bad frames so far."""
        ...

    def finish(self) -> Repairs:
        """The capture has ended: answer for what is left."""
        ...


class PerFrameAlgorithm:
    """Base of algorithms that look at one bad frame at a time."""

    name: str

    def repair(self, mpdu: bytes, row: int, frames: FrameBatch) -> bytes | None:
        """The frame as it was sent, of the same length, or None to abstain.

        Args:
            mpdu: The bad frame, FCS included.
            row: Its row in ``frames``, for the other columns.
            frames: The batch.
        """
        raise NotImplementedError

    def recover(self, frames: FrameBatch) -> Repairs:
        """Ask :meth:`repair` for each bad frame."""
        answers: list[tuple[int, Sequence[int] | None]] = []
        for row in np.flatnonzero(frames.fcs_status == FcsStatus.BAD):
            mpdu = frames.mpdu(int(row))
            fixed = self.repair(mpdu, int(row), frames)
            number = int(frames.number[row])
            answers.append((number, None if fixed is None else self._flips(number, mpdu, fixed)))
        return Repairs.of(answers)

    def _flips(self, number: int, mpdu: bytes, fixed: bytes) -> list[int]:
        try:
            made = memoryview(fixed).nbytes
        except TypeError:
            kind = type(fixed).__name__
            raise AlgorithmError(
                f"{self.name}: frame {number}: repair() gave {kind}, wanted bytes or None"
            ) from None
        if made != len(mpdu):
            raise AlgorithmError(
                f"{self.name} made {made} bytes of frame {number}, which has {len(mpdu)}"
            )
        return flips(mpdu, bytes(fixed))

    def finish(self) -> Repairs:
        """Nothing is ever left."""
        return Repairs.none()


def flips(received: bytes, fixed: bytes) -> list[int]:
    """Positions of the bits that differ, sorted."""
    difference = np.frombuffer(received, np.uint8) ^ np.frombuffer(fixed, np.uint8)
    return [int(bit) for bit in np.flatnonzero(np.unpackbits(difference, bitorder="little"))]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an algorithm, as its ``__init__`` declares it."""

    name: str
    type: type[bool | int | float | str]
    default: bool | float | str

    def read(self, text: str) -> bool | float | str:
        """The value that a user wrote.

        Raises:
            ValueError: It is none of this type.
        """
        if self.type is not bool:
            return self.type(text)
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]


def available() -> dict[str, EntryPoint]:
    """Every registered algorithm, by name, not loaded yet.

    Of several with one name, wtrec's own is taken, or else the first by module and class.
    """
    return dict(sorted(_registered()[0].items()))


def hidden() -> dict[str, list[str]]:
    """What is registered under a name that is taken: a line each, by name."""
    taken, others = _registered()
    lines: dict[str, list[str]] = {}
    for point in others:
        lines.setdefault(point.name, []).append(
            f"{point.name}: {point.value} is not used: {taken[point.name].value} has this name"
        )
    return lines


def _registered() -> tuple[dict[str, EntryPoint], list[EntryPoint]]:
    """Those that are taken, by name, and the others."""
    every = sorted(
        entry_points(group=GROUP), key=lambda each: (not each.value.startswith(_OURS), each)
    )
    taken: dict[str, EntryPoint] = {}
    others = [each for each in every if taken.setdefault(each.name, each).value != each.value]
    return taken, others


def load(name: str) -> type[Algorithm]:
    """The class of an algorithm.

    Raises:
        ChoiceError: No such algorithm.
        AlgorithmError: Its package is broken.
    """
    points = available()
    if name not in points:
        known = ", ".join(points) or "none"
        hint = "; parameters come behind a colon: NAME:KEY=VALUE" if "=" in name else ""
        raise ChoiceError(f"no algorithm {name!r}; there are: {known}{hint}")
    try:
        loaded: type[Algorithm] = points[name].load()
    except FAILURES as error:  # of somebody's module: whatever it does when it is imported
        raise AlgorithmError(f"{name} cannot be loaded: {in_words(error)}") from error
    return loaded


def parameters(algorithm: type[Algorithm]) -> list[Parameter]:
    """The parameters that an algorithm takes.

    Raises:
        AlgorithmError: One has no default, or is of a type that users cannot write.
    """
    taken = []
    for p in inspect.signature(algorithm, eval_str=True).parameters.values():
        if p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD}:
            continue
        kind = type(p.default) if p.annotation is p.empty else p.annotation
        if p.default is p.empty or kind not in {bool, int, float, str}:
            raise AlgorithmError(
                f"{algorithm.name}: its parameter {p.name} wants a default, and to be a bool, "
                "int, float or str"
            )
        taken.append(Parameter(p.name, kind, p.default))
    return taken


def make(choice: str) -> tuple[Algorithm, dict[str, Any]]:
    """Make an algorithm from ``name``, ``name:parameter=value,...`` or ``exec:command``.

    Returns:
        The algorithm, and the value of each of its parameters; of an algorithm that has one, the
        ``provenance``, too.

    Raises:
        ChoiceError: No such algorithm or parameter, one twice, or a value that it does not take.
        AlgorithmError: The algorithm is broken, or a command cannot be started.
    """
    name, _, rest = choice.partition(":")
    algorithm = load(name)
    known = {parameter.name: parameter for parameter in parameters(algorithm)}
    values = {parameter.name: parameter.default for parameter in known.values()}
    if name == EXEC:
        rest, values["command"] = split(rest)
        del known["command"]
    given: set[str] = set()
    for assignment in filter(None, rest.split(",")):
        key, equals, text = assignment.partition("=")
        if key in known and not equals:
            raise ChoiceError(f"{name}: {key} has no value: wanted {key}=VALUE")
        if key not in known:
            raise ChoiceError(
                f"{name} takes no parameter {assignment!r}; it has: "
                + (", ".join(known) or "no parameters")
            )
        if key in given:
            raise ChoiceError(f"{name}: {key} is given twice")
        given.add(key)
        try:
            values[key] = known[key].read(text)
        except ValueError:
            wanted = known[key].type.__name__
            raise ChoiceError(f"{name}: {key}={text!r}, wanted {wanted}") from None
    return _made(name, algorithm, values)


def remake(name: str, recorded: Mapping[str, Any]) -> tuple[Algorithm, dict[str, Any]]:
    """Make an algorithm as it was when its results were made.

    Args:
        name: As results call it; that of a program is ``exec-NAME``.
        recorded: Its parameters as results have them.

    Returns:
        As :func:`make`; parameters that are new since have their defaults.

    Raises:
        AlgorithmError: There is no such algorithm any more, or here; it does not take these
            parameters; or the program cannot be started.
    """
    if name not in available() and name.startswith(f"{EXEC}-"):
        name = EXEC
    algorithm = load(name)
    values: dict[str, Any] = {each.name: each.default for each in parameters(algorithm)}
    kinds = {each.name: each.type for each in parameters(algorithm)}
    for key, value in recorded.items():
        if key == PROVENANCE:
            continue
        wanted = kinds.get(key)
        if wanted is None:
            raise AlgorithmError(f"{name} has no parameter {key!a} in this version")
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise AlgorithmError(f"{name}: {key}={value!a:.40}, wanted {wanted.__name__}")
        values[key] = value
    return _made(name, algorithm, values)


def _made(
    name: str, algorithm: type[Algorithm], values: dict[str, Any]
) -> tuple[Algorithm, dict[str, Any]]:
    try:
        made = algorithm(**values)
    except ValueError as error:
        raise ChoiceError(f"{name}: {' '.join(str(error).split())}") from None
    except WtrecError:
        raise
    except FAILURES as error:
        raise AlgorithmError(f"{name} cannot be made: {in_words(error)}") from error
    if name != EXEC and getattr(made, "name", None) != name:
        try:
            made.name = name
        except AttributeError:
            raise AlgorithmError(
                f"{name}: its attribute name is {made.name!r}, and cannot be set to {name!r}"
            ) from None
    provenance = getattr(made, PROVENANCE, None)
    return made, values if provenance is None else {**values, PROVENANCE: dict(provenance)}


def package_of(name: str) -> str:
    """The package that an algorithm comes from, and its version; empty for those of wtrec."""
    point = available().get(name)
    found = None if point is None else point.dist
    return "" if found is None or found.name == "wtrec" else f"{found.name} {found.version}"
