"""What a capture says of itself: the run's description, and the blocks that files begin with."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..datasets.pcapng import InterfaceDescription, SectionHeader
from ..datasets.pcapng_layout import MAX_LENGTH
from ..datasets.pcapng_values import TEXT
from ..datasets.run import Filter, Run, RunInterface
from ..datasets.sidecar import embedded
from ..errors import CaptureError
from . import bpf
from .interface import Interface
from .wireless.link import noted_flags
from .wireless.nl80211 import channel

if TYPE_CHECKING:
    from .capture import CaptureSettings

_NANOSECONDS = 9  # if_tsresol


def describe(settings: CaptureSettings, facts: Sequence[Interface], start: int) -> Run:
    """What is known of a run that begins.

    Args:
        settings: With the program that is attached, if any.
        facts: Of the interfaces.
        start: Its first moment, nanoseconds since 1970.
    """
    interfaces = tuple(
        RunInterface(
            name=each.name,
            driver=each.driver,
            channel=channel(each.name),
            monitor_flags=noted_flags(each.name),
        )
        for each in facts
    )
    return Run.begin(
        interface=interfaces[0].name,
        start=start,
        snap_length=settings.snap_length,
        driver=interfaces[0].driver,
        channel=interfaces[0].channel,
        monitor_flags=interfaces[0].monitor_flags,
        interfaces=interfaces,
        time_stamp_type=settings.time_stamp_type,
        filter=None
        if settings.program is None
        else Filter(text=settings.filter_text, program=bpf.to_decimal(settings.program)),
        meta=settings.meta,
        comment=settings.comment,
    )


def headers(settings: CaptureSettings, facts: Sequence[Interface], run: Run) -> bytes:
    """The section header and the interfaces that a file begins with.

    Raises:
        CaptureError: They leave no room for frames, or the comment is too long.
    """
    if len(TEXT.encode(run.comment)) > MAX_LENGTH:
        raise CaptureError(
            f"a comment of {len(TEXT.encode(run.comment)):,} bytes: pcapng holds {MAX_LENGTH:,}"
        )
    section = SectionHeader.make(
        hardware=platform.machine(),
        os=run.os,
        userappl=f"wtrec {run.wtrec_version}",
        # What is left out of it is in run.json; interfaces and comment also stand beside it.
        comments=[
            *filter(None, [run.comment, embedded(run, even=[("comment", ""), ("filter", None)])])
        ],
    )
    program = settings.program
    interfaces = [
        InterfaceDescription.make(
            each.linktype,
            settings.snap_length,
            name=each.name,
            tsresol=_NANOSECONDS,
            filter_text=settings.filter_text,
            filter_program=None
            if program is None or settings.filter_text is not None
            else program.to_bytes("<"),
            os=run.os,
            hardware=", ".join(filter(None, [each.driver, each.hardware])) or None,
        )
        for each in facts
    ]
    blocks = section.write("<") + b"".join(each.write("<") for each in interfaces)
    most = settings.limits.bytes
    if settings.rotation is not None:
        most = settings.rotation.bytes
    if most is not None and most < len(blocks):
        raise CaptureError(
            f"a file of {most} bytes has no room for its own headers, {len(blocks)} bytes"
        )
    return blocks
