"""majority: a vote of three or more damaged copies of a packet on every bit.

Needs three or more copies, all damaged: retransmissions, or what several receivers got (copies.py
says how they are found). The vote is claimed if its FCS is right.

An even number of copies may tie. Tied bits stand in clusters, where one side or the other is right
as a whole; which one is settled by the FCS, as linear equations, with 2^clusters candidates that
count against the gate (combining.py).
"""

from __future__ import annotations

import numpy as np

from .combining import Bits, Search, alternatives, tied, vote
from .copy_algorithm import CopyAlgorithm


class Majority(CopyAlgorithm):
    """A vote of three or more damaged copies of a packet on every bit.

    Args:
        gap: A cluster of ties ends where this many bits in a row are not tied, less one.
        max_clusters: Largest number of clusters of ties, or of choices in them.
        window_ms: How far apart in time copies are at most.
        gate: Largest expected number of false candidates at which a repair is claimed.
        intact: Whether to take what an intact copy says.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "majority"
    source = "cf. Leung (APC), IEICE 2000"
    cost = "a vote on every bit of three or more copies, then as chase"

    def combine(self, copies: list[Bits], search: Search) -> Bits | None:
        """The vote, its ties settled by the FCS."""
        if len(copies) < 3:
            return None
        versions = np.stack(copies)
        base = vote(versions)
        return search.settle(base, alternatives(base, versions, tied(versions), self._gap))
