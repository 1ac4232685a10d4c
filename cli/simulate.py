"""``wtrec simulate``: a run without a radio."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import click

from ..errors import CaptureError
from .output import say_when_compiling
from .tap import tap

# Of wtrec.recorder.simulate and wtrec.dot11.airtime, which are too heavy to import for a help text.
CHANNELS = ("awgn", "rayleigh", "burst", "bsc", "gilbert")
BIT_CHANNELS = ("bsc", "gilbert")


@click.command(short_help="A run without a radio.")
@click.option(
    "-w",
    "capture",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="RUN.pcapng",
    help="The capture; RUN.tx.parquet and RUN.json are written beside it.",
)
@click.option(
    "--rate",
    "rates",
    type=float,
    multiple=True,
    default=(54.0,),
    show_default=True,
    metavar="MBPS",
    help="Data rate: 1, 2, 5.5, 11 or 6 to 54; repeatable.",
)
@click.option(
    "--snr",
    "snrs",
    type=float,
    multiple=True,
    metavar="DB",
    help="Es/N0 per OFDM subcarrier (802.11b: per chip); repeatable. Default 20.",
)
@click.option(
    "--ber",
    "error_rates",
    type=click.FloatRange(0, 0.5),
    multiple=True,
    metavar="P",
    help="Bit error rate, for bsc and gilbert; repeatable.",
)
@click.option(
    "--channel",
    type=click.Choice(CHANNELS),
    default="awgn",
    show_default=True,
    help="awgn, rayleigh and burst go through the PHY; bsc and gilbert flip bits.",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Packets at each rate and SNR.",
)
@click.option(
    "--length",
    type=int,
    default=1500,
    show_default=True,
    metavar="B",
    help="Bytes of the MPDU with its FCS.",
)
@click.option(
    "--retries",
    type=click.IntRange(0, 15),
    default=0,
    show_default=True,
    metavar="N",
    help="Send again, with the Retry bit, up to N times when no ACK would come.",
)
@click.option(
    "--copies",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Receivers of each transmission, an interface of the capture each.",
)
@click.option("--hard", is_flag=True, help="Hard decisions in the OFDM receivers.")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True)
@click.option(
    "--to",
    "monitor",
    metavar="NAME",
    help="Make monitor interface NAME, and feed it with the first receiver's frames in real time.",
)
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("-q", "--quiet", is_flag=True, help="No summary.")
def simulate(
    capture: Path,
    rates: tuple[float, ...],
    snrs: tuple[float, ...],
    error_rates: tuple[float, ...],
    channel: str,
    frames: int,
    length: int,
    retries: int,
    copies: int,
    hard: bool,
    seed: int,
    monitor: str | None,
    force: bool,
    quiet: bool,
) -> None:
    """Simulate a sender, the air and receivers, and write what they would have recorded.

    Frames go through 802.11a/g OFDM or 802.11b modulation, the channel, and the receiver's
    decoder, so their errors are those of a real receiver. The same seed gives the same run.

    With --to, `wtrec capture NAME` in another terminal records the frames from the kernel. That
    needs the right to make interfaces (root).
    """
    if capture.suffix in {".gz", ".zst"}:
        raise click.UsageError(f"-w {capture}: the capture is not packed, name it .pcapng")
    if channel in BIT_CHANNELS and (snrs or not error_rates):
        raise click.UsageError(f"channel {channel} needs --ber, and takes no --snr")
    if channel not in BIT_CHANNELS and error_rates:
        raise click.UsageError(f"channel {channel} takes --snr, not --ber")
    say_when_compiling()
    from ..datasets.run import run_json_path, tx_log_path
    from ..recorder.simulate import Simulation
    from ..recorder.simulated_run import write_run

    try:
        simulation = Simulation(
            points=tuple(itertools.product(rates, error_rates or snrs or (20.0,))),
            channel=channel,
            frames=frames,
            length=length,
            seed=seed,
            retries=retries,
            copies=copies,
            soft=not hard,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for path in (capture, tx_log_path(capture), run_json_path(capture)):
        if path.exists() and not force:
            raise CaptureError(
                f"{path} exists; name another file with -w, or overwrite it with --force"
            )
    with contextlib.nullcontext() if monitor is None else tap(monitor) as interface:
        run = write_run(simulation, capture, tap=interface)
    if run.counters and not quiet:
        click.echo(
            f"{capture}: {run.counters.written:,} frames, {run.counters.bad_fcs:,} bad", err=True
        )
