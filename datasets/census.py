"""How many frames there are, and what is the matter with their FCS: ours and the driver's word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frames import FcsStatus, FrameBatch


@dataclass
class Census:
    """Counts of frames by the state of their FCS.

    Attributes:
        total: All frames.
        good: Our check: good.
        bad: Our check: bad.
        absent: The capture has no FCS of the frame.
        unverifiable: The bytes are not what the FCS covered (cut, or decrypted by hardware).
        claim_disagreements: The driver claims the opposite of what our check says: flagged bad
            but good, not flagged but bad, or no FCS where there is a good one.
        claimed_bad: Flagged bad by the driver.
        unsaid: Of the absent ones: nobody says that there is an FCS, nor that there is none.
        unsaid_good: Of the good ones, the same.
    """

    total: int = 0
    good: int = 0
    bad: int = 0
    absent: int = 0
    unverifiable: int = 0
    claim_disagreements: int = 0
    claimed_bad: int = 0
    unsaid: int = 0
    unsaid_good: int = 0

    def add(self, frames: FrameBatch) -> None:
        """Count a batch."""
        status = frames.fcs_status
        claims = frames.column("fcs_present").is_valid().to_numpy(False)
        present = frames.column("fcs_present").fill_null(False).to_numpy(False)
        flagged = frames.column("bad_fcs").fill_null(False).to_numpy(False)
        good, bad = status == FcsStatus.GOOD, status == FcsStatus.BAD
        self.total += len(frames)
        self.good += int(good.sum())
        self.bad += int(bad.sum())
        absent = status == FcsStatus.ABSENT
        self.absent += int(absent.sum())
        if not claims.all():
            self.unsaid += int((absent & ~claims).sum())
            self.unsaid_good += int((good & ~claims).sum())
        self.unverifiable += int((status == FcsStatus.UNVERIFIABLE).sum())
        wrong = (good & claims & (flagged | ~present)) | (bad & ~flagged)
        self.claim_disagreements += int(wrong.sum())
        self.claimed_bad += int(np.count_nonzero(flagged))

    @property
    def doubts(self) -> list[str]:
        """What these numbers may hide, one sentence each."""
        if not self.unsaid or not self.unsaid_good:
            return []
        line = (
            f"{self.unsaid:,} frames count as without an FCS, and may be broken ones: the capture "
            f"does not say that it has FCSs, and {self.unsaid_good:,} frames have a good one"
        )
        return [line]

    def to_json(self) -> dict[str, int]:
        """Stable keys; see docs/analyze.md."""
        return {
            "total": self.total,
            "good": self.good,
            "bad": self.bad,
            "absent": self.absent,
            "unverifiable": self.unverifiable,
            "claim_disagreements": self.claim_disagreements,
            "claimed_bad": self.claimed_bad,
        }
