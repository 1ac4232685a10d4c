"""Makes a dataset of runs that names nobody, with every bit error where it was.

First all captures are read for names and addresses (:mod:`.networks`), so that these are found in
every text and file name. Then each is read for what its intact frames teach, and written again with
other frames in it (:mod:`.capture`). What stands beside it follows: tx log, ``run.json``, results,
masks, frames and analyses. Of just these files a new dataset is made.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import secrets
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import DatasetError, FormatError, MatchError
from ..masks import MASKS
from ..reader import CaptureReader
from ..results import RESULTS
from ..run import Run, RunFile, stem
from ..sharing.create import PART_BYTES, Created, check_metadata, create
from ..sharing.gather import Gathered
from ..sharing.names import unique
from ..sidecar import embedded, without_counters
from ..sink import new_capture
from ..transcode import to_frames
from .analyses import Analyze, copy_analysis
from .capture import write_capture
from .contents import Rule, rule_of
from .frames import Frames
from .inputs import InputFile, InputRun, Readable
from .key import Key
from .naming import FileNames
from .networks import Networks
from .originals import Source
from .report import Report
from .runs import anonymous, names_in
from .tables import NewCapture, copy_table, copy_tx_log
from .texts import Texts

if TYPE_CHECKING:
    from ..source import Source as Bytes

OpenSources = Callable[[contextlib.ExitStack, Readable, "Readable | None"], Sequence[Source]]
"""Opens what says the originals of a capture, by its path and that of its tx log."""

_A_YEAR_S = 365 * 86_400
# Metadata that stay: whom a dataset is by is meant to be known, the others are codes.
_AS_IT_IS = {"authors", "licence", "doi"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How it is done.

    Attributes:
        rules: Payload rules whose payloads are public.
        keeps_payloads: Whether payloads that a rule makes, or that describe themselves, are kept.
        drop_unmatched: Leave out bad frames of unknown original.
        shift_s: What is added to times; None: nothing.
    """

    rules: Sequence[str] = ()
    keeps_payloads: bool = True
    drop_unmatched: bool = False
    shift_s: int | None = None


@dataclass(slots=True)
class Anonymised:
    """What was made: the dataset, what was done to how many, and what could not be read."""

    created: Created
    report: Report
    losses: list[str] = field(default_factory=list)


def random_shift() -> int:
    """Seconds, up to ten years ahead: back, a clock that was never set would be before 1970."""
    return 1 + secrets.randbelow(10 * _A_YEAR_S)


