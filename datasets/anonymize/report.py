"""What an anonymisation did, to how many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .originals import State

_SAID = {
    State.OWN: "intact",
    State.MATCHED: "bad, their errors laid over the new original",
    State.PAYLOAD: "bad of known payload, headers as in the closest intact frame",
    State.REWRITTEN: "rewritten by a relay",
    State.UNCHECKED: "without an FCS that could be checked, taken for intact",
    State.UNKNOWN: "bad of unknown original, masked and flagged",
}


@dataclass
class Report:
    """Counts over all runs.

    Attributes:
        states: Frames by how much of their original was known.
        dropped: Frames of unknown original that were left out.
        without_frame: Packets that are no 802.11 frame, or have no sound Radiotap header: zeros.
        blocks: Blocks of captures that were left out: names, keys, custom ones.
        payloads_kept: UDP payloads in frames that a rule makes.
        payloads_replaced: The others.
        packets: Packets of tx logs.
        rows: Rows of results and masks.
        analyses: Saved analyses that were made again, with the same numbers.
        analyses_left_out: Those that could not be.
        names_left: Frames with names of networks that were too many to be looked for in texts.
        shift_s: What was added to times.
    """

    states: Counter[State] = field(default_factory=Counter)
    dropped: int = 0
    without_frame: int = 0
    blocks: int = 0
    payloads_kept: int = 0
    payloads_replaced: int = 0
    packets: int = 0
    rows: int = 0
    analyses: int = 0
    analyses_left_out: int = 0
    names_left: int = 0
    shift_s: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As a program reads it; by how much times were shifted is said nowhere."""
        return {
            "frames": {state.name.lower(): self.states[state] for state in State},
            "dropped": self.dropped,
            "packets_without_frame": self.without_frame,
            "blocks_left_out": self.blocks,
            "payloads_kept": self.payloads_kept,
            "payloads_replaced": self.payloads_replaced,
            "tx_packets": self.packets,
            "rows": self.rows,
            "analyses": self.analyses,
            "analyses_left_out": self.analyses_left_out,
            "names_left": self.names_left,
            "times_shifted": self.shift_s is not None,
        }

    def lines(self) -> list[str]:
        """For people."""
        found = [
            f"{self.states[state]:,} frames {_SAID[state]}" for state in State if self.states[state]
        ]
        rest = {
            "bad frames of unknown original left out": self.dropped,
            "packets without a frame that can be read, now zeros": self.without_frame,
            "blocks of captures left out": self.blocks,
            "payloads of a public rule kept": self.payloads_kept,
            "payloads replaced": self.payloads_replaced,
            "packets of tx logs replaced": self.packets,
            "analyses made again": self.analyses,
            "analyses left out, as they could not be made again": self.analyses_left_out,
        }
        names = "frames with further names of networks, which were not looked for in texts"
        rest[names] = self.names_left
        return found + [f"{count:,} {what}" for what, count in rest.items() if count]

    def sentence(self, tool: str) -> str:
        """For the metadata of the dataset."""
        times = "not shifted" if self.shift_s is None else "shifted by one number"
        return (
            f"Anonymised by {tool}: MAC and IP addresses, names of networks and contents of "
            "frames are replaced under a key, FCSs and checksums follow, bit errors stay; times "
            f"are {times}. "
            f"{'; '.join(self.lines())}."
        )
