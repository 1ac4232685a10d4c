"""A capture with its repaired frames in place: what ``--write-pcapng`` makes.

One pass over the capture and the results of its replay, in step. Blocks are copied byte for byte,
in the byte order of their section, but for packets that were repaired: these get the flips, a
Radiotap header and packet flags that no longer say "bad FCS", and a comment that says what was done
and by whom. The broken packet can be kept in front of the repaired one.

A classic pcap file, which holds no comments, becomes pcapng on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..datasets import pcap, pcapng
from ..datasets.copying import blocks_of, interface_of_pcap
from ..datasets.parquet import TableFile
from ..datasets.pcapng_options import Option
from ..datasets.records_kernel import block_begins
from ..datasets.results import REPAIRED, RESULTS
from ..datasets.sink import Sink, new_capture
from ..datasets.walk import Between, Damage, Records, Walk
from ..datasets.walk_kernel import LINKTYPE
from ..dot11.mending import mended
from ..errors import FormatError

_RADIOTAP: Final = 127
_NAMED_BITS: Final = 64  # that a comment lists
_AT_ONCE: Final = 8192  # rows of results

_Packet = pcapng.EnhancedPacket | pcapng.ObsoletePacket


class Answer(NamedTuple):
    """What the results say of a frame that was repaired."""

    number: int
    flips: list[int]
    expected_false: float | None
    candidates: int | None


@dataclass
class Fixed:
    """What became of a capture.

    Attributes:
        packets: Packets of the capture.
        repaired: Those of them that were repaired.
        refitted: Repaired frames whose FCS did not hold, and was computed anew.
        without_comment: Repaired frames in blocks that hold no comment.
        losses: What of the capture could not be read.
    """

    packets: int = 0
    repaired: int = 0
    refitted: int = 0
    without_comment: int = 0
    losses: list[str] = field(default_factory=list)


def write_repaired(
    capture: Path,
    results: Path,
    output: Path,
    *,
    keep_original: bool = False,
    on_progress: Callable[[Walk], object] = lambda _: None,
) -> Fixed:
    """Write a capture as pcapng, with its repaired frames in place.

    Args:
        capture: The capture.
        results: Of its replay into one algorithm.
        output: The file to make or to replace, packed as its name says.
        keep_original: Keep the broken packet, in front of the repaired one.
        on_progress: Called from time to time.

    Raises:
        FormatError: A file is damaged, or the results are of another capture.
        OSError: A file cannot be opened or written.
    """
    fixed = Fixed()
    with (
        TableFile(results, RESULTS) as table,
        Walk(capture) as walk,
        new_capture(output) as write,
    ):
        answers = _Answers(table)
        writer = _Writer(walk, write, fixed, _who(table.metadata), keep_original=keep_original)
        for event in walk:
            if isinstance(event, Records):
                last = walk.packets
                writer.records(event, answers.take(last), last - event.packets + 1)
                on_progress(walk)
            elif isinstance(event, Damage):
                _stop(walk, event, fixed)
            else:
                writer.between(event)
        if (left := answers.next_number) is not None:
            raise FormatError(
                f"they answer for frame {left}, {capture} has {walk.packets}",
                path=str(results),
                hint="replay this capture again",
            )
        fixed.packets = walk.packets
        if walk.source.damage:
            fixed.losses.append(f"{walk.path}: {walk.source.damage}")
    return fixed


def _who(metadata: Mapping[str, str]) -> str:
    """The algorithm with its parameters, as ``--algo`` takes it."""
    parameters = json.loads(metadata.get("parameters", "{}"))
    parameters.pop("provenance", None)
    name = metadata.get("algorithm", "?")
    return ":".join(filter(None, [name, ",".join(f"{k}={v}" for k, v in parameters.items())]))


def _stop(walk: Walk, damage: Damage, fixed: Fixed) -> None:
    error = damage.error
    whole = f"the {walk.packets} packets before it are whole"
    if not isinstance(error, pcapng.TruncatedError):
        raise FormatError(error.what, path=walk.path, offset=damage.offset, hint=whole)
    fixed.losses.append(
        f"{walk.path}, offset {damage.offset}: the file ends inside a record "
        f"({error.found} of {error.wanted} bytes); {whole}"
    )


class _Answers:
    """The repairs of a results file, in the order of frames."""

    def __init__(self, table: TableFile) -> None:
        self._path = table.path
        self._rows = self._read(table)
        self._next = next(self._rows, None)

    @property
    def next_number(self) -> int | None:
        """The frame that the next one is for; None if there is none."""
        return None if self._next is None else self._next.number

    def take(self, last: int) -> Iterator[Answer]:
        """Those for frames up to ``last``, that were not taken yet."""
        while self._next is not None and self._next.number <= last:
            yield self._next
            self._next = next(self._rows, None)

    def _read(self, table: TableFile) -> Iterator[Answer]:
        before = 0
        for rows in table.batches(_AT_ONCE):
            batch = rows
            if "loop" in rows.schema.names:  # later passes answer for the same frames again
                batch = rows.filter(pa.array(rows.column("loop").to_numpy() == 1))
            numbers = batch.column("number").to_numpy()
            if len(numbers) and (numbers[0] <= before or (np.diff(numbers) <= 0).any()):
                raise FormatError(
                    "the answers are not in the order of frames", path=str(self._path)
                )
            before = int(numbers[-1]) if len(numbers) else before
            names = ["number", "outcome", "flips", "expected_false", "candidates"]
            for row in batch.select(names).to_pylist():
                if row.pop("outcome") == REPAIRED:
                    yield Answer(**row)


class _Writer:
    """Writes events of a walk, repaired."""

    def __init__(
        self, walk: Walk, write: Sink, fixed: Fixed, who: str, *, keep_original: bool
    ) -> None:
        self._walk = walk
        self._write = write
        self._fixed = fixed
        self._who = who
        self._keep = keep_original
        self._is_pcap = walk.format == "pcap"
        self._name = Path(walk.path).name
        if self._is_pcap:
            header = pcapng.SectionHeader.make(userappl=f"wtrec {version('wtrec')}")
            write(self._said(header).write("<"))

    def between(self, event: Between) -> None:
        """A block without a packet; a section header says what the section is now."""
        block = event.block
        if isinstance(block, pcap.PcapHeader):
            self._write(interface_of_pcap(block).write("<"))
        elif isinstance(block, pcapng.SectionHeader):
            self._write(self._said(block).write(event.section.order))
        else:
            self._write(event.wire)

    def records(self, records: Records, answers: Iterator[Answer], first: int) -> None:
        """Packets that follow each other, ``first`` being the number of the first of them."""
        if self._is_pcap:
            blocks = blocks_of(records, is_pcap=True)
            data, begins = blocks.data, blocks.begins
        else:
            data, begins = records.data, np.empty(records.packets + 1, np.int64)
            big = records.section.order == ">"
            block_begins(data, records.begin, records.packets, big, begins)
        done = int(begins[0])
        for answer in answers:
            k = answer.number - first
            begin, end = int(begins[k]), int(begins[k + 1])
            self._write(data[done : end if self._keep else begin].data)
            self._write(self._repaired(records, k, data, begin, answer))
            done = end
        self._write(data[done : begins[-1]].data)

    def _repaired(
        self, records: Records, k: int, data: NDArray[np.uint8], begin: int, answer: Answer
    ) -> bytes:
        """The block of a packet that was repaired."""
        order: pcapng.ByteOrder = "<" if self._is_pcap else records.section.order
        block, _, _ = pcapng.read_block(data.data, begin, order)
        assert isinstance(block, _Packet | pcapng.SimplePacket)  # noqa: S101 - the walk says so
        size = int(records.where.captured[k])
        linktype = int(records.section.table[records.where.interface[k], LINKTYPE])
        try:
            packet, holds = mended(
                block.data[:size], answer.flips, has_radiotap=linktype == _RADIOTAP
            )
        except IndexError as error:
            raise FormatError(
                f"frame {answer.number}: {error}; results of another capture?",
                path=self._walk.path,
                hint="replay this capture again",
            ) from None
        self._fixed.repaired += 1
        self._fixed.refitted += not holds
        shorter = size - len(packet)  # by padding inside of the frame
        original_length = block.original_length - shorter
        if isinstance(block, pcapng.SimplePacket):
            self._fixed.without_comment += 1
            return pcapng.SimplePacket(packet, original_length).write(order)
        options = self._options(block, self._comment(answer, holds=holds))
        return replace(block, data=packet, original_length=original_length, options=options).write(
            order
        )

    def _options(self, block: _Packet, comment: str) -> tuple[Option, ...]:
        """The packet's options, but for those that are no longer true, and a comment."""
        kind = type(block)
        kept = []
        for option in block.options:
            if kind.flags.means(option) and len(option.value) == 4:
                flags = int.from_bytes(option.value, "little") & ~pcapng.LinkError.CRC
                kept.append(Option(option.code, flags.to_bytes(4, "little")))
                continue
            is_drop = kind is pcapng.EnhancedPacket and pcapng.EnhancedPacket.dropcount.means(
                option
            )
            if kind.hashes.means(option) or (self._keep and is_drop):
                continue  # a hash of other bytes; drops that the broken packet's block has
            kept.append(option)
        return (*kept, *pcapng.EnhancedPacket.make(0, 0, b"", comments=[comment]).options)

    def _comment(self, answer: Answer, *, holds: bool) -> str:
        named = ", ".join(map(str, answer.flips[:_NAMED_BITS]))
        if len(answer.flips) > _NAMED_BITS:
            named += f" and {len(answer.flips) - _NAMED_BITS} more"
        parts = [
            f"wtrec: frame {answer.number} of {self._name}, repaired by {self._who}",
            f"{len(answer.flips)} bits flipped: {named}" if answer.flips else "no bit flipped",
        ]
        if answer.expected_false is not None:
            parts.append(f"expected false candidates {answer.expected_false:.3g}")
        if answer.candidates is not None:
            parts.append(f"candidates {answer.candidates}")
        if not holds:
            parts.append("the FCS did not hold after the flips: it is computed anew")
        return "; ".join(parts)

    def _said(self, header: pcapng.SectionHeader) -> pcapng.SectionHeader:
        """A section header that says what was done, and not how long its section is."""
        kept = "kept in front of the repaired ones" if self._keep else "replaced"
        comment = (
            f"wtrec replay of {self._name}: frames repaired by {self._who}, broken ones {kept}"
        )
        more = pcapng.SectionHeader.make(comments=[comment]).options
        return replace(header, section_length=-1, options=(*header.options, *more))
