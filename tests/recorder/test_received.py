"""What a received frame says, of the report's frame, of damaged ones, and of any bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import fcs, radiotap
from wtrec.dot11.radiotap import ChannelFlags, Flags
from wtrec.recorder.inject import Header
from wtrec.recorder.received import frame_facts, udp_payload

MPDU = Header(destination="192.0.2.2").mpdu(b"hello", 1)


def behind(flags: int | None, mpdu: bytes) -> bytes:
    """A frame behind a Radiotap header."""
    more = {} if flags is None else {"flags": flags}
    channel = (2437, ChannelFlags.BAND_2_GHZ)
    return radiotap.build(rate=108, channel=channel, dbm_antenna_signal=-48, **more) + mpdu


def test_the_report_s_frame(listing: bytes) -> None:
    """The driver says that its FCS is good; over decrypted bytes it does not hold."""
    facts = frame_facts(listing, len(listing))
    assert (facts.bad_fcs, facts.fcs, facts.mpdu_offset) == (False, "bad", 39)
    assert (facts.signal_dbm, facts.channel_mhz) == (-67, 2432)
    assert facts.rate_mbps is not None


def test_good_and_bad() -> None:
    """The driver's claim, and our own look at the FCS."""
    frame = behind(Flags.FCS, MPDU)
    facts = frame_facts(frame, len(frame))
    assert (facts.bad_fcs, facts.fcs, facts.rate_mbps) == (False, "good", 54.0)
    assert (facts.signal_dbm, facts.channel_mhz, facts.problem) == (-48, 2437, "")
    assert udp_payload(frame, 127, facts) == b"hello"
    damaged = behind(Flags.FCS | Flags.BAD_FCS, fcs.flip(MPDU, [500]))
    facts = frame_facts(damaged, len(damaged))
    assert (facts.bad_fcs, facts.fcs) == (True, "bad")


def test_what_is_not_there() -> None:
    """No FCS, no Flags field, a frame that was cut, one that is too short for an FCS."""
    assert frame_facts(behind(0, MPDU[:-4]), len(MPDU)).fcs == "absent"
    assert frame_facts(behind(None, MPDU), len(MPDU)).bad_fcs is None
    frame = behind(Flags.FCS, MPDU)
    assert frame_facts(frame[:60], len(frame)).fcs == "cut"
    tiny = behind(Flags.FCS, b"\1")
    assert frame_facts(tiny, len(tiny)).fcs == "bad"
    without = behind(0, MPDU[:-4])
    assert udp_payload(without, 127, frame_facts(without, len(without))) == b"hello"
    assert udp_payload(MPDU[:-4], 105, None) == b"hello"


@given(st.binary(max_size=120))
def test_any_bytes(data: bytes) -> None:
    """Every frame is read or called malformed; nothing is raised."""
    facts = frame_facts(data, len(data))
    for linktype, known in ((127, facts), (105, None), (1, None)):
        udp_payload(data, linktype, known)


@given(st.integers(0, 8 * 61 - 1), st.integers(0, 8 * 61 - 1))
def test_damaged_ethernet(first: int, second: int) -> None:
    """Bit errors in an Ethernet frame raise nothing, and its intact twin has its payload."""
    datagram = Header(destination="192.0.2.2").mpdu(b"hello", 1)[32:-4]
    frame = bytearray(bytes(12) + b"\x08\x00" + datagram)
    assert udp_payload(bytes(frame), 1, None) == b"hello"
    for bit in (first, second):
        if bit < 8 * len(frame):
            frame[bit // 8] ^= 1 << bit % 8
    udp_payload(bytes(frame), 1, None)
