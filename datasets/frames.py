"""Frame batches: up to 65,536 frames of a capture as Arrow columns.

``FRAMES`` says what each column holds. :class:`FrameBatch` wraps one Arrow record
batch of them and gives numpy views of what algorithms and statistics work on,
without copying.
"""

from __future__ import annotations

import functools
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .decode_kernel import ABSENT, BAD, GOOD, UNVERIFIABLE, Bit, Decoded, Valid
from .schema import Column, Table

_Number = TypeVar("_Number", np.uint8, np.int32)

MAX_FRAMES = 65_536
MAX_BYTES = 16 << 20


class FcsStatus(IntEnum):
    """Our own verdict on a frame's FCS; see :mod:`wtrec.datasets.decode_kernel`."""

    GOOD = GOOD
    BAD = BAD
    ABSENT = ABSENT
    UNVERIFIABLE = UNVERIFIABLE


_STATUS_NAMES = pa.array([status.name.lower() for status in FcsStatus])
_STATUS = pa.dictionary(pa.int8(), pa.string())
_ADDRESS = pa.binary(6)

FRAMES = Table(
    "frames",
    1,
    (
        Column("number", pa.int64(), "Position in the file, from 1: Wireshark's frame.number."),
        Column(
            "time",
            pa.timestamp("ns", "UTC"),
            "When the host received it. Null where the file has no time (Simple Packet Blocks) "
            "or one that 64 bits of ns cannot hold.",
            nullable=True,
        ),
        Column(
            "interface",
            pa.uint32(),
            "Which of the file's interfaces, counted from 0 over all sections.",
        ),
        Column(
            "tsft_us",
            pa.uint64(),
            "The radio's own clock when the first bit came, in us (Radiotap TSFT).",
            nullable=True,
        ),
        Column(
            "rate_mbps",
            pa.float64(),
            "Data rate in Mbit/s: Radiotap's Rate, or from MCS, VHT or HE. Null where these do "
            "not say enough.",
            nullable=True,
        ),
        Column(
            "mcs",
            pa.uint8(),
            "MCS index: 0..76 for HT, per stream for VHT and HE.",
            nullable=True,
        ),
        Column("nss", pa.uint8(), "Spatial streams (HT, VHT, HE).", nullable=True),
        Column("bandwidth_mhz", pa.uint16(), "Bandwidth in MHz (HT, VHT, HE).", nullable=True),
        Column("short_gi", pa.bool_(), "Guard interval of 400 ns (HT, VHT).", nullable=True),
        Column(
            "ldpc",
            pa.bool_(),
            "LDPC instead of the convolutional code (HT, VHT, HE).",
            nullable=True,
        ),
        Column("channel_mhz", pa.uint16(), "Channel's center frequency in MHz.", nullable=True),
        Column("signal_dbm", pa.int8(), "Signal in dBm: the header's first value.", nullable=True),
        Column("noise_dbm", pa.int8(), "Noise in dBm.", nullable=True),
        Column("antenna", pa.uint8(), "Antenna: the header's first value.", nullable=True),
        Column(
            "fcs_present",
            pa.bool_(),
            "The driver says that the frame ends with its FCS (Radiotap flag 0x10). Null where "
            "it says nothing.",
            nullable=True,
        ),
        Column(
            "bad_fcs",
            pa.bool_(),
            "The driver says that the FCS failed (Radiotap flag 0x40). Null as fcs_present.",
            nullable=True,
        ),
        Column("fcs_status", _STATUS, "Our own verdict: good, bad, absent, unverifiable."),
        Column(
            "type",
            pa.uint8(),
            "0 management, 1 control, 2 data, 3 extension. This and the next five are null "
            "where the frame has fewer than 2 bytes before its FCS.",
            nullable=True,
        ),
        Column("subtype", pa.uint8(), "Subtype, 0..15.", nullable=True),
        Column("to_ds", pa.bool_(), "To the distribution system (the AP).", nullable=True),
        Column("from_ds", pa.bool_(), "From the distribution system.", nullable=True),
        Column("retry", pa.bool_(), "Sent again.", nullable=True),
        Column("protected", pa.bool_(), "The body is encrypted.", nullable=True),
        Column(
            "sequence",
            pa.uint16(),
            "Sequence number, 0..4095. Null in control frames, and where the frame ends before.",
            nullable=True,
        ),
        Column("fragment", pa.uint8(), "Fragment number. Null as sequence.", nullable=True),
        Column("addr1", _ADDRESS, "Receiver. Null where the frame ends before.", nullable=True),
        Column("addr2", _ADDRESS, "Transmitter.", nullable=True),
        Column("addr3", _ADDRESS, "BSSID, source or destination.", nullable=True),
        Column("addr4", _ADDRESS, "Source, between APs only.", nullable=True),
        Column(
            "original_length",
            pa.uint32(),
            "Bytes of the MPDU before the capture cut it, with the FCS where it is present.",
        ),
        Column(
            "mpdu",
            pa.binary(),
            "The frame: MAC header up to and including the FCS where it is present.",
        ),
    ),
)


