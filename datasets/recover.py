"""What can be saved of a damaged capture: every whole record, byte for byte, in a new file.

The damaged file stays as it is. Records are copied until one is cut off or contradicts itself;
:mod:`wtrec.datasets.resync` says where a pcapng file can be read on, and
:mod:`wtrec.datasets.recover_pcap` where one of classic pcap can.

The new file has a temporary name until it has been read through again, and has the same packets.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import FormatError, WtrecError
from . import pcapng
from .copying import without_length
from .files import replacing
from .recover_pcap import save_pcap
from .resync import is_no_description, next_block
from .salvage import Copy, Salvage, zeros_or
from .sink import packing
from .source import MappedSource, Source, open_source
from .walk import Between, Damage, Records, Walk


def recover(
    damaged: Path, output: Path, *, on_progress: Callable[[Source], None] = lambda _: None
) -> Salvage:
    """Save what can be saved of a capture in a new file.

    Args:
        damaged: pcapng or pcap, plain or packed with gzip or zstd; only read.
        output: The file to make or to replace, in the same format; packed as its name says.
        on_progress: Called now and then with where the reader stands.

    Raises:
        FormatError: Nothing can be saved.
        OSError: A file cannot be opened or written.
        WtrecError: What was written does not read as what was saved.
    """
    salvage = Salvage()
    with contextlib.ExitStack() as stack:
        plain = _unpacked(stack, damaged, output.parent, salvage)
        temporary = stack.enter_context(replacing(output))
        with packing(temporary, output.suffix) as write:
            copy = Copy(write, salvage)
            _save(plain, damaged, copy, on_progress)
        if not salvage.packets and not salvage.is_whole:
            raise FormatError("nothing can be saved: no whole packet in it", path=str(damaged))
        _verify(temporary, output, copy)
    return salvage


def _unpacked(stack: contextlib.ExitStack, path: Path, folder: Path, salvage: Salvage) -> Path:
    """The file itself, or what it holds: damage is looked for from any offset, back and forth."""
    with contextlib.closing(open_source(path)) as source:
        if isinstance(source, MappedSource):
            return path
        file = tempfile.NamedTemporaryFile(prefix=".wtrec.", dir=folder)  # noqa: SIM115 - below
        stack.enter_context(file)
        position = 0
        while len(view := source.view(position)):
            file.write(view.data)
            position += len(view)
        file.flush()
        if source.damage:
            salvage.notes.append(f"{source.damage}; {position:,} bytes could be unpacked")
        if not position:
            raise FormatError(f"nothing can be saved: {source.damage}", path=str(path))
        return Path(file.name)


def _save(plain: Path, named: Path, copy: Copy, on_progress: Callable[[Source], None]) -> None:
    size = plain.stat().st_size
    start = 0
    try:
        Walk(plain).close()
    except FormatError as error:
        with contextlib.closing(open_source(plain)) as source:
            found = next_block(source, size, -1, None)
        if found is None:
            what = f"nothing can be saved: {error.what}, and has no section header further on"
            raise FormatError(what, path=str(named)) from None
        copy.salvage.lose(0, found, "no capture begins here")
        start = found
    with Walk(plain, start=start) as walk:
        copy.salvage.format = walk.format
        if walk.format == "pcap":
            save_pcap(walk, size, copy, on_progress)
        else:
            _save_pcapng(walk, size, copy, on_progress)


def _save_pcapng(walk: Walk, size: int, copy: Copy, on_progress: Callable[[Source], None]) -> None:
    salvage = copy.salvage
    doubt: int | None = None  # where a description of an interface, or a header, may be lost
    is_said = False  # once a section
    for event in walk:
        if isinstance(event, Damage):
            section = walk.section if walk.sections else None
            found = next_block(walk.source, size, event.offset, section)
            end = size if found is None else found
            why = zeros_or(walk.source, event.offset, end, event.error.what)
            salvage.lose(event.offset, end, why)
            if found is None:
                continue
            if section is not None and not is_said:
                is_harmless = is_no_description(walk.source, event.offset, found, section)
                doubt = doubt if is_harmless or doubt is not None else event.offset
            walk.resume(found)
            continue
        if isinstance(event, Between) and isinstance(event.block, pcapng.SectionHeader):
            doubt, is_said = None, False
            # its length would be wrong if something of the section is lost
            copy.other(without_length(event.wire))
            continue
        if doubt is not None and not is_said:
            salvage.notes.append(
                f"offset {doubt}: interfaces may have been described in what was lost, or a "
                "section begun; packets behind it may be another interface's than the new file says"
            )
            is_said = True
        if isinstance(event, Records):
            copy.records(event.wire, event.packets)
            on_progress(walk.source)
        else:
            copy.other(event.wire)


def _verify(temporary: Path, output: Path, copy: Copy) -> None:
    """Read what was written as everybody else will, and compare."""
    digest, packets = hashlib.sha256(), 0
    with Walk(temporary) as walk:
        for event in walk:
            if isinstance(event, Records):
                digest.update(event.wire)
                packets += event.packets
            elif isinstance(event, Damage):
                raise _differs(output, f"{event.error.what} at offset {event.offset}")
        if walk.source.damage:
            raise _differs(output, walk.source.damage)
    if (packets, digest.digest()) != (copy.salvage.packets, copy.digest.digest()):
        raise _differs(output, f"{packets} packets, {copy.salvage.packets} were saved")


def _differs(output: Path, found: str) -> WtrecError:
    return WtrecError(f"{output}: not written: what was saved does not read as it was ({found})")
