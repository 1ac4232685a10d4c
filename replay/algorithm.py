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
each with a default, each a bool, int, float or str. ``exec:command``, with its parameters before
the command, runs an algorithm in another language (:mod:`.exec`).
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..errors import AlgorithmError, WtrecError
from .exec.command import split

GROUP = "wtrec.algorithms"
EXEC = "exec"  # the algorithm that takes a command line
PROVENANCE = "provenance"

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
        follows = np.ones(len(self.flips) + 1, np.bool_)  # another flip of the same frame
        follows[offsets] = False
        if (self.flips[1:] <= self.flips[:-1])[follows[1:-1]].any():
            raise AlgorithmError("repairs with flips that are not sorted, or are named twice")
        if np.diff(offsets)[~self.repaired].any():
            raise AlgorithmError("repairs with flips in a frame that is abstained on")

    def __len__(self) -> int:
        return len(self.number)

    @classmethod
    def none(cls) -> Repairs:
        """Answers for no frame."""
        return _none()

    @classmethod
    def of(cls, answers: Sequence[tuple[int, Sequence[int] | None]]) -> Repairs:
        """Answers from pairs of frame number and bits to flip (None: abstained)."""
        if not answers:
            return _none()
        flips = [sorted(bits or ()) for _, bits in answers]
        return cls(
            np.array([number for number, _ in answers], np.int64),
            np.array([bits is not None for _, bits in answers], np.bool_),
            np.cumsum([0, *(len(bits) for bits in flips)], dtype=np.int32),
            np.array([bit for bits in flips for bit in bits], np.uint32),
            np.full(len(answers), np.nan),
            np.full(len(answers), -1, np.int64),
        )


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
            if fixed is not None and len(fixed) != len(mpdu):
                raise AlgorithmError(
                    f"{self.name} made {len(fixed)} bytes of frame {frames.number[row]}, "
                    f"which has {len(mpdu)}"
                )
            answers.append((int(frames.number[row]), None if fixed is None else flips(mpdu, fixed)))
        return Repairs.of(answers)

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
    """Every registered algorithm, by name, not loaded yet."""
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def load(name: str) -> type[Algorithm]:
    """The class of an algorithm.

    Raises:
        AlgorithmError: No such algorithm, or its package is broken.
    """
    points = available()
    if name not in points:
        known = ", ".join(points) or "none"
        hint = "; parameters come behind a colon: NAME:KEY=VALUE" if "=" in name else ""
        raise AlgorithmError(f"no algorithm {name!r}; there are: {known}{hint}")
    try:
        loaded: type[Algorithm] = points[name].load()
    except Exception as error:  # of somebody's module: whatever it does when it is imported
        raise AlgorithmError(
            f"{name} cannot be loaded: {str(error) or type(error).__name__}"
        ) from error
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
        AlgorithmError: No such algorithm or parameter, a value that it does not take, or a
            command that cannot be started.
    """
    name, _, rest = choice.partition(":")
    algorithm = load(name)
    known = {parameter.name: parameter for parameter in parameters(algorithm)}
    values = {parameter.name: parameter.default for parameter in known.values()}
    if name == EXEC:
        rest, values["command"] = split(rest)
        del known["command"]
    for assignment in filter(None, rest.split(",")):
        key, equals, text = assignment.partition("=")
        if key in known and not equals:
            raise AlgorithmError(f"{name}: {key} has no value: wanted {key}=VALUE")
        if key not in known:
            raise AlgorithmError(
                f"{name} takes no parameter {assignment!r}; it has: "
                + (", ".join(known) or "no parameters")
            )
        try:
            values[key] = known[key].read(text)
        except ValueError:
            wanted = known[key].type.__name__
            raise AlgorithmError(f"{name}: {key}={text!r}, wanted {wanted}") from None
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
        raise AlgorithmError(f"{name}: {error}") from None
    except WtrecError:
        raise
    except Exception as error:
        raise AlgorithmError(f"{name} cannot be made: {type(error).__name__}: {error}") from error
    provenance = getattr(made, PROVENANCE, None)
    return made, values if provenance is None else {**values, PROVENANCE: dict(provenance)}


def package_of(name: str) -> str:
    """The package that an algorithm comes from, and its version; empty for those of wtrec."""
    point = available().get(name)
    found = None if point is None else point.dist
    return "" if found is None or found.name == "wtrec" else f"{found.name} {found.version}"
