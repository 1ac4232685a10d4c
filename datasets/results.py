"""What an algorithm made of each bad frame (``run.<algo>.parquet``), by frame number.

The file's metadata: ``algorithm`` (name), ``parameters`` (JSON), ``capture`` (file name),
``capture_sha256``, ``pace`` and ``achieved_fps``, ``wtrec_version``; ``facts`` (JSON object of
numbers) and ``problems`` (JSON array of lines), what the algorithm says of its own work; ``limit``,
frames that were asked for, empty for all. Of results that end early ``partial`` and ``covers_to``,
of those that went on ``resumed``: see :mod:`wtrec.datasets.results_file`.
"""

from __future__ import annotations

import pyarrow as pa

from .schema import Column, Table

REPAIRED = "repaired"
ABSTAINED = "abstained"

RESULTS = Table(
    "results",
    1,
    (
        Column("number", pa.int64(), "The frame, as in frames."),
        Column("algorithm", pa.dictionary(pa.int8(), pa.string()), "The algorithm's name."),
        Column("outcome", pa.dictionary(pa.int8(), pa.string()), "repaired or abstained."),
        Column(
            "flips",
            pa.list_(pa.uint32()),
            "Bit positions to flip (byte * 8 + bit, bit 0 first on the air), sorted; empty when "
            "abstained.",
        ),
        Column(
            "expected_false",
            pa.float64(),
            "Expected number of wrong candidates at this acceptance level. Null when abstained, "
            "or when the algorithm does not say.",
            nullable=True,
        ),
        Column(
            "candidates",
            pa.uint32(),
            "Candidates at the level where the search ended. Null when the algorithm does not say.",
            nullable=True,
        ),
        Column(
            "queued_ns",
            pa.int64(),
            "From the time the pace gave to the frame until its batch was served. Null at top "
            "speed.",
            nullable=True,
        ),
        Column("service_ns", pa.int64(), "Time that the call took which answered for the frame."),
        Column(
            "deadline_met",
            pa.bool_(),
            "Whether queue and service stayed within the deadline. Null without one.",
            nullable=True,
        ),
    ),
)
