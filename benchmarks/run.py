"""``./dev bench [--quick] [NAME ...]``: speed and memory beside the peers."""

from __future__ import annotations

import sys

from . import (
    analysis,
    capture,
    copies,
    datasets,
    decode,
    departures,
    phy,
    phy_b,
    recovery,
    recovery_real,
    recovery_speed,
    replay,
    send,
    tidy,
)

BENCHMARKS = {
    "decode": ("Decoding, every column, FCS checked", decode),
    "analysis": ("wtrec analyze of large captures", analysis),
    "phy": ("OFDM links", phy),
    "phy_b": ("802.11b links", phy_b),
    "recovery": ("Recovery from one copy of a frame", recovery),
    "recovery_speed": ("The searches beside plain numpy", recovery_speed),
    "recovery_real": ("Recovery on a real capture", recovery_real),
    "copies": ("Recovery from several damaged copies", copies),
    "replay": ("The replayer's paces and queues", replay),
    "tidy": ("Merging, converting and recovering captures", tidy),
    "datasets": ("Making and verifying datasets", datasets),
    "departures": ("Departures of replayed frames", departures),
    "send": ("The sender's pace", send),
    "capture": ("Capture on a simulated monitor interface", capture),
}


def main(arguments: list[str]) -> None:
    """Run the named benchmarks, or all."""
    quick = "--quick" in arguments
    names = [name for name in arguments if name in BENCHMARKS] or list(BENCHMARKS)
    for name in names:
        title, module = BENCHMARKS[name]
        print(f"\n{title}\n{'-' * len(title)}", flush=True)
        module.report(module.run(quick))


if __name__ == "__main__":
    main(sys.argv[1:])
