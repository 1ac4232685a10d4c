"""Second checks: what a repaired frame says of itself, beside its FCS.

A candidate that has the right FCS makes a frame, and that frame can contradict itself, or what is
known. The checks, each of which can be left out:

    llc        a frame that comes with an LLC/SNAP header for IP, up to 8 of its 64 bits damaged
               and closer to it than to ARP, EAPOL and their like, carries an IP packet
    ip         the IPv4 header's checksum is right, and the lengths fit
    transport  the checksum of UDP, TCP or ICMP over the whole packet is right
    known      a kind of frame, from whom and to whom, that intact frames before have shown to
               exist is not changed into one that they have not shown

A candidate that fails one is *rejected*. The checksum over the packet also *confirms*: a false
candidate changes the packet, and is seldom confirmed, if it flips many bits with a probability of
2^-16 (:mod:`.sums`). So where a frame has such a checksum, 65,536 times as many candidates can be
looked at for the same expected number of false ones. Where the checksum is right already, the
damage is elsewhere, and so must be the candidate's flips.

Encrypted frames say nothing that could be read; of those only addresses are checked.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ...datasets.frames import FcsStatus, FrameBatch
from . import checks_kernel
from .candidates import Bad, Candidates
from .sums import BY_CHANCE, Packets, Sums

NAMES: Final = {
    "llc": checks_kernel.LLC,
    "ip": checks_kernel.IP,
    "transport": checks_kernel.TRANSPORT,
    "known": checks_kernel.KNOWN,
}
ALL: Final = "llc+ip+transport+known"
NONE: Final = "none"

_SLOTS = 1 << 17  # for signatures of intact frames; learning ends when half of them are taken


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the checks can do for some bad frames.

    Attributes:
        bad: The frames.
        confirms: Whether a candidate may be confirmed, shape (n,).
        sure: Whether one that is not confirmed is rejected, shape (n,).
        packets: What is under a checksum in them.
        covered: Whether the IP header has a checksum, and it is right, shape (n,). Elsewhere a
            wrong length may be why the sum lacks what it lacks.
    """

    bad: Bad
    confirms: NDArray[np.bool_]
    sure: NDArray[np.bool_]
    packets: Packets
    covered: NDArray[np.bool_]
    _checks: Checks
    _ip: NDArray[np.bool_]

    def only(self, which: NDArray[np.int64]) -> Evidence:
        """That for these of the frames."""
        return Evidence(
            self.bad.only(which),
            self.confirms[which],
            self.sure[which],
            self.packets.only(which),
            self.covered[which],
            self._checks,
            self._ip[which],
        )

    def chance(self, sums: Sums) -> NDArray[np.float64]:
        """Probability that a false candidate is confirmed, 1 where none can be.

        Args:
            sums: How candidates change a checksum.

        Returns:
            Shape (n, weights or 1).
        """
        is_read = self.packets.lacking >= 0
        chance = sums.chance(self.packets)
        chance[~self.covered] = np.maximum(chance[~self.covered], BY_CHANCE)
        chance[~is_read] = BY_CHANCE
        chance[~self.confirms] = 1
        return chance

    def judge(self, candidates: Candidates) -> NDArray[np.uint8]:
        """REJECTED, NEUTRAL or CONFIRMED for each candidate."""
        return self._checks.judge(self.bad, self._ip, candidates)


class Checks:
    """Second checks, and what intact frames have taught.

    Args:
        names: Which, joined by ``+``; or ``none``.

    Raises:
        ValueError: An unknown name, or one twice.
    """

    def __init__(self, names: str = ALL) -> None:
        wanted = [] if names == NONE else names.split("+")
        if any(name not in NAMES for name in wanted) or len(set(wanted)) < len(wanted):
            raise ValueError(f"checks={names!r}, wanted some of {ALL}, or {NONE}")
        self._flags = functools.reduce(lambda flags, name: flags | NAMES[name], wanted, 0)
        self._known = 0
        self._keys = np.zeros(_SLOTS, np.uint64)
        self._since = np.zeros(_SLOTS, np.int64)

    def learn(self, frames: FrameBatch) -> None:
        """Take note of intact frames, each for the bad ones after it."""
        if self._flags & checks_kernel.KNOWN:
            rows = np.flatnonzero(frames.fcs_status == FcsStatus.GOOD)
            self._known = checks_kernel.learn(
                frames.data,
                frames.offsets,
                rows,
                frames.number[rows],
                self._known,
                self._keys,
                self._since,
            )

    def evidence(self, bad: Bad) -> Evidence:
        """What can be checked in these frames."""
        states = np.zeros(len(bad), np.uint8)
        ip = np.zeros(len(bad), np.bool_)
        covered = np.zeros(len(bad), np.bool_)
        begin, end, lacking = (np.zeros(len(bad), np.int64) for _ in range(3))
        checks_kernel.assess(
            bad.data, bad.offsets, bad.rows, self._flags, states, ip, covered, begin, end, lacking
        )
        is_read = lacking >= 0
        may_be = ip & np.isin(states, checks_kernel.DAMAGED)
        confirms = is_read | (may_be & bool(self._flags & checks_kernel.TRANSPORT))
        packets = Packets(bad.data, begin, end, 8 * (end - begin) / bad.bits, lacking)
        return Evidence(bad, confirms, is_read & ip, packets, covered, self, ip)

    def judge(self, bad: Bad, ip: NDArray[np.bool_], candidates: Candidates) -> NDArray[np.uint8]:
        """See ``Evidence.judge``."""
        verdicts = np.full(len(candidates), checks_kernel.NEUTRAL, np.uint8)
        if self._flags:
            checks_kernel.judge(
                bad.data,
                bad.offsets,
                bad.rows,
                bad.number,
                self._flags,
                ip,
                self._keys,
                self._since,
                candidates.row,
                candidates.offsets,
                candidates.flips,
                verdicts,
            )
        return verdicts
