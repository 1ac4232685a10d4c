"""Frames that leave behind an algorithm: which answers come too late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from wtrec.datasets.reader import CaptureReader
from wtrec.dot11 import fcs
from wtrec.replay.algorithm import Repairs
from wtrec.replay.departures import Departures, PacketsOf
from wtrec.replay.outlets import Direct

Write = Callable[..., Path]
Frame = Callable[..., bytes]


class Counted:
    """An outlet that counts."""

    name = "counted"
    direct: Direct | None = None

    def __init__(self) -> None:
        self.refused: dict[str, int] = {}
        self.packets = 0

    def send(self, packet: bytes | memoryview, note: str = "") -> None:
        del packet, note
        self.packets += 1


def test_answers_for_frames_that_were_never_to_leave_are_not_late(
    tmp_path: Path, write_capture: Write, udp_frame: Frame
) -> None:
    """Frames that were only shown are repaired for nobody; those that have left, too late."""
    frames = [fcs.flip(udp_frame(bytes([i]), i), [300]) for i in range(10)]
    capture = write_capture(tmp_path / "run.pcapng", frames)
    with CaptureReader(capture) as reader, PacketsOf(capture) as packets:
        batch = next(iter(reader))
        outlet = Counted()
        leaving = Departures(packets, outlet, "some")
        leaving.leave(batch.slice(4, 3), Repairs.of([(3, [300]), (6, [300])]), None)
        assert (leaving.departed.repaired, leaving.departed.too_late) == (1, 0)
        leaving.leave(batch.slice(7, 3), Repairs.of([(4, [300]), (5, [300])]), None)
        assert (leaving.departed.repaired, leaving.departed.too_late) == (1, 1)
        assert outlet.packets == leaving.departed.frames == 6
