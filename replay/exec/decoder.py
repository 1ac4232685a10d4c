"""exec: an algorithm in another language, as a program that speaks Arrow on stdin and stdout.

The program gets the frames of the capture in order as one Arrow IPC stream, and answers each batch
with one, of the bits to flip. docs/exec.md has the columns, and a decoder in Python and in C++.
Parameters stand before the command: ``exec:timeout=5,restarts=2:./decoder --flag``.

A program that hangs, dies or writes rubbish does not take the replay down. A fresh one is started
and given the failed batch again, one frame at a time: so the frame at fault is found, it alone
counts as abstained, and another fresh one goes on behind it. What the program had learned is lost
each time; when no restart is left, all that follows counts as abstained. The replay ends with a
warning for each failure, and with exit code 3.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ...datasets.files import sha256_of
from ...datasets.frames import MAX_FRAMES, FcsStatus, FrameBatch
from ...errors import AlgorithmError
from ..algorithm import Repairs
from .answers import OpenFrames, abstained, to_repairs
from .command import find, results_name, words
from .stream import DecoderError, Stream

MAX_RESTARTS: Final = 100
MAX_REFUSALS: Final = 10  # that get a line of their own


def provenance(command: str) -> dict[str, dict[str, str]]:
    """The SHA-256 of the program that a command runs, and of each argument that is a file.

    Raises:
        ValueError: A command line that cannot be split.
        AlgorithmError: There is no such program.
    """
    typed = words(command)
    files = {typed[0]: find(typed[0]), **{word: Path(word) for word in typed[1:]}}
    return {"sha256": {word: sha256_of(path) for word, path in files.items() if path.is_file()}}


class ExecDecoder:
    """A program in any language that speaks Arrow on its stdin and stdout.

    Args:
        command: The program and its arguments, quoted as for a shell, but run without one.
        timeout: Seconds that it has for a batch; its start counts to the first.
        restarts: How often a fresh one is started after a failure, 0 to 100. To find a frame at
            fault and to go on behind it takes two.
        batch: Largest number of frames that it is given at once, 1 to 65536.
        bad_only: Give it bad frames only, and no good ones to learn from.
        name: The results are those of exec-NAME; the program's file name if empty.

    Attributes:
        provenance: The SHA-256 of the program, and of each argument that is a file.

    Raises:
        ValueError: A parameter out of range, or a command line that cannot be split.
        AlgorithmError: The program cannot be started.
    """

    name = "exec"
    source = "the program's own"
    cost = "the program's own, and a copy of each frame through a pipe"

    def __init__(
        self,
        command: str = "",
        timeout: float = 10.0,
        restarts: int = 4,
        batch: int = 4096,
        bad_only: bool = False,
        name: str = "",
    ) -> None:
        if not 0 < timeout < math.inf:
            raise ValueError(f"timeout={timeout}, wanted a positive number of seconds")
        if not 0 <= restarts <= MAX_RESTARTS:
            raise ValueError(f"restarts={restarts}, wanted 0 to {MAX_RESTARTS}")
        if not 1 <= batch <= MAX_FRAMES:
            raise ValueError(f"batch={batch}, wanted 1 to {MAX_FRAMES}")
        typed = words(command)
        program = find(typed[0])
        self.provenance = provenance(command)
        self.name = "exec-" + results_name(name or typed[0])
        self._typed = typed[0]
        self._argv = [str(program), *typed[1:]]
        self._timeout = timeout
        self._batch = batch
        self._bad_only = bad_only
        self._restarts = restarts
        self._restarted = 0
        self._open = OpenFrames()
        self._answers: list[Any] = []  # not given to the engine yet
        self._problems: list[str] = []
        self._refused = 0
        try:
            self._stream: Stream | None = Stream(self._argv, timeout)
        except OSError as error:
            raise AlgorithmError(
                f"exec: {typed[0]} cannot be started: {error.strerror}; a script begins with "
                "#! and its interpreter, a binary is one for this machine"
            ) from error

    def recover(self, frames: FrameBatch) -> Repairs:
        """Give the frames to the program, and take what it answers."""
        given = frames.arrow
        if self._bad_only:
            given = given.filter(pa.array(frames.fcs_status == FcsStatus.BAD))
        for start in range(0, given.num_rows, self._batch):
            self._serve(FrameBatch(given.slice(start, self._batch)))
        return self._taken()

    def finish(self) -> Repairs:
        """End the program's input, and take what it still answers."""
        if self._stream is not None:
            try:
                for answers in self._stream.finish(self._open.need):
                    self._enter(answers)
            except DecoderError as error:
                error.left_open = len(self._open)
                self._tell("after the last frame", error, "what it has answered stands")
            self.close()
        return self._taken()

    def close(self) -> None:
        """End the program; it may be called at any time, and again."""
        if self._stream is not None:
            self._stream.kill()
            self._stream = None

    def facts(self) -> dict[str, float]:
        """How often a fresh program was started, and how many answers were refused."""
        return {"restarts": self._restarted, "answers refused": self._refused}

    def problems(self) -> list[str]:
        """A line for each failure of the program, and for the first answers that were refused."""
        if self._refused <= MAX_REFUSALS:
            return self._problems
        more = self._refused - MAX_REFUSALS
        return [*self._problems, f"{more} more answers of {self._typed} were refused"]

    def _serve(self, frames: FrameBatch) -> None:
        """Get frames answered, by as many programs as it takes and may be started."""
        if not len(frames):
            return
        failure = self._ask(frames)
        if failure is None:
            return
        if len(frames) == 1 or not self._restart(failure):
            self._lose(frames, failure)
            return
        for at in range(len(frames)):
            frame = frames.slice(at, 1)
            again = self._ask(frame)
            if again is not None:
                self._lose(frame, again)
                self._serve(frames.slice(at + 1, len(frames) - at - 1))
                return
        self._tell(
            _where(frames),
            failure,
            "a fresh one has answered them one by one, without what this one had learned",
        )

    def _ask(self, frames: FrameBatch) -> DecoderError | None:
        """One exchange with the program; what failed, if something did."""
        if self._stream is None:
            self._abstain(frames)
            return None
        self._open.give(frames)
        try:
            self._enter(self._stream.ask(frames.arrow, self._open.need))
        except DecoderError as error:
            earlier = self._open.forget()
            earlier = earlier[earlier < frames.number[0]]
            self._answers.append(abstained(earlier))
            error.left_open = len(earlier)
            self.close()
            return error
        return None

    def _lose(self, frames: FrameBatch, failure: DecoderError) -> None:
        """Frames that the program failed at and that are not given to another."""
        self._abstain(frames)
        if len(frames) == 1 and self._restart(failure):
            after = "and a fresh one goes on without what this one had learned"
        elif failure.final:
            after = "and so does all that follows"
        else:
            after = f"and so does all that follows: no restart is left (restarts={self._restarts})"
        self._tell(_where(frames), failure, f"abstained, {after}")

    def _restart(self, failure: DecoderError) -> bool:
        """Start a fresh program, if there is one, and it may be and helps."""
        if self._stream is not None:
            return True
        if failure.final or self._restarted == self._restarts:
            return False
        self._restarted += 1
        try:
            self._stream = Stream(self._argv, self._timeout)
        except OSError as error:
            self._problems.append(f"{self._typed} cannot be started again: {error.strerror}")
        return self._stream is not None

    def _enter(self, answers: Any) -> None:
        """Keep the answers that stand, and say which do not."""
        table, refusals = self._open.take(answers)
        self._answers.append(table)
        told = max(0, MAX_REFUSALS - self._refused)
        self._refused += len(refusals)
        self._problems += [f"{line} ({self._typed} wrote it)" for line in refusals[:told]]

    def _abstain(self, frames: FrameBatch) -> None:
        bad = frames.fcs_status == FcsStatus.BAD
        self._answers.append(abstained(frames.number[bad]))

    def _taken(self) -> Repairs:
        repairs = to_repairs(self._answers)
        self._answers.clear()
        return repairs

    def _tell(self, where: str, failure: DecoderError, after: str) -> None:
        parts = [f"{where}: {self._typed} {failure}", after]
        if failure.left_open:
            parts.append(f"{failure.left_open} earlier frames that it left open are abstained on")
        if failure.stderr:
            parts.append(f"the last on its stderr: {failure.stderr}")
        self._problems.append("; ".join([*parts, failure.hint]))


def _where(frames: FrameBatch) -> str:
    first, last = int(frames.number[0]), int(frames.number[-1])
    return f"frame {first}" if len(frames) == 1 else f"frames {first} to {last}"
