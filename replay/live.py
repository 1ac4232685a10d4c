"""Algorithms on frames as they are captured.

Frames come in batches from whoever captures them, with the numbers that they have in the recording;
some may be missing, which nobody had time for. There is no pace: the air has it.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..clock import MONOTONIC
from ..closing import Closing
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.results_file import ResultsFile
from .algorithm import Repairs
from .calls import Held, called, report_of
from .choice import package_of
from .departures import Departures
from .engine import Contender, Score
from .interruption import Interruption
from .ledger import Asked, Ledger
from .outlets import OutletError

PACE = "live"


class LiveReplay(Closing):
    """Algorithms that are given frames while they come; a context manager.

    Args:
        contenders: The algorithms.
        capture: Name of the recording; None: there is none, nor are there results.
        departures: Lets frames leave as the first algorithm has answered for them.

    Attributes:
        frames: Frames that were given.
        bad: Bad ones among them.
        scores: What each algorithm did so far.
        gone: Why frames do not leave any more.
        left_at: The algorithm that was called when the replay was abandoned.

    Raises:
        AlgorithmError: A journal of other results is there.
        OSError: Results cannot be written.
    """

    def __init__(
        self,
        contenders: Sequence[Contender],
        capture: str | None,
        departures: Departures | None = None,
    ) -> None:
        self.frames = self.bad = 0
        path = Path(capture or "live")
        self.scores = [
            Score(each.algorithm.name, each.output if capture else None, path)
            for each in contenders
        ]
        self.gone: str | None = None
        self.left_at = "no algorithm"
        self._algorithms = [each.algorithm for each in contenders]
        self._ledgers = [Ledger(each.algorithm.name) for each in contenders]
        self._departures = departures
        self._never = Interruption()
        self._files: list[ResultsFile] = []
        self._held = ExitStack()
        self._lock = threading.Lock()
        self._at_call: int | None = None  # whose call runs
        self._is_over = False
        self._closing = [Held(each.algorithm) for each in contenders]
        with ExitStack() as opening:
            for place in range(len(contenders)):
                opening.callback(self._close_algorithm, place)
            if capture is not None:
                for each in contenders:
                    file = ResultsFile(each.output, _metadata(each, capture))
                    self._files.append(opening.enter_context(file))
            self._held = opening.pop_all()

    def run(self, batches: Iterable[FrameBatch]) -> None:
        """Take batches until there are no more, and end; or until :meth:`abandon`.

        Raises:
            AlgorithmError: An algorithm broke its contract.
            OSError: Results cannot be written.
        """
        for frames in batches:
            bad = frames.fcs_status == FcsStatus.BAD
            numbers = frames.number[bad]
            none, now = np.full(len(numbers), -1), MONOTONIC.now()
            bits = 8 * np.diff(frames.offsets)[bad].astype(np.int64)
            asked = Asked(numbers, bits, np.full(len(numbers), now), none, none)
            for place, algorithm in enumerate(self._algorithms):
                call = functools.partial(algorithm.recover, frames)
                if not self._call(place, call, frames, asked):
                    return
            self.frames += len(frames)
            for score in self.scores:
                score.frames += len(frames)
            self.bad += len(numbers)
        for place, algorithm in enumerate(self._algorithms):
            if not self._call(place, algorithm.finish, FrameBatch.none(), None):
                return
            score = self.scores[place]
            score.attempted = self.bad
            score.facts, score.problems = report_of(algorithm, self._never, has_finished=True)

    def finish(self, more: Mapping[str, str]) -> None:
        """The recording is whole: write the results.

        Args:
            more: What is known of it now, for their metadata.
        """
        for file, score in zip(self._files, self.scores, strict=False):
            known = {
                **more,
                "facts": json.dumps(dict(score.facts)),
                "problems": json.dumps(list(score.problems)),
            }
            if score.interrupted is None:
                file.finish(known)
            else:
                score.covers_to = file.last
                file.stop(known)

    def abandon(self, reason: str) -> None:
        """Nobody waits for a call any more: the results will be what there is of them.

        The thread that is in :meth:`run` returns when the call does, and writes nothing.
        """
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
            if self._at_call is not None:
                self.left_at = self.scores[self._at_call].name
            for place, score in enumerate(self.scores):
                score.interrupted = reason
                self._write(place, at_once=True)

    def close(self) -> None:
        """Give back what is held; results that are not finished are not kept."""
        self._held.close()

    def __exit__(self, *error: object) -> None:
        """The same, but that results keep their journal where there was no room, for example."""
        self._held.__exit__(*cast("tuple[Any, Any, Any]", error))

    def _close_algorithm(self, place: int) -> None:
        """Not while it is called, by a thread that was abandoned."""
        if self._at_call != place:
            self._closing[place].close()

    def _call(self, place: int, call: Any, frames: FrameBatch, asked: Asked | None) -> bool:
        """Call an algorithm and enter what it answers; whether to go on.

        Args:
            place: Of the algorithm.
            call: The call.
            frames: What it is given.
            asked: The bad ones among them; None: it is the last call.
        """
        score, ledger = self.scores[place], self._ledgers[place]
        with self._lock:
            if self._is_over:
                return False
            self._at_call = place
            if asked is not None:
                ledger.ask(asked)
        try:
            repairs, took = called(score.name, call, self._never)
        finally:
            with self._lock:
                self._at_call = None
        with self._lock:
            if self._is_over:
                return False
            ledger.answer(repairs, took, MONOTONIC.now())
            score.service_ns += took
            score.attempted += int(np.count_nonzero(frames.fcs_status == FcsStatus.BAD))
            score.repaired += int(np.count_nonzero(repairs.repaired))
            if asked is None:
                ledger.close()
            self._write(place, at_once=asked is None)
        self._leave(place, frames, repairs)
        return True

    def _leave(self, place: int, frames: FrameBatch, repairs: Repairs) -> None:
        if place == 0 and self._departures is not None and self.gone is None:
            try:
                self._departures.leave(frames, repairs, None)
            except OutletError as error:
                self.gone = str(error)

    def _write(self, place: int, *, at_once: bool = False) -> None:
        ledger = self._ledgers[place]
        if not self._files:
            ledger.take()
        elif at_once or self._files[place].is_due:
            self._files[place].write_table(ledger.take())


def _metadata(contender: Contender, capture: str) -> dict[str, str]:
    package = package_of(contender.algorithm.name)
    return {
        **({"package": package} if package else {}),
        "algorithm": contender.algorithm.name,
        "parameters": json.dumps(contender.parameters),
        "capture": capture,
        "pace": PACE,
        "wtrec_version": version("wtrec"),
    }
