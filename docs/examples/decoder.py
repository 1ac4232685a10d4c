#!/usr/bin/env python3
"""Repairs frames in which one bit is wrong. For wtrec replay --algo exec:./decoder.py."""

import sys
import zlib

import pyarrow as pa

# How many bits are behind a wrong one, by its effect on the FCS: x^behind mod P.
BEHIND, power = {}, 0x80000000
for behind in range(8 * 11454):
    BEHIND[power] = behind
    power = power >> 1 ^ (0xEDB88320 if power & 1 else 0)


def repair(mpdu: bytes) -> list[int] | None:
    """The bit to flip, or None to abstain."""
    syndrome = zlib.crc32(mpdu[:-4]) ^ int.from_bytes(mpdu[-4:], "little")
    bit = 8 * len(mpdu) - 1 - BEHIND.get(syndrome, 8 * len(mpdu))
    return [bit] if bit >= 0 else None


schema = pa.schema({"number": pa.int64(), "flips": pa.list_(pa.uint32())})
frames = pa.ipc.open_stream(sys.stdin.buffer)
with pa.ipc.new_stream(sys.stdout.buffer, schema) as answers:
    for batch in frames:
        rows = batch.select(["number", "mpdu", "fcs_status"]).to_pylist()
        bad = [row for row in rows if row["fcs_status"] == "bad"]
        flips = [repair(row["mpdu"]) for row in bad]
        answers.write(pa.record_batch([[row["number"] for row in bad], flips], schema=schema))
        sys.stdout.buffer.flush()  # or wtrec waits for it
