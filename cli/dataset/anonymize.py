"""``wtrec dataset anonymize``: a dataset that names nobody, with every bit error."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..files import NEW_FILE
from ..output import finish, print_json, say_when_compiling
from ..truth import one_of, rule, rule_options
from .create import from_toml, given_metadata, metadata_options
from .options import FORMAT, QUIET, byte_progress, new_dataset_options

if TYPE_CHECKING:
    from ...datasets.anonymize.inputs import InputRun, Readable
    from ...datasets.anonymize.originals import Source

_RANDOM = "random"


class _Shift(click.ParamType):  # type: ignore[type-arg]
    """Seconds, or ``random``."""

    name = "SECONDS"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        if value == _RANDOM:
            return _RANDOM
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r}, wanted whole seconds, or {_RANDOM}", param, ctx)


@click.command(short_help="Make a dataset that names nobody, with every bit error in it.")
@click.argument("name", metavar="NAME")
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    metavar="DATASET|RUN...",
    type=click.Path(exists=True, path_type=Path),
)
@rule_options
@click.option(
    "--payloads",
    type=click.Choice(["keep", "replace"]),
    default="keep",
    show_default=True,
    help="What becomes of payloads that describe themselves or that the rule makes; all others are "
    "replaced.",
)
@click.option(
    "--drop-unmatched", is_flag=True, help="Leave out bad frames whose original is not known."
)
@click.option(
    "--shift-time",
    "shift",
    type=_Shift(),
    metavar="SECONDS|random",
    help="Add this to all times; random: up to ten years ahead.",
)
@click.option(
    "--key-file",
    type=NEW_FILE,
    metavar="FILE",
    help="The key, made if it is not there; with the same key the same comes out again. Default: a "
    "random one, which is forgotten.",
)
@new_dataset_options
@click.option(
    "--metadata",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="Metadata that come before those of DATASET; options come before both.",
)
@metadata_options
@FORMAT
@QUIET
@click.pass_context
def anonymize(
    context: click.Context,
    /,
    name: str,
    inputs: tuple[Path, ...],
    source: str | None,
    payload: str | None,
    payloads: str,
    drop_unmatched: bool,
    shift: int | str | None,
    key_file: Path | None,
    version: str,
    directory: Path,
    file: Path | None,
    output_format: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Make dataset NAME of a DATASET, or of RUNs named by their captures, that names nobody.

    MAC and IP addresses, names of networks and payloads are replaced under a key, FCSs and
    checksums follow, and the errors of each bad frame are laid over its new original: their
    positions and syndromes stay what they were. The original comes from the run's tx log, from
    --payload or --truth, and from intact copies.
    """
    one_of(None, payload, source)
    if payload is not None:
        rule(payload)
    say_when_compiling()
    from ...datasets.anonymize.anonymize import Manner, random_shift
    from ...datasets.anonymize.anonymize import anonymize as make
    from ...datasets.anonymize.key import Key
    from ...datasets.anonymize.key import key_file as key_in
    from ...datasets.sharing.create import check_metadata

    runs, metadata = _inputs(inputs)
    metadata |= {**(from_toml(file) if file else {}), **given_metadata(options)}
    check_metadata(name, version, metadata)
    rules = [payload] if payload else []
    manner = Manner(
        rules=[*rules, *_rules(runs)],
        keeps_payloads=payloads == "keep",
        drop_unmatched=drop_unmatched,
        shift_s=random_shift() if isinstance(shift, str) else shift,
    )

    def sources(
        stack: contextlib.ExitStack, capture: Readable, log: Readable | None
    ) -> Sequence[Source]:
        return _sources(stack, capture, log, payload, source)

    with byte_progress("anonymize", quiet=quiet) as (start, advance):
        passed: dict[int, int] = {}
        start(3 * sum(_size(each.path) for run in runs for each in run.of_kind("capture")))

        def on_progress(_step: str, at: Any) -> None:
            done = at.progress()[0]
            advance(done - passed.get(id(at), 0))
            passed[id(at)] = done

        made = make(
            directory / f"{name}-{version}",
            runs,
            sources,
            _analyze,
            Key.random() if key_file is None else key_in(key_file),
            name=name,
            version=version,
            metadata=metadata,
            manner=manner,
            on_progress=on_progress,
        )
    created = made.created
    if output_format == "json":
        print_json({"path": str(created.path), **made.report.to_json()})
    else:
        for line in made.report.lines():
            click.echo(line)
        for note in created.notes if not quiet else ():
            click.echo(f"wtrec: note: {note}", err=True)
        click.echo(f"{created.path}: {len(created.dataset.runs):,} run(s)")
    finish(context, [*made.losses, *created.losses])


def _inputs(paths: Sequence[Path]) -> tuple[list[InputRun], dict[str, Any]]:
    """The runs, and what a dataset among them says of itself."""
    from ...datasets.anonymize.inputs import of_captures, of_dataset

    folders = [path for path in paths if path.is_dir()]
    if not folders:
        return of_captures(paths), {}
    if len(paths) > 1:
        raise click.UsageError("one DATASET, or any number of RUNs")
    return of_dataset(folders[0])


def _rules(runs: Sequence[InputRun]) -> list[str]:
    """Payload rules that tx logs say."""
    from ...datasets.txlog import open_tx_log

    found = []
    for run in runs:
        for file in run.of_kind("tx"):
            with open_tx_log(file.path) as log:
                found.append(log.metadata.get("payload", ""))
    return [text for text in dict.fromkeys(found) if text]


def _sources(
    stack: contextlib.ExitStack,
    capture: Readable,
    log: Readable | None,
    payload: str | None,
    source: str | None,
) -> list[Source]:
    """Where originals come from, in turn: what was named or the tx log, then intact copies.

    Nobody is judged by them: a likely original, or one of several that may be it, will do.
    """
    from ...analysis.payload_truth import PayloadTruth
    from ...analysis.siblings import SiblingsTruth
    from ...analysis.txlog_truth import TxLogTruth
    from ...datasets.txlog import open_tx_log

    copies = stack.enter_context(SiblingsTruth(capture, likely=True))
    if source is not None:
        return [copies]
    if payload is not None:
        return [PayloadTruth(rule(payload)), copies]
    if log is None:
        return [copies]
    return [TxLogTruth(stack.enter_context(open_tx_log(log)), any_closest=True), copies]


def _analyze(
    said: Mapping[str, Any], capture: Path, log: Path | None, results: Sequence[Path]
) -> tuple[dict[str, Any], int]:
    """An analysis in the manner of a saved one, and how many values differ."""
    from ...analysis.again import differences, made, nameless, results_for
    from ...datasets.parquet import TableFile
    from ...datasets.results import RESULTS
    from .analyzed import analyzed

    how = made(said)
    names = []
    for path in results:
        with TableFile(path, RESULTS) as file:
            values = file.metadata
        names.append((values.get("algorithm", ""), values.get("parameters", "{}")))
    judged = [results[at] for at in results_for(how, names)]
    new = analyzed(how, capture, log, judged, lambda _step, _reader: None)
    return new, len(differences(nameless(said), nameless(new))[1])


def _size(path: Readable) -> int:
    pieces = [path] if isinstance(path, Path) else path.paths
    return sum(piece.stat().st_size for piece in pieces)
