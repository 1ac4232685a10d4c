"""What the benchmarks read: the frames of a real capture, repeated as often as it takes."""

from __future__ import annotations

import os
from pathlib import Path

from wtrec.datasets import pcapng
from wtrec.recorder.simulate import Simulation
from wtrec.recorder.simulated_run import write_run

CAPTURES = Path(
    os.environ.get("WTREC_CAPTURES", Path(__file__).parents[2] / "shared" / "data" / "captures")
)
GVSP = CAPTURES / "aalborg_cooperation" / "gvsp.pcapng"
PAYLOAD = "zeros"  # of GVSP


def source(folder: Path) -> Path:
    """A real capture (12,300 frames of 114 bytes), or a simulated one where it is missing."""
    if GVSP.exists():
        return GVSP
    path = folder / "simulated.pcapng"
    simulation = Simulation(points=((54.0, 1e-5),), channel="bsc", frames=12_300, length=114)
    write_run(simulation, path)
    return path


def repeat(capture: Path, target: Path, *, frames: int = 0, size: int = 0) -> int:
    """Write the packets of a little-endian pcapng file again and again.

    Args:
        capture: The file, of one section.
        target: Where.
        frames: So many packets, or
        size: at least so many bytes.

    Returns:
        Packets written.
    """
    data = capture.read_bytes()
    head, packets = [], []
    at = 0
    while at < len(data):
        block, _, end = pcapng.read_block(data, at, "<" if at else None)
        if isinstance(block, pcapng.EnhancedPacket):
            packets.append(data[at:end])
        elif isinstance(block, pcapng.SectionHeader | pcapng.InterfaceDescription):
            head.append(data[at:end])
        at = end
    round_bytes = b"".join(packets)
    written = 0
    with target.open("wb") as file:
        file.write(b"".join(head))
        while file.tell() < size or frames - written >= len(packets):
            file.write(round_bytes)
            written += len(packets)
        rest = max(frames - written, 0)
        file.write(b"".join(packets[:rest]))
    return written + rest
