"""``wtrec demo``: the main job from end to end, with no radio."""

from __future__ import annotations

from pathlib import Path

import click

from .output import say_when_compiling

# Rate in Mbit/s and SNR in dB: each rate from nearly hopeless to nearly intact.
POINTS = (
    *((12.0, 2.5), (12.0, 3.5), (12.0, 4.5)),
    *((36.0, 11.0), (36.0, 12.0), (36.0, 13.0)),
    *((54.0, 16.5), (54.0, 17.5), (54.0, 18.5)),
)
ALGORITHMS = ("crc-flip", "crc-event")
LENGTH = 1000  # bytes: two flips still pass crc-flip's default gate


@click.command(short_help="The main job from end to end, with no radio.")
@click.option(
    "-d",
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("wtrec-demo"),
    show_default=True,
    help="Where the files go.",
)
@click.option(
    "--frames",
    type=click.IntRange(1),
    default=300,
    show_default=True,
    metavar="N",
    help="Frames at each of nine points.",
)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True)
@click.pass_context
def demo(context: click.Context, directory: Path, frames: int, seed: int) -> None:
    """Simulate a grid of rates and SNRs, replay it into two algorithms, and judge their repairs.

    The frames go through OFDM modulation, white noise and a Viterbi decoder. The same seed gives
    the same numbers.
    """
    say_when_compiling()
    from ..recorder.simulate import Simulation
    from ..recorder.simulated_run import write_run
    from .analyze import analyze
    from .replay import replay

    directory.mkdir(parents=True, exist_ok=True)
    capture = directory / "run.pcapng"
    click.echo(f"1. simulate: {frames} frames at each of {len(POINTS)} points -> {capture}")
    simulation = Simulation(points=POINTS, channel="awgn", frames=frames, length=LENGTH, seed=seed)
    write_run(simulation, capture)
    click.echo(f"\n2. wtrec replay {capture} " + " ".join(f"--algo {name}" for name in ALGORITHMS))
    context.invoke(replay, sources=(capture,), choices=ALGORITHMS, quiet=True)
    click.echo(f"\n3. wtrec analyze {capture} --by rate,snr_db")
    context.invoke(analyze, capture=capture, by="rate,snr_db", quiet=True)
    click.echo(
        f"\nEverything is in {directory}/: open run.pcapng in Wireshark, or try\n"
        f"  wtrec info {capture}\n"
        f"  wtrec analyze {capture} --by rate,snr_db --format json"
    )
