"""Algorithms on frames as they are captured.

Frames come in batches from whoever captures them, with the numbers that they have in the recording;
some may be missing, which nobody had time for. There is no pace: the air has it.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..clock import MONOTONIC
from ..closing import Closing
from ..datasets.frames import FcsStatus, FrameBatch
from ..datasets.results_file import ResultsFile
from .algorithm import package_of
from .calls import Held, called, report_of
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
        self._algorithms = [each.algorithm for each in contenders]
        self._ledgers = [Ledger(each.algorithm.name) for each in contenders]
        self._departures = departures
        self._never = Interruption()
        self._files: list[ResultsFile] = []
        self._held = ExitStack()
        with ExitStack() as opening:
            for each in contenders:
                opening.enter_context(Held(each.algorithm))
            if capture is not None:
                for each in contenders:
                    file = ResultsFile(each.output, _metadata(each, capture))
                    self._files.append(opening.enter_context(file))
            self._held = opening.pop_all()

    def run(self, batches: Iterable[FrameBatch]) -> None:
        """Take batches until there are no more, and end.

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
            for place, ledger in enumerate(self._ledgers):
                ledger.ask(asked)
                self._call(
                    place, functools.partial(self._algorithms[place].recover, frames), frames
                )
                self._write(place)
            self.frames += len(frames)
            for score in self.scores:
                score.frames += len(frames)
            self.bad += len(numbers)
        for place, ledger in enumerate(self._ledgers):
            self._call(place, self._algorithms[place].finish, FrameBatch.none())
            ledger.close()
            self._write(place, at_once=True)
            score = self.scores[place]
            score.attempted = self.bad
            score.facts, score.problems = report_of(
                self._algorithms[place], self._never, has_finished=True
            )

    def finish(self, more: Mapping[str, str]) -> None:
        """The recording is whole: write the results.

        Args:
            more: What is known of it now, for their metadata.
        """
        for file, score in zip(self._files, self.scores, strict=False):
            file.finish(
                {
                    **more,
                    "facts": json.dumps(dict(score.facts)),
                    "problems": json.dumps(list(score.problems)),
                }
            )

    def close(self) -> None:
        """Give back what is held; results that are not finished are not kept."""
        self._held.close()

    def _call(self, place: int, call: Any, frames: FrameBatch) -> None:
        score = self.scores[place]
        repairs, took = called(score.name, call, self._never)
        self._ledgers[place].answer(repairs, took, MONOTONIC.now())
        score.service_ns += took
        score.attempted += int(np.count_nonzero(frames.fcs_status == FcsStatus.BAD))
        score.repaired += int(np.count_nonzero(repairs.repaired))
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
