"""What the doctor makes of clock, disk, kernel and rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from wtrec.recorder.doctor.clock import clock, judge
from wtrec.recorder.doctor.disk import disk, room, speed
from wtrec.recorder.doctor.kernel import version
from wtrec.recorder.doctor.rights import rights


@pytest.mark.parametrize(
    ("state", "status", "found"),
    [(0, 0x2001, "ok"), (5, 0x0041, "warning"), (0, 0x0040, "warning"), (5, 0, "warning")],
)
def test_clock(state: int, status: int, found: str) -> None:
    """A clock is right if the kernel says neither TIME_ERROR nor STA_UNSYNC."""
    assert judge(state, status, 1500).status == found


def test_clock_of_this_machine() -> None:
    """The kernel of this machine answers."""
    (finding,) = clock()
    assert finding.status in {"ok", "warning"}


def test_disk(tmp_path: Path) -> None:
    """A folder is measured, and nothing is left there."""
    found = disk(tmp_path)
    assert [finding.check for finding in found] == ["disk-room", "disk-speed"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("rate", "status"), [(6.9, "problem"), (7, "warning"), (74.9, "warning"), (75, "ok")]
)
def test_disk_speed(rate: float, status: str) -> None:
    """A disk that is slower than the air is a problem for 802.11g, a warning for 802.11n."""
    assert speed(Path(), rate).status == status


def test_disk_room() -> None:
    """Less than a GiB is a warning."""
    assert [room(Path(), free).status for free in (2**30 - 1, 2**30)] == ["warning", "ok"]


@pytest.mark.parametrize(
    ("release", "status"),
    [
        ("6.1.0-18-amd64", "ok"),
        ("4.20", "ok"),
        ("4.19.0", "problem"),
        ("10.0-rc1", "ok"),
        ("next", "unknown"),
    ],
)
def test_kernel(release: str, status: str) -> None:
    """Capture needs Linux 4.20; what is no version is not known."""
    assert version(release).status == status


def test_rights() -> None:
    """Two rights are looked at; each that is missing has its mend."""
    found = rights()
    assert [finding.check for finding in found] == ["right-to-capture", "right-to-configure"]
    assert all(bool(finding.fix) == (finding.status != "ok") for finding in found)
