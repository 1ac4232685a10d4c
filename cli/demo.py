"""``wtrec demo``: the main job from end to end, with no radio."""

from __future__ import annotations

import time
from pathlib import Path

import click

# Bit error rate by data rate, rising as on a real link, so that both curves can be seen.
ERROR_RATES = {6.0: 1e-6, 12.0: 3e-6, 24.0: 1e-5, 36.0: 3e-5, 48.0: 1e-4, 54.0: 2e-4}
LENGTH = 1000  # bytes: two flips still pass the default gate


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
    default=1000,
    show_default=True,
    metavar="N",
    help="Frames at each of the six rates.",
)
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), default=1, show_default=True)
@click.pass_context
def demo(context: click.Context, directory: Path, frames: int, seed: int) -> None:
    """Make frames, damage them, replay them into crc-flip, and judge the repairs.

    The frames go through a channel that flips bits at random, more of them at the higher
    rates. The same seed gives the same numbers.
    """
    from ..recorder.simulate import Simulation, simulate
    from .analyze import analyze
    from .replay import replay

    directory.mkdir(parents=True, exist_ok=True)
    capture = directory / "run.pcapng"
    click.echo(f"1. record: {frames} frames at each of {len(ERROR_RATES)} rates -> {capture}")
    simulate(
        Simulation(
            capture=capture,
            error_rates=ERROR_RATES,
            frames=frames,
            length=LENGTH,
            seed=seed,
            start=time.time_ns(),
        )
    )
    click.echo(f"\n2. wtrec replay {capture} --algo crc-flip")
    context.invoke(replay, capture=capture, choices=("crc-flip",), quiet=True)
    click.echo(f"\n3. wtrec analyze {capture}")
    context.invoke(analyze, capture=capture, by="rate_mbps", quiet=True)
    click.echo(
        "\nEverything is in "
        f"{directory}/: open run.pcapng in Wireshark, or try\n"
        f"  wtrec info {capture}\n"
        f"  wtrec analyze {capture} --format json"
    )
