"""Energy of a delivered bit, at the powers that a file gives.

    E = P_tx T_tx + P_rx T_rx + P_idle T_idle

for each end of the link: while a frame is on the air its sender transmits and its receiver
receives; in interframe spaces, backoffs and timeouts both are idle. What the decoder takes is
not included. The file is TOML:

    [power]          # W
    tx = ...
    rx = ...
    idle = ...
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FormatError
from .goodput import Delivery

_NAMES = ("tx", "rx", "idle")


@dataclass(frozen=True, slots=True)
class Power:
    """What a station takes, in W.

    Attributes:
        tx: Transmitting.
        rx: Receiving.
        idle: Listening to a silent channel.
    """

    tx: float
    rx: float
    idle: float

    @classmethod
    def read(cls, path: Path) -> Power:
        """From a file.

        Raises:
            FormatError: No TOML, or a power is missing, unknown or no number from 0 on.
            OSError: It cannot be read.
        """
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("power")
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise FormatError(f"no TOML ({error})", path=str(path)) from None
        if not isinstance(table, dict) or set(table) != set(_NAMES):
            raise FormatError(
                f"wanted a table [power] with {', '.join(_NAMES)}, in W", path=str(path)
            )
        for name, value in table.items():
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not 0 <= value < math.inf:
                raise FormatError(f"power.{name} = {value!r}, wanted W, from 0", path=str(path))
        return cls(**{name: float(table[name]) for name in _NAMES})

    def per_bit(self, delivery: Delivery) -> dict[str, Any] | None:
        """Joule for each bit that is delivered, right ones less wrong ones; None if none is."""
        bits = 8 * delivery.msdu * (delivery.right - delivery.wrong)
        if bits <= 0:
            return None
        sending, answering, idle = (1e-6 * part for part in delivery.span)
        sender = self.tx * sending + self.rx * answering + self.idle * idle
        receiver = self.rx * sending + self.tx * answering + self.idle * idle
        return {"sender": sender / bits, "receiver": receiver / bits}
