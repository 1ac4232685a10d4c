"""Which packets of a run arrived: the books of a receiver, from self-describing payloads.

Of each run the smallest and largest packet id are kept, how many different ones came, and the
latest ``WINDOW`` of them, so that a copy is known as one. Memory does not grow with the run; a
copy that comes more than ``WINDOW`` packets after the first counts as another packet.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..datasets.payload import describes

WINDOW = 65_536


@dataclass(slots=True)
class RunArrivals:
    """One run's packets.

    Attributes:
        first: Smallest id.
        last: Largest id.
        different: How many different ones.
        copies: How many came again.
    """

    first: int
    last: int
    different: int = 0
    copies: int = 0
    recent: set[int] = field(default_factory=set, repr=False)
    order: deque[int] = field(default_factory=deque, repr=False)

    @property
    def lost(self) -> int:
        """Packets between the first and the last that did not come.

        What was lost before the first and after the last, only the sender's log tells.
        """
        return self.last - self.first + 1 - self.different


class Arrivals:
    """Packets by run.

    Attributes:
        runs: By run key, 8 bytes as hex digits.
        others: Payloads that describe no packet, or are damaged.
    """

    def __init__(self) -> None:
        self.runs: dict[str, RunArrivals] = {}
        self.others = 0

    def add(self, payload: bytes) -> tuple[str, int] | None:
        """Count a payload; run key and packet id if it is intact and describes itself."""
        found = describes(payload)
        if found is None:
            self.others += 1
            return None
        key, packet_id = found[0].hex(), found[1]
        run = self.runs.setdefault(key, RunArrivals(packet_id, packet_id))
        if packet_id in run.recent:
            run.copies += 1
            return key, packet_id
        run.different += 1
        run.first, run.last = min(run.first, packet_id), max(run.last, packet_id)
        run.recent.add(packet_id)
        run.order.append(packet_id)
        if len(run.order) > WINDOW:
            run.recent.discard(run.order.popleft())
        return key, packet_id
