"""What arrives: frames, their FCS, bad ones, and whether the driver's claims are true.

Nothing here believes a claim: the CRC of a frame holds or not. Where it holds for what the driver
calls good frames, their FCS is there, whatever Radiotap's flag 0x10 says; where it never does,
it is not. A wrong frame passes a CRC once in 4 billion times.
"""

from __future__ import annotations

import select
import socket
import time
from dataclasses import dataclass, field

from ...dot11 import fcs, radiotap
from ...errors import FormatError
from ..interface import Interface
from .findings import Finding, Status

_ETH_P_ALL = 0x0003
_SOL_PACKET, _IGNORE_OUTGOING = 263, 23
_SO_RCVBUFFORCE = 33
_BUFFER = 16 << 20
_LONGEST = 1 << 16
_RADIOTAP = 127
_SHORTEST = 10 + fcs.LENGTH  # an ACK
_ENOUGH = 10  # frames that decide whether the FCS is there
_MANY = 1000  # good frames among which a bad one may be expected


@dataclass(slots=True)
class Tally:
    """Counts of frames.

    Attributes:
        frames: All.
        unreadable: With a damaged Radiotap header, or shorter than any frame is.
        padded: With padding between header and body (flag 0x20), which the FCS does not cover:
            not judged.
        without_flags: With a header that says nothing of the FCS.
        seen: Number of others by what is claimed and what is so: (FCS there, bad, CRC holds).
    """

    frames: int = 0
    unreadable: int = 0
    padded: int = 0
    without_flags: int = 0
    seen: dict[tuple[bool, bool, bool], int] = field(default_factory=dict)

    def add(self, packet: bytes, *, has_radiotap: bool = True) -> None:
        """Count one frame."""
        self.frames += 1
        flags: int | None = None
        if has_radiotap:
            try:
                header = radiotap.parse(packet)
            except FormatError:
                self.unreadable += 1
                return
            flags, packet = header.get("flags"), packet[header.length :]
        if len(packet) < _SHORTEST - fcs.LENGTH:
            self.unreadable += 1
            return
        if flags is None:
            self.without_flags += 1
            flags = 0
        if flags & radiotap.Flags.DATAPAD:
            self.padded += 1
            return
        key = (
            bool(flags & radiotap.Flags.FCS),
            bool(flags & radiotap.Flags.BAD_FCS),
            fcs.syndrome(packet) == 0,
        )
        self.seen[key] = self.seen.get(key, 0) + 1

    def count(
        self,
        *,
        claims_fcs: bool | None = None,
        claims_bad: bool | None = None,
        holds: bool | None = None,
    ) -> int:
        """Frames for which these are so; None counts both."""
        wanted = (claims_fcs, claims_bad, holds)
        return sum(
            number
            for key, number in self.seen.items()
            if all(want is None or want == is_so for want, is_so in zip(wanted, key, strict=True))
        )


def frames(facts: Interface, seconds: float) -> list[Finding]:
    """Listen to an interface that is up, and judge what comes."""
    try:
        tally = listen(facts, seconds)
    except OSError as error:
        return [
            Finding(
                "frames",
                Status.UNKNOWN,
                f"cannot listen to {facts.name}: {error.strerror}",
                "run it with sudo" if isinstance(error, PermissionError) else "",
            )
        ]
    return judge(tally, facts.name, seconds)


def listen(facts: Interface, seconds: float) -> Tally:
    """Count what arrives in so many seconds.

    Raises:
        OSError: No right, or the interface went away.
    """
    tally = Tally()
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        except PermissionError:  # what the kernel grants everybody will do
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        sock.bind((facts.name, _ETH_P_ALL))
        while (left := end - time.monotonic()) > 0:
            if select.select([sock], [], [], left)[0]:
                tally.add(sock.recv(_LONGEST), has_radiotap=facts.linktype == _RADIOTAP)
    return tally


