"""``wtrec receive``: packets and frames as they arrive, in hex."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .signals import stopped_by_signals

if TYPE_CHECKING:
    from ..recorder.received import FrameFacts
    from ..recorder.receiver import Packet, ReceiveReport


@click.command(short_help="Show packets or frames as they arrive.")
@click.argument("interface", metavar="IFACE")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["udp", "tcp", "raw", "bpf"], case_sensitive=False),
    default="udp",
    show_default=True,
    help="Datagrams, TCP connections, every frame, or the frames that a filter lets through.",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(1, 65_535),
    metavar="PORT",
    help="Default 5005. In mode bpf the filter is udp port PORT, unless -f or --bpf-file says.",
)
@click.option(
    "-b",
    "--bytes",
    "most",
    type=click.IntRange(1, 1 << 20),
    metavar="B",
    help="Most bytes taken of a packet; in mode tcp, bytes of a message.",
)
@click.option(
    "-t",
    "--timeout",
    type=click.FloatRange(0, 1e9, min_open=True),
    metavar="SECONDS",
    help="End when nothing came for so long.",
)
@click.option("-c", "--count", type=click.IntRange(1), metavar="N", help="End after N packets.")
@click.option("-f", "filter_text", metavar="EXPR", help="Filter of mode bpf, see pcap-filter(7).")
@click.option(
    "--bpf-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Compiled filter of mode bpf: what tcpdump -dd or -ddd prints.",
)
@click.option("--json", "as_json", is_flag=True, help="A JSON object a line.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
@click.pass_context
def receive(
    context: click.Context,
    interface: str,
    mode: str,
    port: int | None,
    most: int | None,
    timeout: float | None,
    count: int | None,
    filter_text: str | None,
    bpf_file: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Print what arrives at IFACE (udp, tcp: `any` for all), until Ctrl-C, -c or -t.

    A frame from a monitor interface comes with a line that says what its Radiotap header does:
    `bad_fcs`, rate and signal, and whether its FCS holds. Exit code 3 means that the kernel dropped
    packets.
    """
    mode = mode.lower()
    if filter_text is not None and bpf_file is not None:
        raise click.UsageError("-f and --bpf-file are two ways to give one filter: take one")
    if mode != "bpf" and (filter_text is not None or bpf_file is not None):
        raise click.UsageError("-f and --bpf-file are for -m bpf")
    if port is not None and (mode == "raw" or filter_text is not None or bpf_file is not None):
        raise click.UsageError("-p: raw takes every frame, and a filter says its ports itself")

    from ..recorder.receiver import Receiver, ReceiveRequest
    from ..recorder.stop import Stop
    from .filter import read_program, say_what_filters

    request = ReceiveRequest(
        interface=interface,
        mode=mode,
        port=port or 5005,
        most=most,
        timeout=timeout,
        count=count,
        filter_text=filter_text,
        program=None if bpf_file is None else read_program(bpf_file),
    )
    show = _print_json if as_json else _print
    with Stop() as stop, stopped_by_signals(stop):
        receiver = Receiver(request, stop)
        if not quiet:
            click.echo(f"receiving on {interface}, mode {mode}", err=True)
        if receiver.filter is not None:
            say_what_filters(receiver.filter, quiet=quiet)
        try:
            for packet in receiver.packets():
                show(packet)
        finally:
            receiver.close()
    if receiver.report.error is not None:
        click.echo(f"wtrec: {receiver.report.error}", err=True)
    if not quiet:
        _print_summary(receiver.report, receiver.linktype)
    context.exit(receiver.report.exit_code)


def _print(packet: Packet) -> None:
    from ..datasets.members import to_rfc3339
    from ..recorder.hexdump import hexdump

    head = f"#{packet.number}  {to_rfc3339(packet.time)}  {packet.length} bytes"
    if packet.length > len(packet.data):
        head += f" ({len(packet.data)} here)"
    if packet.sender:
        head += f"  from {packet.sender}"
    if packet.packet_id is not None:
        head += f"  packet {packet.packet_id} of run {packet.run_key}"
    lines = [head]
    if packet.facts is not None:
        lines.append(f"radiotap  {_described(packet.facts)}")
    click.echo("\n".join([*lines, *hexdump(packet.data), ""]))


def _described(facts: FrameFacts) -> str:
    if facts.problem:
        return f"malformed: {facts.problem}"
    said = {None: "not said", True: "true", False: "false"}[facts.bad_fcs]
    parts = [f"bad_fcs: {said}", f"FCS: {facts.fcs}"]
    if facts.rate_mbps is not None:
        parts.append(f"rate: {facts.rate_mbps:g} Mbit/s")
    if facts.signal_dbm is not None:
        parts.append(f"signal: {facts.signal_dbm} dBm")
    if facts.channel_mhz is not None:
        parts.append(f"channel: {facts.channel_mhz} MHz")
    return ", ".join(parts)


def _print_json(packet: Packet) -> None:
    from ..datasets.members import to_rfc3339

    value: dict[str, object] = {
        "number": packet.number,
        "time": to_rfc3339(packet.time),
        "length": packet.length,
    }
    if packet.sender:
        value["sender"] = packet.sender
    value |= {"run_key": packet.run_key, "packet_id": packet.packet_id}
    if packet.facts is not None:
        value["radiotap"] = {
            "bad_fcs": packet.facts.bad_fcs,
            "fcs": packet.facts.fcs,
            "rate_mbps": packet.facts.rate_mbps,
            "signal_dbm": packet.facts.signal_dbm,
            "channel_mhz": packet.facts.channel_mhz,
            "problem": packet.facts.problem,
        }
    value["data"] = packet.data.hex()
    click.echo(json.dumps(value))


def _print_summary(report: ReceiveReport, linktype: int) -> None:
    rows = [
        ("received", report.packets, f"{report.bytes:,} bytes"),
        ("dropped by kernel", report.dropped, ""),
    ]
    if report.cut:
        rows.append(("cut by -b", report.cut, ""))
    if linktype == 127:
        found = ", ".join(f"{count:,} {name}" for name, count in sorted(report.fcs.items()))
        rows.append(("bad FCS", report.bad_fcs, f"the driver's claim; by our look: {found or '-'}"))
        rows.append(("malformed header", report.malformed, ""))
    lines = [f"ended by {report.ended_by}"]
    for name, number, note in rows:
        lines.append(f"  {name:<18} {number:>12,}" + (f"  ({note})" if note else ""))
    for key, run in report.arrivals.runs.items():
        lines.append(
            f"  run {key}: {run.different:,} packets from {run.first} to {run.last}, "
            f"{run.lost:,} lost between these, {run.copies:,} copies"
        )
    if report.arrivals.runs and report.arrivals.others:
        lines.append(f"  damaged or other   {report.arrivals.others:>12,}")
    for line in lines:
        click.echo(line, err=True)
