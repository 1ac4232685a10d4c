"""The tx log: what was sent, one row a packet (``run.tx.parquet``), in the order of time.

The file's metadata says how it was sent: ``run_id``, ``host``, ``mode``, ``payload`` (the
rule, see :mod:`wtrec.datasets.payload`) and ``seed``.
"""

from __future__ import annotations

import pyarrow as pa

from .schema import Column, Table

TX = Table(
    "tx",
    1,
    (
        Column("packet_id", pa.uint64(), "Number of the packet in its run."),
        Column("time", pa.timestamp("ns", "UTC"), "When it was given to the network."),
        Column(
            "layer",
            pa.dictionary(pa.int8(), pa.string()),
            "What original is: mpdu (the frame with its FCS) or payload (of UDP).",
        ),
        Column("length", pa.uint32(), "Bytes of original."),
        Column("original", pa.binary(), "What was sent."),
        Column("rate_mbps", pa.float64(), "Rate that was asked for.", nullable=True),
        Column("tx_power_dbm", pa.float64(), "Power that was asked for.", nullable=True),
        Column("destination", pa.string(), "Address that it was sent to.", nullable=True),
        Column(
            "snr_db",
            pa.float64(),
            "Simulated signal-to-noise ratio: Es/N0 per subcarrier (802.11b: per chip) in dB.",
            nullable=True,
        ),
        Column("channel", pa.string(), "Simulated channel.", nullable=True),
        Column(
            "receiver",
            pa.uint32(),
            "Simulated receiver: the capture's interface. Null: every receiver.",
            nullable=True,
        ),
    ),
)
