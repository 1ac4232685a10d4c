"""``run.json``: what is known of a run beside its frames.

The same object stands in a file beside the capture (``run.pcapng`` → ``run.json``) and in a
comment of the capture's section header, so that neither is lost when the other is.
It is written when the run starts, with ``end``, ``counters`` and ``ended_by`` null, and again
when it ends; a run without an end was killed. A capture in several files has one, which is written
at each new file, too: ``run_00001_20260101120000.pcapng`` → ``run.json``.
Times are UTC (RFC 3339) with nanoseconds.
"""

from __future__ import annotations

import json
import platform
import re
import socket
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .files import atomic_write, sha256_of
from .members import Members, to_rfc3339

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The capture filter.

    Attributes:
        text: The expression, None where only a program was given.
        program: The program that was attached, as ``tcpdump -ddd`` prints it.
    """

    text: str | None
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """Numbers of frames.

    Attributes:
        received: Passed the filter, whether or not there was room for them.
        dropped_by_kernel: Of these, lost because the ring was full.
        written: Stand in the capture.
        bad_fcs: Of the written, those that the driver flags as failing the FCS.
    """

    received: int
    dropped_by_kernel: int
    written: int
    bad_fcs: int

    @classmethod
    def sum(cls, several: Iterable[Counters]) -> Counters:
        """The numbers of several interfaces together."""
        rows = [
            (each.received, each.dropped_by_kernel, each.written, each.bad_fcs) for each in several
        ]
        return cls(
            received=sum(row[0] for row in rows),
            dropped_by_kernel=sum(row[1] for row in rows),
            written=sum(row[2] for row in rows),
            bad_fcs=sum(row[3] for row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterface:
    """One of the interfaces of a run.

    Attributes:
        name: Its name.
        driver: Its driver, empty where unknown.
        channel: As ``iw`` describes it, None where unknown.
        monitor_flags: Flags that were set on it, None where nobody set any.
        counters: Numbers of its frames, None while it runs.
    """

    name: str
    driver: str = ""
    channel: str | None = None
    monitor_flags: tuple[str, ...] | None = None
    counters: Counters | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """One file of the run: its name beside ``run.json``, size in bytes, SHA-256 in hexadecimal.

    Size and hash are None while it is being written.
    """

    name: str
    bytes: int | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, path: Path) -> RunFile:
        """Measure a finished file."""
        return cls(name=path.name, bytes=path.stat().st_size, sha256=sha256_of(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFrom:
    """One capture that went into a merged one: its name, size, SHA-256, and its run if known."""

    name: str
    bytes: int | None = None
    sha256: str | None = None
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The metadata of one run.

    Attributes:
        run_id: 32 hexadecimal digits, unique; the tx log of the same run carries it too.
        start: First moment of the run, nanoseconds since 1970 UTC.
        end: Last moment, None while it runs.
        host: Name of the machine that recorded.
        os: Its operating system and kernel.
        wtrec_version: Version of the program that recorded.
        interface: Name of the interface; of several, of the first.
        driver: Its driver, empty where unknown.
        channel: As ``iw`` describes it, None where unknown.
        filter: The capture filter, None for every frame.
        snap_length: Most bytes kept of a frame.
        monitor_flags: Flags that were set on the interface, None where nobody set any.
        meta: The user's own keys and values.
        comment: The user's own sentence.
        counters: Numbers of frames, None while it runs.
        interfaces: All interfaces, in the order of the capture; empty where nobody recorded.
        time_stamp_type: Where times come from, ``host`` for the kernel's clock; None where unknown.
        clock_change_ns: By how much the clock was set under way, beside its own running.
        files: The files of the run that there are: of several, the oldest may be gone.
        ended_by: Why it ended, for example ``duration`` or ``SIGINT``; None while it runs.
        merged_from: The captures that ``wtrec merge`` made it of.
    """

    run_id: str
    start: int
    host: str
    os: str
    wtrec_version: str
    interface: str
    end: int | None = None
    driver: str = ""
    channel: str | None = None
    filter: Filter | None = None
    snap_length: int
    monitor_flags: tuple[str, ...] | None = None
    meta: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    counters: Counters | None = None
    interfaces: tuple[RunInterface, ...] = ()
    time_stamp_type: str | None = None
    clock_change_ns: int | None = None
    files: tuple[RunFile, ...] = ()
    ended_by: str | None = None
    merged_from: tuple[MergedFrom, ...] = ()

    @classmethod
    def begin(cls, *, interface: str, start: int, snap_length: int, **facts: Any) -> Run:
        """A new run of this machine and this version; ``facts`` are further attributes."""
        return cls(
            run_id=uuid.uuid4().hex,
            start=start,
            host=socket.gethostname(),
            os=f"{platform.system()} {platform.release()} {platform.machine()}",
            wtrec_version=version("wtrec"),
            interface=interface,
            snap_length=snap_length,
            **facts,
        )

    def to_json(self, *, indent: int | None = 2) -> str:
        """The object as text; ``indent=None`` puts it on one line."""
        return json.dumps(
            {
                "schema_version": SCHEMA_VERSION,
                "run_id": self.run_id,
                "start": to_rfc3339(self.start),
                "end": None if self.end is None else to_rfc3339(self.end),
                "host": self.host,
                "os": self.os,
                "wtrec_version": self.wtrec_version,
                "interface": self.interface,
                "driver": self.driver,
                "channel": self.channel,
                "filter": self.filter and _members(self.filter),
                "snap_length": self.snap_length,
                "monitor_flags": self.monitor_flags,
                "meta": dict(self.meta),
                "comment": self.comment,
                "counters": self.counters and _members(self.counters),
                "interfaces": [
                    _members(each) | {"counters": each.counters and _members(each.counters)}
                    for each in self.interfaces
                ],
                "time_stamp_type": self.time_stamp_type,
                "clock_change_ns": self.clock_change_ns,
                "files": [_members(file) for file in self.files],
                "ended_by": self.ended_by,
                "merged_from": [_members(part) for part in self.merged_from],
            },
            indent=indent,
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str | bytes, *, path: str | None = None) -> Run:
        """Read the object; members that this version does not know are passed over.

        Args:
            text: The JSON text.
            path: Where it stood, for error messages.

        Raises:
            FormatError: No JSON, a newer schema, or a member that is missing or of a wrong type.
        """
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"no JSON: {error}", path=path) from error
        members = Members(value, "run.json", path)
        schema = members.take("schema_version", int)
        if schema > SCHEMA_VERSION:
            raise FormatError(
                f"schema version {schema}, this wtrec reads up to {SCHEMA_VERSION}",
                path=path,
                hint="update wtrec",
            )
        return cls(
            run_id=members.take("run_id", str),
            start=members.time("start"),
            end=None if members.take("end", str, None) is None else members.time("end"),
            host=members.take("host", str),
            os=members.take("os", str),
            wtrec_version=members.take("wtrec_version", str),
            interface=members.take("interface", str),
            driver=members.take("driver", str, ""),
            channel=members.take("channel", str, None),
            filter=_filter(members.sub("filter")),
            snap_length=members.take("snap_length", int),
            monitor_flags=members.strings("monitor_flags"),
            meta=_meta(members.sub("meta")),
            comment=members.take("comment", str, ""),
            counters=_counters(members.sub("counters")),
            interfaces=tuple(
                RunInterface(
                    name=each.take("name", str),
                    driver=each.take("driver", str, ""),
                    channel=each.take("channel", str, None),
                    monitor_flags=each.strings("monitor_flags"),
                    counters=_counters(each.sub("counters")),
                )
                for each in members.subs("interfaces")
            ),
            time_stamp_type=members.take("time_stamp_type", str, None),
            clock_change_ns=members.take("clock_change_ns", int, None),
            files=tuple(
                RunFile(
                    name=file.take("name", str),
                    bytes=file.take("bytes", int, None),
                    sha256=file.take("sha256", str, None),
                )
                for file in members.subs("files")
            ),
            ended_by=members.take("ended_by", str, None),
            merged_from=tuple(
                MergedFrom(
                    name=part.take("name", str),
                    bytes=part.take("bytes", int, None),
                    sha256=part.take("sha256", str, None),
                    run_id=part.take("run_id", str, None),
                )
                for part in members.subs("merged_from")
            ),
        )

    def save(self, path: Path) -> None:
        """Write ``path`` so that a crash leaves the old file or the new one."""
        # what UTF-8 cannot hold (halves of a surrogate pair) becomes JSON's own escape of it
        atomic_write(path, f"{self.to_json()}\n".encode(errors="backslashreplace"))

    @classmethod
    def load(cls, path: Path) -> Run:
        """Read ``path``.

        Raises:
            FormatError: As for :meth:`from_json`.
        """
        return cls.from_json(path.read_bytes(), path=str(path))


