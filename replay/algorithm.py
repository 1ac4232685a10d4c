"""What a recovery algorithm is.

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

How one is found by its name and made is in :mod:`.choice`.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.frames import FcsStatus, FrameBatch
from ..errors import AlgorithmError

_LARGEST_BIT = (1 << 32) - 1  # that a flip can name
_WANTED = "wanted one from 0 to the frame's last"


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
