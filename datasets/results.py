"""What an algorithm made of each bad frame (``run.<algo>.parquet``), by frame number.

The file's metadata: ``algorithm`` (name), ``parameters`` (JSON), ``capture`` (file name),
``capture_sha256``, ``pace`` and ``achieved_fps``, ``wtrec_version``, of an algorithm from elsewhere
``package`` (its name and version); ``facts`` (JSON object of
numbers) and ``problems`` (JSON array of lines), what the algorithm says of its own work;
``selection`` (JSON object: which frames, how often), ``batch`` (most frames in a call),
``deadline_us`` (empty without one), ``on_overrun``, and ``queue`` (JSON object: the figures of
docs/replay.md). Of results that end early ``partial`` and ``covers_to``, of those that went on
``resumed``: see :mod:`wtrec.datasets.results_file`.
"""

from __future__ import annotations

import pyarrow as pa

from .schema import Column, Table

REPAIRED = "repaired"
ABSTAINED = "abstained"
DROPPED = "dropped"

RESULTS = Table(
    "results",
    2,
    (
        Column("number", pa.int64(), "The frame, as in frames."),
        Column("algorithm", pa.dictionary(pa.int8(), pa.string()), "The algorithm's name."),
        Column(
            "outcome",
            pa.dictionary(pa.int8(), pa.string()),
            "repaired or abstained; or dropped: too late when its turn came, and never given to "
            "the algorithm.",
        ),
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
            "From the time the pace gave to the frame until its batch was served, or until it was "
            "dropped. Null at top speed.",
            nullable=True,
        ),
        Column(
            "service_ns",
            pa.int64(),
            "Time that the call took which answered for the frame; 0 if none did.",
        ),
        Column(
            "deadline_met",
            pa.bool_(),
            "Whether sojourn_ns stayed within the deadline; false when dropped. Null without a "
            "deadline, and where there was no answer.",
            nullable=True,
        ),
        Column(
            "queue_length",
            pa.int64(),
            "Frames that waited or were served when it came. Null at top speed, and when more "
            "than a million calls were made until its turn.",
            nullable=True,
            since=2,
        ),
        Column(
            "sojourn_ns",
            pa.int64(),
            "From the time the pace gave to the frame (at top speed: from when it was given) to "
            "the end of the call that answered for it. Null without an answer.",
            nullable=True,
            since=2,
        ),
        Column("loop", pa.int32(), "Which pass over the capture, from 1.", since=2),
    ),
)