def anonymize(
    target: Path,
    runs: Sequence[InputRun],
    open_sources: OpenSources,
    analyze: Analyze,
    key: Key,
    *,
    name: str,
    version: str,
    metadata: Mapping[str, Any],
    manner: Manner,
    part_bytes: int = PART_BYTES,
    on_progress: Callable[[str, Bytes], None] = lambda _step, _source: None,
) -> Anonymised:
    """Make a dataset of runs without what identifies somebody.

    Args:
        target: Its folder, which must not exist.
        runs: The runs.
        open_sources: Where originals come from.
        analyze: Makes analyses again.
        key: What replaces what follows from it.
        name: Short name of the new dataset.
        version: Its version.
        metadata: Other members of ``dataset.json``; texts are searched for addresses and names.
        manner: How.
        part_bytes: Larger files are split.
        on_progress: Called from time to time with what is done, and the file.

    Raises:
        DatasetError: Metadata are missing, or there is such a folder.
        FormatError: A file is damaged.
        OSError: A file cannot be read or written. Nothing is left of the new dataset then.
    """
    check_metadata(name, version, metadata)
    if target.exists() or target.is_symlink():
        raise DatasetError(f"{target} exists: datasets do not change, make a new version")
    work = _Work(open_sources, analyze, key, manner, runs, on_progress)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        work.learn(runs)
        written = []
        for number, run in enumerate(runs):
            there = folder / f"{number}"
            there.mkdir()
            written.append(work.run(run, there))
        made = create(
            target,
            runs=written,
            name=name,
            version=version,
            metadata=_described(metadata, work.texts, work.report),
            part_bytes=part_bytes,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Anonymised(made, work.report, work.losses)


def _described(metadata: Mapping[str, Any], texts: Texts, report: Report) -> dict[str, Any]:
    """The metadata, with what was done."""
    described: dict[str, Any] = {
        name: value if name in _AS_IT_IS else texts.replace_in(value)
        for name, value in metadata.items()
    }
    sentence = report.sentence(f"wtrec {version_of('wtrec')}")
    described["sanitisation"] = " ".join(filter(None, [described.get("sanitisation"), sentence]))
    return described


class _Work:
    """The runs, one after the other, under one key."""

    def __init__(
        self,
        open_sources: OpenSources,
        analyze: Analyze,
        key: Key,
        manner: Manner,
        runs: Iterable[InputRun],
        on_progress: Callable[[str, Bytes], None],
    ) -> None:
        rules: list[Rule] = [rule for text in manner.rules if (rule := rule_of(text)) is not None]
        self.report = Report(shift_s=manner.shift_s)
        self.losses: list[str] = []
        self._manner = manner
        self._shift_s = manner.shift_s or 0
        self._frames = Frames(
            key, rules if manner.keeps_payloads else None, self._shift_s * 1_000_000
        )
        self.texts = Texts(self._frames)
        self.texts.add(names_in(run.run for run in runs if run.run is not None))
        self._taken: set[str] = set()  # ids of runs
        self._open_sources = open_sources
        self._analyze = analyze
        self._on_progress = on_progress

    def learn(self, runs: Iterable[InputRun]) -> None:
        """See which names and addresses there are, before anything gets a name."""
        networks = Networks()
        for run in runs:
            for file in run.of_kind("capture"):
                with CaptureReader(file.path) as reader:
                    for batch in reader:
                        networks.learn(batch)
                        self._on_progress("looking for names", reader.source)
        self.texts.add_networks(networks.names)
        self.texts.add_macs(networks.macs)
        self.report.names_left = networks.left

    def run(self, run: InputRun, folder: Path) -> Gathered:
        """Write the files of a run."""
        logs, sources = run.of_kind("tx"), run.of_kind("capture")
        if not sources:
            raise DatasetError(f"{run.id}: it has no capture")
        log = logs[0].path if logs else None
        recorded = None if run.run is None else anonymous(run.run, self.texts, self._shift_s)
        names = FileNames([file.name for file in sources], self.texts.replace, self._shift_s)
        captures: dict[str, NewCapture] = {}
        paths: dict[str, Path] = {}
        written: dict[Path, str] = {}
        for file in sources:
            path = folder / names.of_capture(file.name)
            captures[file.sha256] = self._capture(file, path, log, recorded)
            paths[file.sha256] = path
            written[path] = file.kind
        tx = None
        for file in logs:
            base = file.name.removesuffix(".arrows").removesuffix(".parquet")
            tx = folder / names.of(f"{base}.parquet")
            self.report.packets += copy_tx_log(
                file.path,
                tx,
                self._frames,
                self.texts,
                shift_s=self._shift_s,
                keeps_payloads=self._manner.keeps_payloads,
            )
            written[tx] = file.kind
        if recorded is not None:
            if any(len(capture.dropped) for capture in captures.values()):
                recorded = without_counters(recorded)
            recorded = dataclasses.replace(recorded, files=tuple(map(RunFile.of, written)))
            for file in run.of_kind("run"):
                output = folder / names.of(file.name)
                recorded.save(output)
                written[output] = file.kind
        results: defaultdict[str, list[Path]] = defaultdict(list)
        for file in run.of_kind("results", "masks"):
            table = MASKS if file.kind == "masks" else RESULTS
            output = folder / names.of(file.name)
            copied = copy_table(file.path, output, table, captures, self.texts)
            self.report.rows += copied.rows
            if file.kind == "results":
                results[copied.capture].append(output)
            written[output] = file.kind
        for file in run.of_kind("frames"):
            output = folder / names.of(file.name)
            self._frames_table(file, output, paths)
            written[output] = file.kind
        pairs = {digest: (paths[digest], capture) for digest, capture in captures.items()}
        for file in run.of_kind("analysis"):
            made = self._analysis(file, pairs, tx, results)
            written |= {made: file.kind} if made is not None else {}
        name = unique(names.run_id, self._taken)
        return Gathered(name, recorded, tuple(written.items()))

    def _capture(
        self, file: InputFile, output: Path, log: Readable | None, recorded: Run | None
    ) -> NewCapture:
        comment = None
        if recorded is not None:
            comment = embedded(dataclasses.replace(recorded, meta={}, filter=None))
        contents = self._frames.contents
        contents.kept = contents.replaced = 0
        with contextlib.ExitStack() as stack:
            sources = self._open_sources(stack, file.path, log)
            with CaptureReader(file.path) as reader:
                for batch in reader:
                    for source in sources:
                        source.learn(batch)
                    self._on_progress("learning", reader.source)
            with new_capture(output) as write:
                done = write_capture(
                    file.path,
                    write,
                    self._frames,
                    sources,
                    comment=comment,
                    shift_s=self._shift_s,
                    drop_unmatched=self._manner.drop_unmatched,
                    on_progress=lambda walk: self._on_progress("replacing", walk.source),
                )
        with output.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256")
        self.report.states += done.states
        self.report.dropped += len(done.dropped)
        self.report.without_frame += done.without_frame
        self.report.blocks += done.blocks
        self.report.payloads_kept += contents.kept
        self.report.payloads_replaced += contents.replaced
        self.losses += [f"{file.name}: {loss}" for loss in done.losses]
        return NewCapture(output.name, digest.hexdigest(), np.array(done.dropped, np.int64))

    @staticmethod
    def _frames_table(file: InputFile, output: Path, captures: Mapping[str, Path]) -> None:
        """Made again of the capture that it was made of."""
        for path in captures.values():
            if output.name == f"{stem(path)}.frames.parquet":
                to_frames(path, output)
                return
        raise DatasetError(f"{file.name}: of which capture?")

    def _analysis(
        self,
        file: InputFile,
        captures: Mapping[str, tuple[Path, NewCapture]],
        log: Path | None,
        results: Mapping[str, Sequence[Path]],
    ) -> Path | None:
        """Made again; one that cannot be is left out, and said."""
        keeps = self._manner.keeps_payloads
        try:
            made = copy_analysis(
                file.path,
                captures,
                log,
                results,
                self.texts,
                self._analyze,
                keeps_payloads=keeps,
            )
            self.report.analyses += 1
        except (MatchError, FormatError) as error:
            self.report.analyses_left_out += 1
            self.losses.append(f"{file.name}: left out: {error}")
            return None
        return made
