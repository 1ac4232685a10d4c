"""What tests of captures share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from wtrec.datasets.pcapng import Block, ByteOrder


def write(path: Path, blocks: Sequence[Block], order: ByteOrder = "<") -> Path:
    """A capture of these blocks."""
    path.write_bytes(b"".join(block.write(order) for block in blocks))
    return path
