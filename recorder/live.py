"""Frames of a running capture by rate, counted beside it.

The capture loop parses nothing: it hands over a copy of what it has written, and a thread decodes
that with the kernels that read files. What the thread does not keep up with is passed over, and
its bytes are counted.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..closing import Closing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..datasets.walk_kernel import PacketIndex

_MOST_WAITING = 64 << 20  # bytes


@dataclass(slots=True)
class RateCounts:
    """Frames at one rate.

    Attributes:
        frames: All.
        bad: Whose FCS does not hold, by our look.
        claimed_bad: Whose FCS the driver flags as bad.
        retries: With the Retry bit.
        signal_sum: Of the signals in dBm.
        signals: Frames that say their signal.
    """

    frames: int = 0
    bad: int = 0
    claimed_bad: int = 0
    retries: int = 0
    signal_sum: int = 0
    signals: int = 0

    @property
    def signal(self) -> float | None:
        """Mean signal in dBm, None if no frame says one."""
        return self.signal_sum / self.signals if self.signals else None


class LiveRates(Closing):
    """Counts by rate that grow while blocks are shown to it.

    Attributes:
        skipped: Bytes that were not counted.
        failure: Why counting ended early.
    """

    def __init__(self) -> None:
        self.skipped = 0
        self.failure: BaseException | None = None
        self._linktypes: Sequence[int] = ()
        self._rates: dict[float | None, RateCounts] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[bytearray | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None

    def start(self, linktypes: Sequence[int]) -> None:
        """Begin to count.

        Args:
            linktypes: Of the capture's interfaces, in their order.
        """
        self._linktypes = linktypes
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    def show(self, blocks: memoryview, frames: int) -> None:
        """Whole packet blocks of the capture, and how many; returns at once."""
        del frames
        with self._lock:
            has_room = self._waiting_bytes + len(blocks) <= _MOST_WAITING
            self._waiting_bytes += len(blocks) if has_room else 0
            self.skipped += 0 if has_room else len(blocks)
        if has_room:
            self._waiting.put(bytearray(blocks))

    def rates(self) -> dict[float | None, RateCounts]:
        """The counts so far, by rate in Mbit/s; None: no rate known. Slowest first."""
        with self._lock:
            found = {rate: replace(counts) for rate, counts in self._rates.items()}
        return dict(sorted(found.items(), key=lambda item: -1.0 if item[0] is None else item[0]))

    def close(self) -> None:
        """Wait until all that was shown is counted."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        count: Callable[[bytearray], None] | None = None
        while (blocks := self._waiting.get()) is not None:
            with self._lock:
                self._waiting_bytes -= len(blocks)
                self.skipped += 0 if self.failure is None else len(blocks)
            if self.failure is not None:
                continue
            try:
                count = count or self._counting()
                count(blocks)
            except Exception as error:
                self.failure = error
                with self._lock:
                    self.skipped += len(blocks)

    def _counting(self) -> Callable[[bytearray], None]:
        """What counts the frames of blocks; loads what that takes."""
        import numpy as np

        from ..datasets.frames import MAX_BYTES, MAX_FRAMES
        from ..datasets.walk_kernel import FULL, PacketIndex, walk_pcapng

        table = np.array(
            [[0, 9, 0, linktype, -1, number] for number, linktype in enumerate(self._linktypes)],
            np.int64,
        )
        index = PacketIndex.empty(MAX_FRAMES)
        kinds = np.zeros(7, np.int64)

        def count(blocks: bytearray) -> None:
            view, at, reason = np.frombuffer(blocks, np.uint8), 0, FULL
            while reason == FULL:
                found, at, reason = walk_pcapng(
                    view, at, False, table, index, MAX_FRAMES, MAX_BYTES, kinds
                )
                self._count(view, index, found, table)

        return count

    def _count(
        self, view: NDArray[np.uint8], index: PacketIndex, count: int, table: NDArray[np.int64]
    ) -> None:
        import numpy as np

        from ..datasets.decode_kernel import BAD, Bit, Decoded, Valid, decode

        if not count:
            return
        decoded = Decoded.empty(count, int(index.captured[:count].sum()))
        size, _, _ = decode(view, index, count, table, 1, decoded)
        rows = decoded.rows[:size]
        valid, bits = rows["valid"], rows["bits"]
        rates = np.where(valid & Valid.RATE, rows["rate_mbps"], -1.0)
        says_signal = (valid & Valid.SIGNAL) != 0
        retry = (valid & Valid.CONTROL != 0) & (bits & Bit.RETRY != 0)
        claimed = (valid & Valid.CLAIMS != 0) & (bits & Bit.BAD_FCS != 0)
        with self._lock:
            for rate in np.unique(rates).tolist():
                of_rate = rates == rate
                counts = self._rates.setdefault(None if rate < 0 else rate, RateCounts())
                counts.frames += int(np.count_nonzero(of_rate))
                counts.bad += int(np.count_nonzero(of_rate & (rows["fcs_status"] == BAD)))
                counts.claimed_bad += int(np.count_nonzero(of_rate & claimed))
                counts.retries += int(np.count_nonzero(of_rate & retry))
                with_signal = of_rate & says_signal
                counts.signals += int(np.count_nonzero(with_signal))
                counts.signal_sum += int(rows["signal_dbm"][with_signal].sum(dtype=np.int64))
