"""How a capture is replayed: which frames, when they are due, and how they are served."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from .pacing import Pace, TopSpeed, exact
from .queue import Service
from .source import Selection


@dataclass(frozen=True, slots=True)
class Schedule:
    """A replay, but for the capture and the algorithms.

    Attributes:
        pace: When frames are due.
        selection: Which frames, and how often.
        service: How they are served.
    """

    pace: Pace = field(default_factory=TopSpeed)
    selection: Selection = field(default_factory=Selection)
    service: Service = field(default_factory=Service)

    @property
    def is_paced(self) -> bool:
        """Whether frames have times at which they are due."""
        return not isinstance(self.pace, TopSpeed)

    def metadata(self) -> dict[str, str]:
        """What the results say of it."""
        deadline = self.service.deadline
        return {
            "pace": str(self.pace),
            "selection": json.dumps(self.selection.to_json()),
            "batch": str(self.service.most(self.pace)),
            "deadline_us": exact(deadline.us) if deadline else "",
            "on_overrun": str(self.service.on_overrun),
        }