def run_json_path(capture: Path) -> Path:
    """Where the metadata of a capture stands: ``run.pcapng`` → ``run.json``, beside it.

    A file of several, ``run_00001_20260101120000.pcapng``, has that of its run.
    """
    return capture.with_name(f"{run_stem(capture)}.json")


def tx_log_path(capture: Path) -> Path:
    """Where the tx log of a capture stands: ``run.pcapng`` → ``run.tx.parquet``.

    A file of several, ``run_00001_20260101120000.pcapng``, has that of its run.
    """
    return capture.with_name(f"{run_stem(capture)}.tx.parquet")


def masks_path(capture: Path) -> Path:
    """Where the error masks of a capture stand: ``run.pcapng`` → ``run.masks.parquet``."""
    return capture.with_name(f"{stem(capture)}.masks.parquet")


def frames_path(capture: Path) -> Path:
    """Where the frames of a capture stand as a table: ``run.pcapng`` → ``run.frames.parquet``."""
    return capture.with_name(f"{stem(capture)}.frames.parquet")


def analysis_path(capture: Path) -> Path:
    """Where a capture's analysis stands: ``run.pcapng`` → ``run.analysis.json``."""
    return capture.with_name(f"{stem(capture)}.analysis.json")


def results_path(capture: Path, algorithm: str) -> Path:
    """Where the results of an algorithm stand: ``run.pcapng`` → ``run.<algo>.parquet``."""
    return capture.with_name(f"{stem(capture)}.{algorithm.replace('.', '-')}.parquet")


