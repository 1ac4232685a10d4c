"""``./dev bench [--quick] [NAME ...]``: speed and memory beside the peers."""

from __future__ import annotations

import importlib

import click

BENCHMARKS = {
    "decode": "Decoding, every column, FCS checked",
    "analysis": "wtrec analyze of large captures",
    "phy": "OFDM links",
    "phy_b": "802.11b links",
    "recovery": "Recovery from one copy of a frame",
    "recovery_speed": "The searches beside plain numpy",
    "recovery_real": "Recovery on a real capture",
    "copies": "Recovery from several damaged copies",
    "replay": "The replayer's paces and queues",
    "tidy": "Merging, converting and recovering captures",
    "datasets": "Making and verifying datasets",
    "departures": "Departures of replayed frames",
    "send": "The sender's pace",
    "capture": "Capture on a simulated monitor interface",
}
_NAMES = "\b\n" + "\n".join(f"  {name:<16}{title}" for name, title in BENCHMARKS.items())


@click.command(epilog=f"The names:\n\n{_NAMES}")
@click.argument("names", nargs=-1, metavar="[NAME]...", type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Less of everything, and no table in docs/.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Measure speed and memory beside the peers; without a NAME, all there is."""
    for name in names or BENCHMARKS:
        title = BENCHMARKS[name]
        click.echo(f"\n{title}\n{'-' * len(title)}")
        module = importlib.import_module(f".{name}", __package__)
        module.report(module.run(quick))


if __name__ == "__main__":
    main(prog_name="./dev bench")