def judge(tally: Tally, name: str, seconds: float) -> list[Finding]:
    """What the counts mean."""
    if not tally.frames:
        return [
            Finding(
                "frames",
                Status.WARNING,
                f"no frame in {seconds:g} s",
                f"tune to a channel in use (iw dev {name} set channel 6), or let something send; "
                "then listen for longer: --listen 30",
            )
        ]
    found = [Finding("frames", Status.OK, f"{tally.frames:,} frames in {seconds:g} s")]
    if tally.unreadable:
        found.append(
            Finding(
                "frame-headers",
                Status.WARNING,
                f"{tally.unreadable:,} of {tally.frames:,} frames have no readable Radiotap header "
                "or are shorter than a frame can be",
                "report it to the driver's authors",
            )
        )
    present = _fcs_is_there(tally)
    found.append(_fcs(tally, present))
    found.append(_bad(tally, present, name))
    if present:
        found.append(_claims(tally))
    return found


def _fcs_is_there(tally: Tally) -> bool | None:
    """Whether frames end with their FCS; None where there are too few good ones to tell."""
    # a share of all is proof enough: bad frames may come in without a claim, good ones with one
    if tally.count(holds=True) >= max(1, sum(tally.seen.values()) // 50):
        return True
    return False if tally.count(claims_bad=False) >= _ENOUGH else None


def _fcs(tally: Tally, present: bool | None) -> Finding:
    good = tally.count(claims_bad=False)
    holds = tally.count(claims_bad=False, holds=True)
    claimed = tally.count(claims_fcs=True)
    evidence = f"the CRC holds for {holds:,} of {good:,} frames that are not claimed to be bad"
    if present and not holds:
        evidence = f"the CRC holds for {tally.count(holds=True):,} frames"
    if present is None:
        return Finding(
            "fcs",
            Status.UNKNOWN,
            f"too few good frames to tell whether the FCS is there: {evidence}",
            "listen for longer: --listen 30",
        )
    if not present:
        lie = f"; the driver claims it for {claimed:,} frames, which is not true" if claimed else ""
        return Finding(
            "fcs",
            Status.PROBLEM,
            f"frames come without their FCS: {evidence}{lie}",
            "use a driver that delivers it (ath9k, carl9170, b43, rtw88); without it neither we "
            "nor an algorithm can tell good frames from bad ones",
        )
    unclaimed = tally.count(claims_fcs=False, holds=True)
    if unclaimed:
        return Finding(
            "fcs",
            Status.WARNING,
            f"{unclaimed:,} frames end with their FCS, and the driver does not say so (Radiotap "
            "flag 0x10): wtrec takes them for frames without FCS",
            "report it to the driver's authors",
        )
    return Finding("fcs", Status.OK, f"frames end with their FCS: {evidence}")


def _bad(tally: Tally, present: bool | None, name: str) -> Finding:
    if present:
        bad = tally.count(holds=False)
        how = "their CRC does not hold"
    else:
        bad, how = tally.count(claims_bad=True), "the driver's claim"
    judged = sum(tally.seen.values())
    if bad:
        return Finding(
            "bad-frames",
            Status.OK,
            f"bad frames arrive: {bad:,} of {judged:,} ({bad / judged:.1%}), {how}",
        )
    few = judged < _MANY
    return Finding(
        "bad-frames",
        Status.UNKNOWN if few else Status.WARNING,
        f"no bad frame among {judged:,}: the air is clean, or the driver drops them",
        (
            "listen for longer (--listen 60) and go farther away or lower the sender's power"
            if few
            else f"make the interface anew with flag fcsfail (wtrec monitor del {name}, "
            "wtrec monitor add); if it has it, the driver ignores it: take another card"
        ),
    )


def _claims(tally: Tally) -> Finding:
    false_alarms = tally.count(claims_bad=True, holds=True)
    missed = tally.count(claims_bad=False, holds=False)
    judged = sum(tally.seen.values())
    if not false_alarms and not missed:
        return Finding(
            "claims", Status.OK, f"the driver's claims agree with the CRC of {judged:,} frames"
        )
    return Finding(
        "claims",
        Status.WARNING,
        f"of {judged:,} frames {missed:,} are bad without being claimed to be, {false_alarms:,} "
        "are claimed to be bad and are not (a bad PLCP is claimed alike)",
        "none needed: wtrec goes by the CRC, other tools may go by the claim",
    )
