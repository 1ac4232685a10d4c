"""``wtrec filter``: what a capture filter is compiled into, looks at, keeps and drops."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import FormatError
from .output import finish, number, print_json, print_table, progress, say_when_compiling, share

if TYPE_CHECKING:
    from ..recorder.bpf import Program
    from ..recorder.bpf.check import Difference
    from ..recorder.bpf.examine import Examined
    from ..recorder.bpf.explore import Tried
    from ..recorder.bpf.on_capture import Counts

_MOST_DIFFERENCES = 10  # sample frames in the JSON on which libpcap is wrong


@click.command("filter", short_help="What a capture filter does, and whether it is right.")
@click.argument("arguments", nargs=-1, metavar="[EXPR] [FILE]")
@click.option(
    "--bpf-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compiled filter instead of EXPR: what tcpdump -dd or -ddd prints.",
)
@click.option(
    "-d",
    "dump",
    count=True,
    help="Print the program alone: -d to read, -dd as C, -ddd as numbers, as tcpdump does.",
)
@click.option("--list", "list_named", is_flag=True, help="The filters that have a name.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.pass_context
def filter(  # noqa: A001 - the command's name
    context: click.Context,
    arguments: tuple[str, ...],
    bpf_file: Path | None,
    dump: int,
    list_named: bool,
    output_format: str,
    quiet: bool,
) -> None:
    """Compile a filter and try it, on sample frames or on the frames of capture FILE.

    EXPR is what capture -f takes: pcap-filter(7), and the named filters of --list. What libpcap
    makes of it is checked, and mended where it is wrong.
    """
    if list_named:
        _print_named(output_format)
        return
    expression, capture = _split(arguments, bpf_file)
    program = None if bpf_file is None else read_program(bpf_file)
    examine = functools.cache(functools.partial(_examine, expression, program))
    from ..recorder.bpf import DLT_IEEE802_11_RADIO

    examined = examine(DLT_IEEE802_11_RADIO)
    if dump:
        _print_program(examined.program, dump)
        _print_warnings(examined)
        return
    counts = None if capture is None else _count(capture, examine, quiet=quiet)
    if output_format == "json":
        print_json(_to_json(examined, counts))
    else:
        _print(examined)
        if counts is None:
            _print_verdicts(examined.tried)
        else:
            _print_counts(counts)
    _print_warnings(examined)
    finish(context, [] if counts is None else counts.losses)


def say_what_filters(examined: Examined, *, quiet: bool) -> None:
    """What a user must know of a filter that is used; the note is left out if quiet."""
    _print_warnings(examined)
    note = examined.note()
    if note and not quiet:
        click.echo(f"note: {note}", err=True)


def read_program(path: Path) -> Program:
    """The program that a file holds as text.

    Raises:
        FormatError: It holds none.
    """
    from ..recorder.bpf import parse

    try:
        return parse(path.read_text(encoding="utf-8", errors="replace"))
    except FormatError as error:
        raise FormatError(error.what, path=str(path)) from error


def _split(arguments: tuple[str, ...], bpf_file: Path | None) -> tuple[str | None, Path | None]:
    """The expression, which a compiled filter takes the place of, and the capture."""
    expected = 1 if bpf_file is None else 0
    if not expected <= len(arguments) <= expected + 1:
        raise click.UsageError(
            "wanted EXPR, in quotes, and then FILE or nothing; or --bpf-file FILE and no EXPR"
        )
    expression = arguments[0] if expected else None
    capture = Path(arguments[expected]) if len(arguments) > expected else None
    if capture is not None and not capture.is_file():
        raise click.UsageError(
            f"{capture}: there is no such capture; an expression of several words stands in quotes"
        )
    return expression, capture


def _examine(expression: str | None, program: Program | None, linktype: int) -> Examined:
    from ..recorder.bpf.examine import examine_expression, examine_program

    if program is not None:
        return examine_program(program, linktype)
    return examine_expression(expression or "", linktype)


def _count(capture: Path, examine: Any, *, quiet: bool) -> Counts:
    say_when_compiling()
    from ..recorder.bpf.on_capture import count

    def programs(linktype: int) -> list[Program]:
        examined: Examined = examine(linktype)
        checked = examined.checked
        others = [] if checked is None else [checked.libpcap, checked.linked]
        return [examined.program, *others]

    with progress(quiet=quiet) as tick:
        return count(capture, programs, functools.partial(tick, capture.name))


def _print_named(output_format: str) -> None:
    from ..recorder.bpf.named import NAMED

    shown = [(named, named.expand(named.example)) for named in NAMED.values()]
    if output_format == "json":
        print_json(
            [
                {"usage": named.usage, "summary": named.summary, "expression": expression}
                for named, expression in shown
            ]
        )
        return
    for named, expression in shown:
        click.echo(f"{named.usage}\n    {named.summary}\n    {expression}")


def _print_program(program: Program, dump: int) -> None:
    from ..recorder.bpf import to_c, to_decimal
    from ..recorder.bpf.disassembly import disassemble

    if dump == 1:
        click.echo("\n".join(disassemble(program)))
    else:
        click.echo((to_c if dump == 2 else to_decimal)(program), nl=False)


def _print_warnings(examined: Examined) -> None:
    for warning in examined.warnings():
        click.echo(f"wtrec: warning: {warning}", err=True)


def _print(examined: Examined) -> None:
    checked, sight = examined.checked, examined.sight
    maker = "a file"
    if checked is not None:
        maker = f"linked from {checked.parts} parts" if checked.mended else "by libpcap"
    lines = [("program", f"{len(examined.program)} instructions, {maker}")]
    if examined.expression is not None:
        lines.insert(0, ("expression", examined.expression or "none: all frames pass"))
    if checked is not None and not checked.unchecked:
        wrong = len(checked.differences)
        said = f"WRONG on {wrong:,}" if wrong else "right on all"
        lines.append(("libpcap", f"{said} of {len(checked.tried):,} sample frames"))
    if examined.tried:
        passing = sum(tried.outcomes[-1].passed for tried in examined.tried)
        lines.append(("samples", f"{passing:,} of {len(examined.tried):,} pass"))
    if sight is not None:
        fields = ", ".join([*sight.radiotap, *sight.frame])
        lines.append(("looks at", fields or "no byte of a frame"))
    lines.append(("bit errors", examined.note() or "cannot change its verdict"))
    for label, text in lines:
        click.echo(f"  {label:<12}{text}")


def _print_verdicts(tried: tuple[Tried, ...]) -> None:
    """A line for each kind of frame, over the Radiotap headers that it was behind."""
    samples: dict[str, list[bool]] = {}
    changed: dict[str, list[bool]] = {}
    for sample, outcomes in tried:
        kinds = changed if sample.changed else samples
        kinds.setdefault(sample.kind, []).append(outcomes[-1].passed)
    names = {True: "passes", False: "is dropped"}
    rows = []
    for kind, passed in samples.items():
        verdict = names[passed[0]] if len(set(passed)) == 1 else "hangs on Radiotap"
        variants = changed.get(kind, [])
        rows.append([kind, verdict, number(sum(variants)), number(len(variants))])
    if rows:
        print_table(["sample frame", "verdict", "variants pass", "of"], rows)


def _print_counts(counts: Counts) -> None:
    rows = []
    for status, kept in counts.kept.items():
        dropped = counts.dropped[status]
        if kept + dropped:
            part = dropped / (kept + dropped)
            rows.append([status, number(kept), number(dropped), share(part)])
    print_table(["FCS", "kept", "dropped", "share dropped"], rows)
    if counts.other_linktypes:
        click.echo(f"{counts.other_linktypes:,} packets are no 802.11 frames and were not tried")
    if counts.differing:
        first = ", ".join(map(str, counts.first_differing))
        click.echo(
            f"libpcap's program for the whole filter gets {counts.differing:,} of these frames "
            f"wrong, first: {first}"
        )


def _to_json(examined: Examined, counts: Counts | None) -> dict[str, Any]:
    from ..recorder.bpf import to_decimal
    from ..recorder.bpf.disassembly import disassemble

    checked, sight = examined.checked, examined.sight
    return {
        "expression": examined.expression,
        "program": to_decimal(examined.program),
        "disassembly": disassemble(examined.program),
        "mended": checked is not None and checked.mended,
        "unchecked": "" if checked is None else checked.unchecked,
        "libpcap_wrong": 0 if checked is None else len(checked.differences),
        "libpcap_wrong_first": []
        if checked is None
        else [_difference(each) for each in checked.differences[:_MOST_DIFFERENCES]],
        "misplaced": {}
        if checked is None
        else {shape: _difference(each) for shape, each in checked.limits.items()},
        "samples": [
            {"name": sample.name, "kept": outcomes[-1].kept}
            for sample, outcomes in examined.tried
            if not sample.changed
        ],
        "samples_tried": len(examined.tried),
        "samples_passing": sum(tried.outcomes[-1].passed for tried in examined.tried),
        "looks_at": sight
        and {
            "radiotap": list(sight.radiotap),
            "frame": list(sight.frame),
            "frame_bytes": sight.bytes,
        },
        "capture": counts
        and {
            "kept": dict(counts.kept),
            "dropped": dict(counts.dropped),
            "libpcap_wrong": counts.differing,
            "libpcap_wrong_first": counts.first_differing,
            "other_linktypes": counts.other_linktypes,
        },
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "name": difference.sample.name,
        "packet": difference.sample.packet.hex(),
        "libpcap_keeps": difference.kept,
        "expected": difference.wanted,
    }
