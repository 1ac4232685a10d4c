"""What the benchmarks read: the frames of a real capture, repeated as often as it takes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from wtrec.datasets import pcapng
from wtrec.datasets.parquet import TableFile, new_table
from wtrec.datasets.run import tx_log_path
from wtrec.datasets.txlog import TX
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


def repeat_run(capture: Path, target: Path, copies: int) -> int:
    """Write a simulated run again and again, each copy behind the one before it.

    Args:
        capture: Its capture, little-endian, with times in ns; its tx log stands beside it.
        target: Where; the tx log beside it.
        copies: How many.

    Returns:
        Packets written.
    """
    data = capture.read_bytes()
    begins, begin, end = [], 0, 0
    at = 0
    while at < len(data):
        block, _, behind = pcapng.read_block(data, at, "<" if at else None)
        if isinstance(block, pcapng.EnhancedPacket):
            begin = begin or at
            begins.append(at - begin)
            end = behind
        at = behind
    # Blocks begin at multiples of four bytes; the time is their third and fourth word.
    words = np.frombuffer(data[begin:end], "<u4").copy()
    high, low = (np.array(begins) // 4 + place for place in (3, 4))
    times = words[high].astype(np.int64) << 32 | words[low]
    span = int(times[-1] - times[0]) + 1_000_000
    with TableFile(tx_log_path(capture), TX) as log:
        metadata = log.metadata
        sent = pa.Table.from_batches(log.batches())
    column = sent.schema.get_field_index("time")
    kind = sent.schema.field(column)
    clock = sent.column(column).cast("int64").to_numpy()
    del metadata["schema"]
    with (
        target.open("wb") as file,
        new_table(tx_log_path(target), TX, metadata) as writer,
    ):
        file.write(data[:begin])
        for copy in range(copies):
            later = times + copy * span
            words[high], words[low] = later >> 32, later & 0xFFFFFFFF
            file.write(words.tobytes())
            moved = pa.array(clock + copy * span).cast(kind.type)
            writer.write_table(sent.set_column(column, kind, moved))
    return copies * len(begins)