# Where the decoder keeps what: validity bits, boolean columns, addresses.
_VALID = {
    "time": Valid.TIME,
    "tsft_us": Valid.TSFT,
    "rate_mbps": Valid.RATE,
    "mcs": Valid.MCS,
    "nss": Valid.NSS,
    "bandwidth_mhz": Valid.BANDWIDTH,
    "short_gi": Valid.SHORT_GI,
    "ldpc": Valid.LDPC,
    "channel_mhz": Valid.CHANNEL,
    "signal_dbm": Valid.SIGNAL,
    "noise_dbm": Valid.NOISE,
    "antenna": Valid.ANTENNA,
    "fcs_present": Valid.CLAIMS,
    "bad_fcs": Valid.CLAIMS,
    "type": Valid.CONTROL,
    "subtype": Valid.CONTROL,
    "to_ds": Valid.CONTROL,
    "from_ds": Valid.CONTROL,
    "retry": Valid.CONTROL,
    "protected": Valid.CONTROL,
    "sequence": Valid.SEQUENCE,
    "fragment": Valid.SEQUENCE,
    "addr1": Valid.ADDR1,
    "addr2": Valid.ADDR2,
    "addr3": Valid.ADDR3,
    "addr4": Valid.ADDR4,
}
_BITS = {bit.name.lower(): bit for bit in Bit}
_ADDRESSES = ["addr1", "addr2", "addr3", "addr4"]


class FrameBatch:
    """One Arrow record batch of ``FRAMES``, with numpy views of it.

    Args:
        arrow: A ``pyarrow.RecordBatch`` with the columns of ``FRAMES``.
    """

    def __init__(self, arrow: Any) -> None:
        self.arrow = arrow

    @classmethod
    def none(cls) -> FrameBatch:
        """A batch without frames."""
        return cls(pa.RecordBatch.from_pylist([], schema=FRAMES.schema))

    def __len__(self) -> int:
        return int(self.arrow.num_rows)

    def column(self, name: str) -> Any:
        """The Arrow array of a column."""
        return self.arrow.column(name)

    @functools.cached_property
    def number(self) -> NDArray[np.int64]:
        """Frame numbers, shape (frames,)."""
        return np.asarray(self.column("number").to_numpy())

    @functools.cached_property
    def fcs_status(self) -> NDArray[np.int8]:
        """:class:`FcsStatus` codes, shape (frames,)."""
        return np.asarray(self.column("fcs_status").indices.to_numpy())

    @functools.cached_property
    def offsets(self) -> NDArray[np.int32]:
        """Shape (frames + 1,): frame ``i`` is ``data[offsets[i]:offsets[i + 1]]``."""
        mpdu = self.column("mpdu")
        offsets = _read_only(mpdu.buffers()[1], np.int32)
        return offsets[mpdu.offset : mpdu.offset + len(mpdu) + 1]

    @functools.cached_property
    def data(self) -> NDArray[np.uint8]:
        """The bytes of all frames; see :attr:`offsets`."""
        return _read_only(self.column("mpdu").buffers()[2] or b"", np.uint8)

    def mpdu(self, row: int) -> bytes:
        """The bytes of one frame."""
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def slice(self, start: int, length: int) -> FrameBatch:
        """A run of frames, without a copy."""
        return FrameBatch(self.arrow.slice(start, length))


def _read_only(buffer: Any, kind: type[_Number]) -> NDArray[_Number]:
    """A view that nobody can write to: the algorithms of a replay share the batch."""
    view = np.frombuffer(buffer, kind)
    view.flags.writeable = False
    return view


def _bitmap(flags: NDArray[np.unsignedinteger[Any]], bit: int) -> Any:
    """One bit of each element as an Arrow bitmap (least significant bit first)."""
    return pa.py_buffer(np.packbits((flags & flags.dtype.type(bit)) != 0, bitorder="little"))


def arrow_batch(decoded: Decoded, frames: int) -> Any:
    """The first ``frames`` decoded rows as a record batch of ``FRAMES``.

    Args:
        decoded: From :func:`wtrec.datasets.decode_kernel.decode`.
        frames: Rows that it wrote.

    Returns:
        A ``pyarrow.RecordBatch``.
    """
    rows = decoded.rows[:frames]
    valid, bits = np.ascontiguousarray(rows["valid"]), np.ascontiguousarray(rows["bits"])
    bitmaps = {flag: _bitmap(valid, flag) for flag in Valid}  # which several columns share
    arrays = {}
    for column in FRAMES.columns:
        name = column.name
        validity = bitmaps[_VALID[name]] if column.nullable else None
        if name in _BITS:
            values = _bitmap(bits, _BITS[name])
        elif name in _ADDRESSES:
            values = pa.py_buffer(decoded.addresses[_ADDRESSES.index(name), :frames])
        elif name == "mpdu":
            offsets = pa.py_buffer(decoded.offsets[: frames + 1])
            arrays[name] = pa.Array.from_buffers(
                column.type, frames, [None, offsets, pa.py_buffer(decoded.mpdu)]
            )
            continue
        else:
            values = pa.py_buffer(np.ascontiguousarray(rows[name]))
        if name == "fcs_status":
            codes = pa.Array.from_buffers(pa.int8(), frames, [None, values])
            arrays[name] = pa.DictionaryArray.from_arrays(codes, _STATUS_NAMES, safe=False)
        else:
            arrays[name] = pa.Array.from_buffers(column.type, frames, [validity, values])
    return pa.RecordBatch.from_arrays(list(arrays.values()), schema=FRAMES.schema)
