"""chase: which of several damaged copies of a packet is right, cluster by cluster of what differs.

Needs two or more copies of a packet, all damaged: retransmissions, or what several receivers got
(copies.py says how they are found). Nothing else: no rate, no model of the code.

Of two copies that differ in some bit one is wrong there. Trying all 2^k ways to put k differing
bits right is an old idea, and it ends at some 16 bits. But a Viterbi decoder makes its errors in
events of ten bits or so, so the bits stand in a few clusters, and in each cluster one copy is
right as a whole. A cluster begins ``gap`` bits or more behind the last bit that differs: six right
bits in a row bring an encoder of constraint length 7 back into the state that was sent, so the
default is 7. What is taken in each cluster is settled by the FCS, as linear equations
(combining.py): 20 clusters are no more work than two, and stand for a million candidates, 0.0002
of which would be right by chance.

With three copies or more the majority goes first (most bits of it are right), then the majority
with a choice among all copies in the clusters where two or more of them are outvoted, and then
each pair.

What it cannot repair: a bit that is wrong in both copies of a pair; a cluster in which both are
wrong, in different bits; more clusters than ``max_clusters``. If more than one choice fits the FCS
it claims none of them.
"""

from __future__ import annotations

import numpy as np

from .combining import Bits, Search, alternatives, disputed, vote
from .copy_algorithm import CopyAlgorithm


class Chase(CopyAlgorithm):
    """Damaged copies of a packet, combined by clusters of differing bits.

    Args:
        gap: From a differing bit to the next, from which on they are of two clusters; 1: always.
        max_clusters: Largest number of clusters, or of choices in them, in one search.
        window_ms: How far apart in time copies are at most.
        gate: Largest expected number of false candidates at which a repair is claimed.
        intact: Whether to take what an intact copy says.

    Raises:
        ValueError: A parameter out of range.
    """

    name = "chase"
    source = "cf. Chakraborty et al. 1998; Miu et al. (MRD), MobiCom 2005; SPaC, SenSys 2005"
    cost = "an elimination of up to max_clusters syndromes for each pair of copies and each vote"

    def combine(self, copies: list[Bits], search: Search) -> Bits | None:
        """The majority; the majority, and any copy where it is disputed; then pair by pair."""
        if len(copies) > 2:
            versions = np.stack(copies)
            base = vote(versions)
            found = search.settle(base)
            if found is None:
                contested = disputed(versions, base, self._gap)
                found = search.settle(base, alternatives(base, versions, contested, self._gap))
            if found is not None:
                return found
        latest, *others = copies
        offers = [alternatives(latest, old[None], latest != old, self._gap) for old in others]
        for offer in sorted(offers, key=len):  # the fewer clusters, the likelier
            found = search.settle(latest, offer) if len(offer) else None
            if found is not None:
                return found
        return None
