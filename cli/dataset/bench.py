"""Where ``wtrec dataset reproduce`` makes the files of a run again, and what came of each."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ...errors import MatchError, WtrecError

if TYPE_CHECKING:
    from ...analysis.again import Made
    from ...analysis.truth import Truth
    from ...datasets.parts import Parts
    from ...datasets.row_diff import RowDiff
    from ...datasets.schema import Table
    from ...datasets.sharing.dataset import DatasetFile, DatasetRun
    from ..output import Tick

SAME, DIFFERENT, UNJUDGED = "same", "different", "not judged"
_SHOWN = 5


@dataclass(slots=True)
class Line:
    """What came of one file.

    Attributes:
        path: The file in the dataset.
        what: Who made it.
        version: By which version.
        numbers: Rows or values that were recorded, and those that differ.
        verdict: One of the three words.
        unjudged: Why not all could be judged.
        notes: What else is to be known.
        details: For programs.
    """

    path: str
    what: str
    version: str
    numbers: tuple[int | None, int | None] = (None, None)
    verdict: str = UNJUDGED
    unjudged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/reproduce.md."""
        return {
            "path": self.path,
            "made_by": self.what,
            "wtrec_version": self.version,
            "verdict": self.verdict,
            "numbers": self.numbers[0],
            "differing": self.numbers[1],
            "unjudged": self.unjudged,
            "notes": self.notes,
            **self.details,
        }

    def judge(self, diff: RowDiff, facts: list[str]) -> None:
        """Say what differs of a table: rows, and facts by their names."""
        self.numbers = diff.rows[0], diff.differing + sum(diff.alone)
        self.verdict = SAME if diff.is_same and not facts else DIFFERENT
        self.details = {"rows": diff.to_json(), "facts": facts}
        if diff.columns:
            counts = ", ".join(f"{name} in {n:,}" for name, n in diff.columns.items())
            self.notes.append(f"columns that differ, and in how many rows: {counts}")
        if any(diff.alone):
            self.notes.append(f"rows that are there now or then alone: {sum(diff.alone):,}")
        if diff.first is not None:
            self.notes.append(f"the first that differs is frame {diff.first[-1]}")
        if facts:
            self.notes.append(f"facts that differ: {', '.join(facts)}")


