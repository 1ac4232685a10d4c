"""What intact frames show: names of networks and addresses, to find them in texts."""

from __future__ import annotations

import numpy as np

from ...dot11 import fcs, mac
from ..frames import FcsStatus, FrameBatch
from .frames import address_offsets, names_in_frame

MOST = 4096
"""Names, and addresses, that are remembered."""
_PROVEN = 2  # frames; one with a right FCS counts for as many: without FCS, it may be damaged


class Networks:
    """Names of networks and MAC addresses, from frames that are proven.

    Attributes:
        left: Frames with names that were too many to be remembered.
    """

    def __init__(self) -> None:
        self.left = 0
        self._names: dict[bytes, int] = {}
        self._macs: dict[bytes, int] = {}

    @property
    def names(self) -> list[bytes]:
        """Names of networks."""
        return [name for name, count in self._names.items() if count >= _PROVEN]

    @property
    def macs(self) -> list[bytes]:
        """MAC addresses."""
        return [address for address, count in self._macs.items() if count >= _PROVEN]

    def learn(self, frames: FrameBatch) -> None:
        """See frames."""
        status = frames.fcs_status
        heads: dict[bytes, int] = {}
        for row in np.flatnonzero(status != FcsStatus.BAD).tolist():
            is_good = status[row] == FcsStatus.GOOD
            mpdu = frames.mpdu(row)
            frame = mpdu[: -fcs.LENGTH] if is_good else mpdu
            count = _PROVEN if is_good else 1
            head = frame[:2] + frame[4:22]
            heads[head] = heads.get(head, 0) + count
            if mac.frame_type(int.from_bytes(frame[:2], "little")) == mac.MANAGEMENT:
                for name in names_in_frame(frame):
                    self.left += not _remember(self._names, name, count)
        for head, count in heads.items():
            for at in address_offsets(int.from_bytes(head[:2], "little")):
                address = head[at - 2 : at + 4]
                if len(address) == 6:
                    _remember(self._macs, address, count)


def _remember(found: dict[bytes, int], what: bytes, count: int) -> bool:
    if what not in found and len(found) >= MOST:
        return False
    found[what] = found.get(what, 0) + count
    return True
