"""Every 802.11 frame of the public captures, column by column as tshark has it.

Where tshark differs, and is not followed:

* it does not dissect frames of a protocol version other than 0 (flipped bits, in bad
  frames), so their MAC columns are compared only for the others;
* it needs the driver's word that there is an FCS: without it ``wlan.fcs.status`` is empty,
  although the last four bytes may be the right CRC;
* it calls the second address of a CF-End a BSSID, and no transmitter.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from wtrec.datasets.reader import read_frames
from wtrec.dot11 import mac

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
FIELDS = [
    "frame.number",
    "frame.time_epoch",
    "frame.len",
    "frame.cap_len",
    "frame.interface_id",
    "radiotap.length",
    "radiotap.mactime",
    "radiotap.channel.freq",
    "radiotap.dbm_antsignal",
    "radiotap.dbm_antnoise",
    "radiotap.antenna",
    "radiotap.flags.badfcs",
    "radiotap.flags.fcs",
    "radiotap.mcs.index",
    "wlan_radio.data_rate",
    "wlan.fcs.status",
    "wlan.fc.version",
    "wlan.fc.type",
    "wlan.fc.subtype",
    "wlan.fc.tods",
    "wlan.fc.fromds",
    "wlan.fc.retry",
    "wlan.fc.protected",
    "wlan.seq",
    "wlan.frag",
    "wlan.ra",
    "wlan.ta",
    "wlan.bssid",
]
Row = dict[str, str]


def dissected(path: Path) -> list[Row]:
    """What tshark prints for each packet, first occurrences."""
    command = ["tshark", "-n", "-r", str(path), "-o", "wlan.check_checksum:TRUE"]
    command += ["-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
    for name in FIELDS:
        command += ["-e", name]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [dict(zip(FIELDS, line.split("|"), strict=True)) for line in output.splitlines()]


def number(text: str) -> int | None:
    """The decimal or hexadecimal number that tshark prints; ``None`` for no value."""
    return int(text, 0) if text else None


def address(text: str) -> bytes | None:
    """The address that tshark prints; ``None`` for no value."""
    return bytes.fromhex(text.replace(":", "")) if text else None


def nanoseconds(text: str) -> int:
    """Seconds with nine decimals, exactly."""
    seconds, decimals = text.split(".")
    assert len(decimals) == 9
    return int(seconds) * 10**9 + int(decimals)


def check_radio(row: dict[str, Any], said: Row) -> None:
    """The columns that come from the file and from Radiotap."""
    assert row["number"] == number(said["frame.number"])
    assert row["time"] == nanoseconds(said["frame.time_epoch"])
    assert row["interface"] == int(said["frame.interface_id"] or 0)
    header = int(said["radiotap.length"])
    assert row["original_length"] == int(said["frame.len"]) - header
    assert len(row["mpdu"]) == int(said["frame.cap_len"]) - header
    assert row["tsft_us"] == number(said["radiotap.mactime"])
    assert row["channel_mhz"] == number(said["radiotap.channel.freq"])
    assert row["signal_dbm"] == number(said["radiotap.dbm_antsignal"])
    assert row["noise_dbm"] == number(said["radiotap.dbm_antnoise"])
    assert row["antenna"] == number(said["radiotap.antenna"])
    assert row["fcs_present"] == number(said["radiotap.flags.fcs"])
    assert row["bad_fcs"] == number(said["radiotap.flags.badfcs"])
    assert row["mcs"] == number(said["radiotap.mcs.index"])
    assert (row["rate_mbps"] or 0) == float(said["wlan_radio.data_rate"] or 0)


def check_frame(row: dict[str, Any], said: Row) -> None:
    """The columns that come from the MAC header."""
    assert row["type"] == number(said["wlan.fc.type"])
    assert row["subtype"] == number(said["wlan.fc.subtype"])
    assert row["to_ds"] == number(said["wlan.fc.tods"])
    assert row["from_ds"] == number(said["wlan.fc.fromds"])
    assert row["retry"] == number(said["wlan.fc.retry"])
    assert row["protected"] == number(said["wlan.fc.protected"])
    assert row["sequence"] == number(said["wlan.seq"])
    assert row["fragment"] == number(said["wlan.frag"])
    assert row["addr1"] == address(said["wlan.ra"])
    ends = (row["type"], row["subtype"]) == (mac.CONTROL, mac.ControlSubtype.CF_END)
    assert row["addr2"] == address(said["wlan.bssid" if ends else "wlan.ta"])


@pytest.mark.parametrize("name", FILES)
def test_columns(captures: Path, name: str) -> None:
    """Order, exact times, lengths, radio, verdicts and MAC header of each frame."""
    table = read_frames(captures / name).read_all()
    time = table.schema.get_field_index("time")
    table = table.set_column(time, "time", table["time"].cast("int64"))
    verdicts = {"1": "good", "0": "bad"}
    for row, said in zip(table.to_pylist(), dissected(captures / name), strict=True):
        check_radio(row, said)
        if said["wlan.fc.version"] == "0":
            check_frame(row, said)
            if row["fcs_present"]:
                assert row["fcs_status"] == verdicts[said["wlan.fcs.status"]]
            else:
                assert said["wlan.fcs.status"] == ""
                assert row["fcs_status"] in {"good", "absent"}
        else:
            assert row["fcs_status"] == "bad"
