"""``wtrec send``: packets at a steady pace, each of them in a tx log."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import WtrecError
from .signals import stopped_by_signals

if TYPE_CHECKING:
    from ..recorder.inject import Header
    from ..recorder.send import SendRequest, SendSummary
    from ..recorder.steps import Step


def _number(text: str) -> Fraction:
    """A number that is not below 0, as it is written: 0.1 is a tenth."""
    try:
        number = Fraction(text)
    except (ValueError, ZeroDivisionError):
        number = Fraction(-1)
    if not 0 <= number < 10**9:
        raise click.BadParameter(f"wanted a number from 0 on, found {text!r}")
    return number


def _positive(text: str) -> Fraction:
    number = _number(text)
    if not number:
        raise click.BadParameter("wanted more than 0")
    return number


def _mac(text: str) -> bytes:
    digits = text.replace("-", ":").split(":")
    try:
        address = bytes(int(part, 16) for part in digits)
    except ValueError:
        address = b""
    if len(address) != 6:
        raise click.BadParameter(f"wanted a MAC address such as 02:00:00:00:00:01, found {text!r}")
    return address


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


@click.command(short_help="Send packets, and keep what was sent.")
@click.argument("destination", metavar="DEST")
@click.option(
    "-m",
    "--mode",
    type=click.Choice(["udp", "tcp", "inject"], case_sensitive=False),
    default="udp",
    show_default=True,
    help="UDP datagrams, a TCP connection, or 802.11 frames into a monitor interface.",
)
@click.option(
    "-p", "--port", type=click.IntRange(1, 65_535), default=5005, show_default=True, metavar="PORT"
)
@click.option(
    "-i",
    "--interface",
    metavar="IFACE",
    help="Send through IFACE whatever the routes say; for inject, the monitor interface.",
)
@click.option(
    "-d", "--delay", type=_number, metavar="SECONDS", help="Between packets; 0: top speed."
)
@click.option(
    "--pps", type=_positive, metavar="N", help="Packets per second, instead of -d; default 100."
)
@click.option(
    "-c", "--count", type=click.IntRange(1), metavar="N", help="Packets of each step; default: on."
)
@click.option(
    "--length",
    type=click.IntRange(1),
    metavar="B",
    help="Bytes of the UDP or TCP payload. Default 1000; for msgN, its text alone.",
)
@click.option(
    "--fill",
    default="self",
    show_default=True,
    metavar="RULE",
    help="Of the payload: self (describes itself), zeros, ones, ramp, msgN, or hex digits.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="N",
    help="The same seed and options give the same run id, and so the same payloads.",
)
@click.option("--run-id", metavar="HEX", help="32 hex digits; default: by --seed, or a new one.")
@click.option(
    "-w",
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The tx log, or the capture whose tx log it shall be: RUN.pcapng means RUN.tx.parquet. "
    "Default run-<UTC time>.tx.parquet.",
)
@click.option("--force", is_flag=True, help="Overwrite the tx log.")
@click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="KEY=VALUE,...",
    help="A step: rate=54,power=15 and what else the hook needs; repeatable.",
)
@click.option("--rates", type=_names, metavar="LIST", help="Steps: rates in Mbit/s, 6,9,12.")
@click.option("--powers", type=_names, metavar="LIST", help="Every rate at each power, in dBm.")
@click.option(
    "--hook",
    metavar="COMMAND",
    help="Run at the start of each step, such as 'ssh ap wl rate {rate_mbps}'; if it fails, "
    "the run ends.",
)
@click.option("--shell", is_flag=True, help="Let a shell run the hook.")
@click.option(
    "--hook-timeout",
    type=click.FloatRange(0, 86_400, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
)
@click.option("--addr1", type=_mac, metavar="MAC", help="inject: receiver; default the group.")
@click.option("--addr2", type=_mac, metavar="MAC", help="inject: transmitter.")
@click.option("--addr3", type=_mac, metavar="MAC", help="inject: source.")
@click.option("--source", metavar="IP", help="inject: IPv4 address of the sender.")
@click.option("--ack", is_flag=True, help="inject: let the card wait for an ACK.")
@click.option(
    "--retries",
    type=click.IntRange(0, 255),
    default=0,
    show_default=True,
    metavar="N",
    help="inject: how often the card sends again without an ACK.",
)
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
@click.pass_context
def send(
    context: click.Context,
    destination: str,
    mode: str,
    port: int,
    interface: str | None,
    delay: Fraction | None,
    pps: Fraction | None,
    count: int | None,
    length: int | None,
    fill: str,
    seed: int | None,
    run_id: str | None,
    output: Path | None,
    force: bool,
    steps: tuple[str, ...],
    rates: tuple[str, ...] | None,
    powers: tuple[str, ...] | None,
    hook: str | None,
    shell: bool,
    hook_timeout: float,
    addr1: bytes | None,
    addr2: bytes | None,
    addr3: bytes | None,
    source: str | None,
    ack: bool,
    retries: int,
    quiet: bool,
) -> None:
    """Send test packets to DEST, and keep every one of them in a tx log.

    Ends after -c packets of each step, or at Ctrl-C, and says what was sent. In mode inject DEST is
    the IPv4 address inside of the frames.

    While it sends, the log is RUN.tx.arrows; it becomes RUN.tx.parquet at the end. After kill -9
    wtrec analyze reads the first; of the last 0.2 seconds packets may be missing there.
    """
    if delay is not None and pps is not None:
        raise click.UsageError("-d and --pps are two ways to give one pace: take one")
    if steps and (rates or powers):
        raise click.UsageError("--step and --rates, --powers are two ways to give steps: take one")
    mode = mode.lower()
    asked: dict[str, object] = {
        "--addr1": addr1,
        "--addr2": addr2,
        "--addr3": addr3,
        "--source": source,
    }
    asked |= {"--ack": ack, "--retries": retries}
    if mode != "inject" and (given := [name for name, value in asked.items() if value]):
        raise click.UsageError(f"{', '.join(given)}: of -m inject alone")
    if mode == "inject" and interface is None:
        raise click.UsageError("-m inject needs -i: a monitor interface")

    from ..recorder.send import SendRequest, log_path
    from ..recorder.send import send as run_send
    from ..recorder.steps import Hook, Step, grid, parse_step
    from ..recorder.stop import Stop

    try:
        request = SendRequest(
            mode=mode,
            host=destination,
            port=port,
            interface=interface,
            header=_header(destination, port, addr1, addr2, addr3, source, ack, retries)
            if mode == "inject"
            else None,
            delay=delay,
            pps=pps,
            count=count,
            length=length,
            fill=fill,
            seed=seed,
            run_id=run_id.replace("-", "").lower() if run_id else None,
            output=None if output is None else log_path(output),
            force=force,
            steps=[parse_step(text) for text in steps]
            or (grid(rates or (), powers or ()) if rates or powers else [Step()]),
            hook=Hook(hook, shell=shell, timeout=hook_timeout) if hook is not None else None,
        )
    except (ValueError, WtrecError) as error:
        raise click.UsageError(str(error)) from None
    with Stop() as stop, stopped_by_signals(stop):
        summary = run_send(request, stop, lambda step: _say_step(step, quiet=quiet))
    if summary.report.error is not None:
        click.echo(f"wtrec: {summary.report.error}", err=True)
    if not quiet:
        _print_summary(request, summary)
    context.exit(summary.report.exit_code)


def _header(
    destination: str,
    port: int,
    addr1: bytes | None,
    addr2: bytes | None,
    addr3: bytes | None,
    source: str | None,
    ack: bool,
    retries: int,
) -> Header:
    from ..recorder import inject

    return inject.Header(
        destination=destination,
        port=port,
        addr1=addr1 or inject.GROUP,
        addr2=addr2 or inject.ACCESS_POINT,
        addr3=addr3 or inject.STATION,
        source=source or inject.SOURCE_IP,
        ack=ack,
        retries=retries,
    )


def _say_step(step: Step, *, quiet: bool) -> None:
    if step.values and not quiet:
        click.echo(f"step {step}", err=True)


def _print_summary(request: SendRequest, summary: SendSummary) -> None:
    report = summary.report
    asked = f"{1e9 / float(request.interval):,.7g} asked" if request.interval else "top speed"
    achieved = "-" if report.pps is None else f"{report.pps:,.2f}"
    late = f"{report.late_max_us:,.0f} us at most" if request.interval else "-"
    lines = [
        f"{summary.path}: ended by {report.ended_by}, run {summary.run_id}",
        f"  sent               {report.sent:>12,}",
        f"  packets/s          {achieved:>12}  ({asked})",
        f"  late               {late}",
    ]
    for name, number, meaning in (
        ("buffer full", report.full_buffer, "EAGAIN; waited, and sent"),
        ("queue full", report.full_queue, "ENOBUFS; waited, and sent"),
        ("refused", report.refused, "ICMP errors: nobody received some of it"),
        ("dropped", report.dropped, f"by {request.interface}, whoever sent them"),
        ("unlogged", report.unlogged, "sent, but not in the tx log"),
        ("bytes in part", report.partial, "sent of a message that is not in the tx log"),
    ):
        if number:
            lines.append(f"  {name:<18} {number:>12,}  ({meaning})")
    for line in lines:
        click.echo(line, err=True)
