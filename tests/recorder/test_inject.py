"""Frames of our own making: what they hold, and how drivers and Wireshark read them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.dot11 import fcs, mac, radiotap
from wtrec.dot11.radiotap import TxFlags
from wtrec.recorder.inject import HEADERS_LENGTH, MAX_PAYLOAD, FrameMaker, Header
from wtrec.recorder.steps import Step, parse_step

HEADER = Header(destination="192.0.2.2", port=6000, retries=3)


@given(st.binary(max_size=MAX_PAYLOAD), st.integers(0, 2**64 - 1))
def test_mpdu(payload: bytes, packet_id: int) -> None:
    """The payload in a datagram in a data frame with a good FCS, 64 bytes around it."""
    mpdu = HEADER.mpdu(payload, packet_id)
    assert len(mpdu) == len(payload) + HEADERS_LENGTH
    assert fcs.syndrome(mpdu) == 0
    place = mac.udp_payload(mpdu[:-4])
    assert place is not None
    assert mpdu[place[0] :][: place[1]] == payload
    header = mac.parse(mpdu)
    assert (header.from_ds, header.to_ds, header.retry) == (True, False, False)
    assert (header.duration, header.sequence) == (0, packet_id % 4096)
    assert header.addr1 == b"\xff" * 6  # a group: no ACK, no retries


@given(st.data(), st.integers(0, MAX_PAYLOAD), st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_the_quick_maker_is_right(data: st.DataObject, length: int, ids: list[int]) -> None:
    """One after the other, its frames are those that are made from nothing."""
    maker = FrameMaker(HEADER, length)
    for packet_id in ids[:5]:
        payload = data.draw(
            st.binary(min_size=length, max_size=length)
            | st.sampled_from([bytes(length), b"\xff" * length])
        )
        assert maker.mpdu(payload, packet_id) == HEADER.mpdu(payload, packet_id)


def test_every_checksum() -> None:
    """All sums that two bytes can lead to, the special ones among them."""
    maker = FrameMaker(HEADER, 2)
    for word in range(0x10000):
        payload = word.to_bytes(2, "big")
        assert maker.mpdu(payload, word) == HEADER.mpdu(payload, word)


def test_radiotap() -> None:
    """Rate, flags, power and retries, as the step and the header say."""
    read = radiotap.parse(HEADER.radiotap(parse_step("rate=5.5,power=15.4")))
    assert read.get("flags") == 0
    assert read.get("rate") == 11
    assert read.get("dbm_tx_power") == 15
    assert read.get("tx_flags") == TxFlags.NO_ACK | TxFlags.NO_SEQUENCE
    assert read.get("data_retries") == 3
    plain = radiotap.parse(Header(destination="192.0.2.2", ack=True).radiotap(Step()))
    assert plain.get("rate") is None
    assert plain.get("tx_flags") == TxFlags.NO_SEQUENCE


@pytest.mark.parametrize("text", ["rate=5.7", "rate=128", "rate=0.1", "power=200"])
def test_what_radiotap_cannot_say(text: str) -> None:
    """Rates and powers that the header has no number for are refused, not rounded."""
    with pytest.raises(ValueError, match=r"rate_mbps=|dbm_tx_power"):
        HEADER.radiotap(parse_step(text))


@pytest.mark.parametrize(
    "wrong",
    [Header(destination="2001:db8::1"), Header(destination="192.0.2.2", addr1=b"123")],
)
def test_no_address(wrong: Header) -> None:
    """IPv4 alone, and MAC addresses of six bytes."""
    with pytest.raises(ValueError, match=r"."):
        wrong.mpdu(b"", 0)


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
def test_tshark_reads_it(tmp_path: Path) -> None:
    """Wireshark sees the same header, frame, datagram and checksums."""
    import struct

    frame = HEADER.radiotap(parse_step("rate=54")) + HEADER.mpdu(b"msg37", 37)[:-4]
    capture = tmp_path / "one.pcap"
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 127)
    capture.write_bytes(head + struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    expected = {
        "radiotap.datarate": "54",
        "radiotap.txflags": "0x0018",
        "radiotap.data_retries": "3",
        "radiotap.flags.fcs": "False",
        "wlan.seq": "37",
        "wlan.da": "ff:ff:ff:ff:ff:ff",
        "wlan.duration": "0",
        "ip.dst": "192.0.2.2",
        "ip.checksum.status": "1",
        "udp.dstport": "6000",
        "udp.checksum.status": "1",
        "udp.payload": b"msg37".hex(),
    }
    words = ["tshark", "-r", str(capture), "-T", "fields", "-E", "separator=|"]
    words += ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
    done = subprocess.run(
        [*words, *(word for name in expected for word in ("-e", name))],
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(zip(expected, done.stdout.strip().split("|"), strict=True))
    if found["radiotap.flags.fcs"] == "0":  # up to tshark 4.0
        found["radiotap.flags.fcs"] = "False"
    assert found == expected
