"""Every Radiotap and MAC header of the public captures, as tshark reads it too."""

from __future__ import annotations

import functools
import gzip
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dpkt
import pytest

from wtrec.dot11 import mac, radiotap, rates
from wtrec.errors import FormatError

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]

FILES = [
    "aalborg_cooperation/gvsp.pcapng",
    "aircrack-ng/test1.pcap",
    "fragattacks/linux-plain-fromap.pcapng",
    "packetnet/80211_beacon_no_fcs.pcap",
    "packetnet/80211_plus_radiotap_header.pcap",
    "packetnet/80211_radiotap_with_extended_presence_mask.pcap",
    "tcpdump/ieee802.11_meshid.pcap",
    "wireshark/wpa-test-decode-tdls.pcap.gz",
    "wireshark/wpa-test-decode.pcap.gz",
    "zeek/radiotap.pcap",
]

RADIOTAP_FIELDS: dict[str, Callable[[radiotap.Radiotap], Any]] = {
    "radiotap.length": lambda header: header.length,
    "radiotap.mactime": lambda header: header.get("tsft"),
    "radiotap.flags": lambda header: header.get("flags"),
    "radiotap.channel.freq": lambda header: getattr(header.get("channel"), "frequency_mhz", None),
    "radiotap.dbm_antsignal": lambda header: header.get("dbm_antenna_signal"),
    "radiotap.dbm_antnoise": lambda header: header.get("dbm_antenna_noise"),
    "radiotap.antenna": lambda header: header.get("antenna"),
    "radiotap.rxflags": lambda header: header.get("rx_flags"),
    "radiotap.txflags": lambda header: header.get("tx_flags"),
    "radiotap.mcs.index": lambda header: getattr(header.get("mcs"), "mcs", None),
    "radiotap.ampdu.reference": lambda header: getattr(header.get("a_mpdu"), "reference", None),
    "radiotap.timestamp.ts": lambda header: getattr(header.get("timestamp"), "timestamp", None),
}
MAC_FIELDS = {
    "wlan.fc.version": "version",
    "wlan.fc.type": "type",
    "wlan.fc.subtype": "subtype",
    "wlan.fc.tods": "to_ds",
    "wlan.fc.fromds": "from_ds",
    "wlan.fc.frag": "more_fragments",
    "wlan.fc.retry": "retry",
    "wlan.fc.pwrmgt": "power_management",
    "wlan.fc.moredata": "more_data",
    "wlan.fc.protected": "protected",
    "wlan.fc.order": "order",
    "wlan.seq": "sequence",
    "wlan.frag": "fragment",
    "wlan.qos": "qos_control",
}
OTHERS = ["wlan_radio.data_rate", "wlan.ra", "wlan.ta", "wlan.da", "wlan.sa", "wlan.bssid"]
OTHERS += ["wlan.duration", "udp.payload", "wlan.fcs.status"]
Row = dict[str, str]


def frames(path: Path) -> Iterator[tuple[bytes, Row]]:
    """Each packet's bytes, and what tshark has for it, first occurrences."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    packets = [bytes(packet) for _, packet in dpkt.pcap.UniversalReader(io.BytesIO(data))]
    names = [*RADIOTAP_FIELDS, *MAC_FIELDS, *OTHERS]
    lines = dissected(path, *names)
    for packet, line in zip(packets, lines, strict=True):
        yield packet, dict(zip(names, line.split("|"), strict=True))


@functools.cache  # two tests want the largest
def dissected(path: Path, *names: str) -> list[str]:
    """What tshark prints of each packet."""
    command = ["tshark", "-n", "-r", str(path), "-o", "wlan.check_checksum:TRUE"]
    command += ["-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
    for name in names:
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return output.splitlines()


def number(text: str) -> int | None:
    """The decimal or hexadecimal number that tshark prints; ``None`` for no value."""
    return int(text, 0) if text else None


def address(text: str) -> bytes | None:
    """The address that tshark prints; ``None`` for no value."""
    return bytes.fromhex(text.replace(":", "")) if text else None


def check_addresses(read: mac.MacHeader, row: Row) -> None:
    """Addresses by their places are those that tshark names by their roles."""
    ends = (read.type, read.subtype) == (mac.CONTROL, mac.ControlSubtype.CF_END)
    assert read.addr1 == address(row["wlan.ra"])
    assert read.addr2 == address(row["wlan.bssid" if ends else "wlan.ta"])
    if read.type in {mac.MANAGEMENT, mac.DATA}:
        roles = {
            (False, False): ("wlan.bssid", ""),
            (False, True): ("wlan.sa", ""),
            (True, False): ("wlan.da", ""),
            (True, True): ("wlan.da", "wlan.sa"),
        }
        third, fourth = roles[bool(read.to_ds), bool(read.from_ds)]
        assert read.addr3 == address(row[third])
        assert read.addr4 == (address(row[fourth]) if fourth else None)


@pytest.mark.parametrize("name", FILES)
def test_headers(captures: Path, name: str) -> None:
    """Fields, flags, addresses, numbers and rates are those that tshark prints, frame by frame."""
    for packet, row in frames(captures / name):
        header = radiotap.parse(packet)
        assert radiotap.parse(radiotap.encode(header)) == header  # padding is not always zero
        for field, get in RADIOTAP_FIELDS.items():
            assert get(header) == number(row[field]), field
        rate = rates.from_radiotap(header)
        assert (rate.mbps if rate else 0) == float(row["wlan_radio.data_rate"] or 0)

        has_fcs = bool((header.get("flags") or 0) & radiotap.Flags.FCS)
        mpdu = packet[header.length : -4 if has_fcs else None]
        read = mac.parse(mpdu)
        if read.version:  # a bad frame: tshark stops here
            assert read.version == number(row["wlan.fc.version"])
            continue
        for field, attribute in MAC_FIELDS.items():
            assert getattr(read, attribute) == number(row[field]), field
        duration = number(row["wlan.duration"])
        assert duration is None or (read.duration or 0) & 0x7FFF == duration
        check_addresses(read, row)


def test_udp_payloads(captures: Path) -> None:
    """In a capture of one UDP stream, payloads are found where tshark finds them."""
    found = 0
    for packet, row in frames(captures / FILES[0]):
        header = radiotap.parse(packet)
        mpdu = packet[header.length : -4]
        place = mac.udp_payload(mpdu)
        if place is not None:
            offset, length = place
            assert mpdu[offset : offset + length].hex() == row["udp.payload"]
            found += 1
        else:
            assert row["wlan.fcs.status"] != "1" or not row["udp.payload"]
    assert found > 12_000


def test_fuzz_case(captures: Path) -> None:
    """The header that announces a second word and ends before it is refused."""
    data = (captures / "tcpdump/radiotap-heapoverflow.pcap").read_bytes()
    packet = data[24 + 16 :]
    with pytest.raises(FormatError):
        radiotap.parse(packet)