class Bench:
    """A temporary folder in which the numbers of one run are made again."""

    def __init__(
        self, folder: Path, run: DatasetRun, *, programs: Collection[str], tick: Tick
    ) -> None:
        self._folder = folder / run.folder
        self._run = run
        self._programs = programs
        self._tick = tick
        self._held = contextlib.ExitStack()

    def __enter__(self) -> Self:
        import tempfile

        name = self._held.enter_context(tempfile.TemporaryDirectory(prefix="wtrec-reproduce-"))
        self._wholes, self._again = Path(name, "whole"), Path(name, "again")
        self._wholes.mkdir()
        self._again.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def results(self, file: DatasetFile) -> Line:
        """Replay again."""
        from ...datasets.sharing.card import algorithm
        from ...replay.reproduce import reproduce

        line = self._line(file, algorithm(file))
        digest = file.facts.get("capture_sha256", "")
        found = reproduce(
            self._source(file),
            self._capture(digest),
            digest,
            self._again,
            programs=self._programs,
            tell=lambda standing: self._tick(f"replaying into {standing.name}", standing),
        )
        line.unjudged, line.notes = found.unjudged, found.notes
        if found.diff is not None:
            line.judge(found.diff, found.facts)
        return line

    def masks(self, file: DatasetFile) -> Line:
        """Look for the originals again."""
        from ...analysis.again import truth_of_masks
        from ...analysis.mask_writer import write_masks
        from ...datasets.masks import MASKS
        from ...datasets.parquet import TableFile

        line = self._line(file, "wtrec convert")
        again = self._again / "masks.parquet"
        try:
            with TableFile(self._source(file), MASKS) as old:
                kind, payload = truth_of_masks(old.metadata.get("truth", ""))
            capture = self._capture(file.facts.get("capture_sha256", ""))
            with contextlib.ExitStack() as stack:
                truth = self._truth(stack, capture, kind, payload)
                if truth is None:
                    raise MatchError("they do not say what the truth was")
                write_masks(capture, truth, again, self._tick)
        except WtrecError as error:
            line.unjudged.append(str(error))
            return line
        self._compare(line, file, MASKS, again)
        return line

    def frames(self, file: DatasetFile) -> Line:
        """Decode the capture again."""
        from ...datasets.frames import FRAMES
        from ...datasets.transcode import to_frames

        line = self._line(file, "wtrec convert")
        again = self._again / "frames.parquet"
        to_frames(self._capture(file.facts.get("capture_sha256", "")), again)
        self._compare(line, file, FRAMES, again)
        return line

    def _compare(self, line: Line, file: DatasetFile, table: Table, again: Path) -> None:
        from ...datasets.parquet import TableFile
        from ...datasets.row_diff import compare_rows

        _note_version(line)
        with TableFile(self._source(file), table) as old, TableFile(again, table) as new:
            diff = compare_rows(old.batches(), new.batches(), keys=("number",))
            line.judge(diff, _other_counts(old.metadata, new.metadata))

    def analysis(self, file: DatasetFile) -> Line:
        """Analyze again."""
        from ...analysis.again import differences, made

        line = self._line(file, "wtrec analyze")
        said = json.loads(b"".join(piece.read_bytes() for piece in self._pieces(file)))
        try:
            how = made(said)
            again = self._analyzed(how, file)
        except WtrecError as error:
            line.unjudged.append(str(error))
            return line
        line.version = how.wtrec_version
        _note_version(line)
        count, wrong = differences(said, again)
        line.numbers = count, len(wrong)
        line.verdict = DIFFERENT if wrong else SAME
        line.details = {"places": wrong}
        if wrong:
            more = f" and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
            line.notes.append(f"differs at {', '.join(wrong[:_SHOWN])}{more}")
        return line

    def _analyzed(self, how: Made, file: DatasetFile) -> dict[str, Any]:
        from ...analysis.again import results_for
        from ...datasets.payload import pattern
        from .analyzed import analyzed

        if how.payload:
            pattern(how.payload)  # whoever made the dataset may have written anything
        digest = file.facts.get("capture_sha256", "")
        there = [
            each
            for each in self._run.of_kind("results")
            if each.facts.get("capture_sha256") == digest
        ]
        names = [(f.facts.get("algorithm", ""), f.facts.get("parameters", "{}")) for f in there]
        results = [self._whole(there[at]) for at in results_for(how, names)]
        log = self._log() if how.truth_kind == "tx-log" else None
        return analyzed(how, self._capture(digest), log, results, self._tick)

    def _truth(
        self, stack: contextlib.ExitStack, capture: Path, kind: str, payload: str
    ) -> Truth | None:
        """The originals as they were looked for then."""
        from ...datasets.payload import pattern
        from ..truth import open_truth

        if payload:
            pattern(payload)  # whoever made the dataset may have written anything
        log = self._log() if kind == "tx-log" else None
        siblings = kind if kind.endswith("siblings") else None
        return open_truth(stack, capture, log, payload or None, siblings)

    def _log(self) -> Path:
        logs = self._run.of_kind("tx")
        if not logs:
            raise MatchError("the tx log that it was made with is not in the dataset")
        return self._whole(logs[0])

    def _line(self, file: DatasetFile, what: str) -> Line:
        path = f"{self._run.id}/{file.name}"
        return Line(path, what, file.facts.get("wtrec_version", "unknown"))

    def _pieces(self, file: DatasetFile) -> list[Path]:
        return [self._folder / piece for piece in file.pieces]

    def _source(self, file: DatasetFile) -> Path | Parts:
        from ...datasets.parts import Parts

        return Parts(tuple(self._pieces(file))) if file.parts else self._folder / file.name

    def _capture(self, digest: str) -> Path:
        captures = [each for each in self._run.of_kind("capture") if each.sha256 == digest]
        path = self._whole(captures[0])
        beside = self._run.of_kind("run")
        if captures[0].parts and beside:  # what is known of the recording is looked for beside it
            self._whole(beside[0], is_copied=True)
        return path

    def _whole(self, file: DatasetFile, *, is_copied: bool = False) -> Path:
        """A file in one piece; one in parts is put together here."""
        if not file.parts and not is_copied:
            return self._folder / file.name
        path = self._wholes / file.name
        if not path.exists():
            with path.open("xb") as out:
                for piece in self._pieces(file):
                    with piece.open("rb") as part:
                        shutil.copyfileobj(part, out, 1 << 20)
        return path


def _note_version(line: Line) -> None:
    if line.version not in {"unknown", version("wtrec")}:
        line.notes.append(f"made by wtrec {line.version}, this is {version('wtrec')}")


def _other_counts(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of what was counted in making a table, and is another number now."""
    counts: list[dict[str, Any]] = []
    for metadata in (was, now):
        try:
            value = json.loads(metadata.get("counts", "{}"))
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            return ["counts"]
        counts.append(value)
    return [name for name, count in counts[0].items() if counts[1].get(name) != count]