def results_beside(capture: Path) -> list[Path]:
    """The results that stand beside a capture, sorted.

    ``run.2.crc-flip.parquet`` belongs to ``run.2.pcapng``, not to ``run.pcapng``.
    """
    found = sorted(path for path in capture.parent.iterdir() if is_results_of(path, capture))
    others = {tx_log_path(capture), masks_path(capture), frames_path(capture)}
    return [path for path in found if path not in others]


def is_results_of(path: Path, capture: Path) -> bool:
    """Whether a file is named as a capture's results are, wherever it stands."""
    return bool(re.fullmatch(rf"{re.escape(stem(capture))}\.[^.]+\.parquet", path.name))


def stem(capture: Path) -> str:
    """What the names of a run's files begin with: those of ``run.pcapng.gz`` with ``run``."""
    return re.sub(r"(\.(pcapng|pcap|cap))?(\.(gz|zst))?$", "", capture.name)


def run_stem(capture: Path) -> str:
    """What the names of what a run has once begin with, also for a file of several of it."""
    return re.sub(r"_\d{5}_\d{14}$", "", stem(capture), flags=re.ASCII)


def _members(
    record: Filter | Counters | RunFile | RunInterface | MergedFrom,
) -> dict[str, object]:
    return {item.name: getattr(record, item.name) for item in fields(record)}


def _filter(members: Members | None) -> Filter | None:
    if members is None:
        return None
    return Filter(text=members.take("text", str, None), program=members.take("program", str))


def _counters(members: Members | None) -> Counters | None:
    if members is None:
        return None
    return Counters(**{item.name: members.take(item.name, int) for item in fields(Counters)})


def _meta(members: Members | None) -> dict[str, str]:
    return {} if members is None else {name: members.take(name, str) for name in members.value}
