"""What became of the frames of each interface: received, dropped, written, found, and when not.

Four parties say something of it: the kernel's counters in Interface Statistics Blocks
(``isb_ifrecv`` or ``isb_filteraccept``, ``isb_osdrop``, ``isb_ifdrop``, ``isb_usrdeliv``), the
drop counts on packets (``epb_dropcount``: lost between this packet and the one before it of the
same interface), ``run.json``, and the packets that are there. :func:`disagreements` compares them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import pcapng
from .members import to_rfc3339
from .run import Counters
from .walk import Records
from .walk_kernel import NO_TIME


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where frames were lost.

    Attributes:
        number: The packet that follows, from 1 in the file.
        time: Its time, ns since 1970 UTC; None where it has none.
        lost: How many were lost.
        silent_ns: Time since the packet before it of the interface; None where not known.
    """

    number: int
    time: int | None
    lost: int
    silent_ns: int | None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/info.md."""
        return {
            "number": self.number,
            "time": None if self.time is None else to_rfc3339(self.time),
            "lost": self.lost,
            "silent_ns": self.silent_ns,
        }


@dataclass
class Account:
    """The frames of one interface.

    Attributes:
        interface: Counted from 0 over all sections.
        packets: Packets that the file has.
        cut: Of these, those that the snap length has cut.
        unsorted: Of these, those that are earlier than one before them.
        noted: Lost frames, by the drop counts on packets.
        gaps: Packets that have such a count.
        first: The first place where frames were lost.
        last: The last one.
        largest: The one where most were lost.
        received: Frames that passed the filter, says the recorder; None where it says nothing.
        dropped_by_kernel: Of these, lost for want of room; None as above.
        dropped_by_interface: Lost before the kernel counted them; None as above.
        written: Given to the recorder; None as above.
    """

    interface: int
    packets: int = 0
    cut: int = 0
    unsorted: int = 0
    noted: int = 0
    gaps: int = 0
    first: Gap | None = None
    last: Gap | None = None
    largest: Gap | None = None
    received: int | None = None
    dropped_by_kernel: int | None = None
    dropped_by_interface: int | None = None
    written: int | None = None

    @property
    def unexplained(self) -> int | None:
        """Frames that were received, not dropped, and are not there; None where not known.

        More than 0: those that came when the recorder had enough. Less than 0: somebody is wrong.
        """
        if self.received is None or self.dropped_by_kernel is None:
            return None
        return self.received - self.dropped_by_kernel - self.packets

    def count(self, block: pcapng.InterfaceStatistics) -> None:
        """What the recorder counted; the last block of an interface holds."""
        self.received = block.ifrecv if block.filteraccept is None else block.filteraccept
        self.dropped_by_kernel = block.osdrop
        self.dropped_by_interface = block.ifdrop
        self.written = block.usrdeliv

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/info.md."""
        return {
            "interface": self.interface,
            "received": self.received,
            "dropped_by_kernel": self.dropped_by_kernel,
            "dropped_by_interface": self.dropped_by_interface,
            "written": self.written,
            "packets": self.packets,
            "unexplained": self.unexplained,
            "cut": self.cut,
            "unsorted": self.unsorted,
            "noted_drops": self.noted,
            "gaps": self.gaps,
            "first_gap": self.first and self.first.to_json(),
            "last_gap": self.last and self.last.to_json(),
            "largest_gap": self.largest and self.largest.to_json(),
        }


@dataclass
class Accounts:
    """Accounts of all interfaces, kept while a capture is read.

    Attributes:
        packets: Packets so far.
        unsorted: Those that are earlier than one before them, of any interface.
    """

    packets: int = 0
    unsorted: int = 0
    _by_interface: dict[int, Account] = field(default_factory=dict)
    _latest: dict[int, int] = field(default_factory=dict)  # time, by interface; -1: of all
    _before: dict[int, int] = field(default_factory=dict)  # time of the packet before

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_interface.values())

    def of(self, interface: int) -> Account:
        """The account of an interface."""
        return self._by_interface.setdefault(interface, Account(interface))

    def watch(self, records: Records) -> None:
        """Enter packets, in the order of the file."""
        where = records.where
        self.unsorted += self._falls(-1, where.time)
        ids = records.interfaces
        each: list[tuple[int, Any]] = [(int(ids[0]), slice(None))]
        if (ids != ids[0]).any():
            order = np.argsort(ids, kind="stable")
            begins = np.flatnonzero(np.diff(ids[order])) + 1
            each = [(int(ids[these[0]]), these) for these in np.split(order, begins)]
        numbers = np.arange(self.packets + 1, self.packets + 1 + records.packets)
        for interface, these in each:
            account = self.of(interface)
            times, drops = where.time[these], where.drops[these]
            account.packets += len(times)
            account.cut += int(np.count_nonzero(where.captured[these] < where.original[these]))
            account.unsorted += self._falls(interface, times)
            self._gaps(account, numbers[these], times, drops)
            self._before[interface] = int(times[-1])
        self.packets += records.packets

    def _falls(self, key: int, times: NDArray[np.int64]) -> int:
        latest = self._latest.get(key, NO_TIME)
        highest = np.maximum.accumulate(np.maximum(times, latest))
        self._latest[key] = int(highest[-1])
        return int(np.count_nonzero((times < highest) & (times != NO_TIME)))

    def _gaps(
        self,
        account: Account,
        numbers: NDArray[np.int64],
        times: NDArray[np.int64],
        drops: NDArray[np.int64],
    ) -> None:
        before = self._before.get(account.interface, NO_TIME)
        for at in np.flatnonzero(drops).tolist():
            previous = int(times[at - 1]) if at else before
            time, lost = int(times[at]), int(drops[at])
            is_known = NO_TIME not in {previous, time}
            gap = Gap(
                int(numbers[at]),
                None if time == NO_TIME else time,
                lost,
                time - previous if is_known else None,
            )
            account.noted += lost
            account.gaps += 1
            account.first = account.first or gap
            account.last = gap
            if account.largest is None or lost > account.largest.lost:
                account.largest = gap


def disagreements(accounts: Sequence[Account], run: Counters | None) -> list[str]:
    """Where those who counted contradict each other, one sentence each.

    Args:
        accounts: Of all interfaces.
        run: The counters of ``run.json``; None without these, or if it is about further files.
    """
    found = []
    for account in accounts:
        who = f"interface {account.interface}"
        if account.written is not None and account.written != account.packets:
            found.append(
                f"{who}: statistics say {account.written:,} written, the file has "
                f"{account.packets:,} packets"
            )
        if account.unexplained is not None and account.unexplained < 0:
            found.append(
                f"{who}: statistics say {account.received:,} received and "
                f"{account.dropped_by_kernel:,} dropped, the file has {account.packets:,} packets"
            )
        dropped = account.dropped_by_kernel
        if dropped is not None and account.noted > dropped:
            found.append(
                f"{who}: statistics say {dropped:,} dropped, packets note {account.noted:,}"
            )
    if run is None:
        return found
    packets = sum(account.packets for account in accounts)
    if run.written != packets:
        found.append(f"run.json says {run.written:,} written, the file has {packets:,} packets")
    for name, counted, said in (
        ("received", [account.received for account in accounts], run.received),
        ("dropped", [account.dropped_by_kernel for account in accounts], run.dropped_by_kernel),
    ):
        known = [count for count in counted if count is not None]
        if known and len(known) == len(counted) and sum(known) != said:
            found.append(f"run.json says {said:,} {name}, statistics say {sum(known):,}")
    return found
