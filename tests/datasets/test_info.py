"""The summary of a capture, against capinfos and against what was written."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from wtrec.datasets.info import read_info
from wtrec.dot11 import radiotap


class TestGeneratedCaptures:
    """Captures whose content is known."""

    def test_frames_are_counted_by_the_state_of_their_fcs(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> None:
        """Good, bad, absent; and a driver that lies in both directions is found out."""
        good = udp_frame(bytes(40))
        bad = bytes([*good[:-1], good[-1] ^ 1])
        with_fcs = radiotap.Flags.FCS
        flagged = radiotap.Flags.FCS | radiotap.Flags.BAD_FCS
        path = write_capture(
            tmp_path / "x.pcapng",
            [good, bad, good, bad, bad],
            flags=[with_fcs, flagged, flagged, with_fcs, 0],
        )
        assert read_info(path).frames.to_json() == {
            "total": 5,
            "good": 2,
            "bad": 2,
            "absent": 1,
            "unverifiable": 0,
            "claim_disagreements": 2,
            "claimed_bad": 2,
        }

    def test_times_that_fall_are_noticed(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> None:
        """First and last are the extremes; equal times are in order, missing ones do not count."""
        frame = udp_frame(b"x")
        path = tmp_path / "x.pcapng"
        for times, in_order in (([5, None, 5, 9], True), ([5, 9, 7, 8], False)):
            info = read_info(write_capture(path, [frame] * 4, times=times))
            assert (info.first, info.last, info.in_order) == (5, 9, in_order)

    def test_rates_are_sorted(
        self, tmp_path: Path, write_capture: Callable[..., Path], udp_frame: Callable[..., bytes]
    ) -> None:
        """As in a table."""
        path = write_capture(tmp_path / "x", [udp_frame(b"x")] * 4, rates=[54.0, 5.5, 54.0, 1.0])
        assert list(read_info(path).rates.items()) == [(1.0, 1), (5.5, 1), (54.0, 2)]


@pytest.mark.real
class TestRealCaptures:
    """Public captures."""

    def test_gvsp(self, captures: Path) -> None:
        """12,300 frames, 39 bad, and the driver agrees on all."""
        path = captures / "aalborg_cooperation" / "gvsp.pcapng"
        info = read_info(path)
        assert info.packets == info.frames.total == 12_300
        assert (info.frames.bad, info.frames.claim_disagreements) == (39, 0)
        assert info.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert info.statistics == [{"interface": 0, "ifrecv": 12_300, "ifdrop": 0}]
        assert info.interfaces[0].name == "mon0"

    def test_a_driver_that_lies_is_reported(self, captures: Path) -> None:
        """Nine frames fail the FCS and are not flagged."""
        info = read_info(captures / "packetnet" / "80211_plus_radiotap_header.pcap")
        assert (info.frames.bad, info.frames.claim_disagreements) == (9, 9)

    def test_packets_times_and_order_are_those_of_capinfos(self, captures: Path) -> None:
        """For every capture of 802.11 frames that capinfos opens."""
        compared = 0
        for path in sorted(captures.rglob("*.pcap*")):
            done = subprocess.run(
                ["capinfos", "-TmrScaeo", path], capture_output=True, text=True, check=False
            )
            info = read_info(path)
            if done.returncode or not info.frames.total or info.packets != info.frames.total:
                continue
            row = done.stdout.rstrip("\n").split(",")
            assert int(row[1]) == info.packets
            first, last, order = row[2:]
            assert (first, last) == (_seconds(info.first, first), _seconds(info.last, last))
            assert (order == "True") == info.in_order
            compared += 1
        assert compared >= 8


def _seconds(time: int | None, like: str) -> str:
    """Seconds with as many decimals as capinfos shows."""
    assert time is not None
    digits = len(like.partition(".")[2])
    text = f"{time // 10**9}.{time % 10**9:09d}"
    return text[: len(text) - 9 + digits] if digits else text.partition(".")[0]
