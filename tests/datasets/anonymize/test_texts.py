from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.datasets.anonymize.frames import Frames
from wtrec.datasets.anonymize.key import Key
from wtrec.datasets.anonymize.texts import Texts

AP = bytes.fromhex("00c0caab12cd")
FRAMES = Frames(Key(bytes(range(32))), [])
NEW = FRAMES.macs.replace(AP)
NEW_IP = ".".join(map(str, FRAMES.ips.replace(bytes([192, 0, 2, 1]))))


@pytest.fixture(scope="module")
def texts() -> Texts:
    """With a machine, a network and an address that are known."""
    made = Texts(FRAMES)
    made.add({"adas-laptop": "host", "lab": "host"})
    made.add_networks([b"CafeLovelace", b"192", b"ab"])
    made.add_macs([AP])
    return made


TEXTS = Texts(FRAMES)
TEXTS.add_macs([AP])
AROUND = st.text(st.sampled_from(" :-_./=,;()[]@#xyz\n\u00e9") | st.characters(), max_size=8)


def _written(address: bytes, spelling: str) -> str:
    text = {"bare": "", "dots": ""}.get(spelling, spelling)
    if spelling == "dots":
        digits = address.hex()
        return ".".join(digits[at : at + 4] for at in (0, 4, 8))
    return address.hex(text) if text else address.hex()


@given(AROUND, AROUND, st.sampled_from([":", "-", "_", ".", "bare", "dots"]), st.booleans())
def test_a_known_address_goes_whatever_stands_around_it(
    before: str, behind: str, spelling: str, is_upper: bool
) -> None:
    """In each spelling, unless more of its own digits stand next to it."""
    hexadecimal = set("0123456789abcdefABCDEF")
    if before[-1:] in hexadecimal or behind[:1] in hexadecimal:
        return
    old, new = _written(AP, spelling), _written(NEW, spelling)
    old, new = (old.upper(), new.upper()) if is_upper else (old, new)
    found = TEXTS.replace(f"{before}{old}{behind}")
    assert old not in found
    assert found.count(new) == 1 or "/" in before + behind or ":" in before + behind


@given(AROUND, AROUND)
def test_an_ip_address_goes_whatever_stands_around_it(before: str, behind: str) -> None:
    """Unless more numbers stand next to it."""
    if before[-1:].isnumeric() or behind[:1].isnumeric():
        return
    assert "192.0.2.1" not in TEXTS.replace(f"{before}192.0.2.1{behind}")


@given(st.text(max_size=200) | st.text("0123456789abcdefF:.-_ /~", max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    """The same becomes the same."""
    assert TEXTS.replace(text) == TEXTS.replace(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bssid:00:c0:ca:ab:12:cd", f"bssid:{NEW.hex(':')}"),
        ("ap-00-c0-ca-ab-12-cd.pcapng", f"ap-{NEW.hex('-')}.pcapng"),
        ("ab-00-c0-ca-ab-12-cd-11", f"ab-{NEW.hex('-')}-11"),
        ("wlx00c0caab12cd", f"wlx{NEW.hex()}"),
        ("00_C0_CA_AB_12_CD", NEW.hex("_").upper()),
        ("192.0.2.1:5004", f"{NEW_IP}:5004"),
        ("gw_192.0.2.1.pcapng", f"gw_{NEW_IP}.pcapng"),
        ("ip:192.0.2.1.", f"ip:{NEW_IP}."),
        ("300.192.0.2.1", f"300.{NEW_IP}"),
        ("adas-laptop_00001_20260101120000.pcapng", "host_00001_20260101120000.pcapng"),
        ("run_adas-laptop, lab_2", "run_host, host_2"),
        ("/home/ada", "~"),
        ("of /home/ada/ and ~ada", "of ~ and ~"),
        ("file:///home/ada/x.pcap", "file://x.pcap"),
        ("C:\\Users\\ada\\x.pcap", "C:x.pcap"),
        ("/data/ada/x.pcap", "x.pcap"),
        ("https://ada@example.org/x", "https://example.org/x"),
    ],
)
def test_usual_spellings(texts: Texts, old: str, new: str) -> None:
    """Of addresses, machines and folders."""
    assert texts.replace(old) == new


def test_two_addresses_side_by_side_are_two(texts: Texts) -> None:
    """With a hyphen between them."""
    one, other = b"\2\0\0\0\0\1", b"\2\0\0\0\0\2"
    found = texts.replace(f"{one.hex(':')}-{other.hex(':')}")
    assert found == "-".join(FRAMES.macs.replace(each).hex(":") for each in (one, other))


def test_of_more_digits_than_an_address_has_none_is_left(texts: Texts) -> None:
    """Nobody knows which of them are the address."""
    assert not set(texts.replace("a1:b2:c3:d4:e5:f6:a7").split(":")) & {"a1", "b2", "f6", "a7"}


def test_ipv6_addresses_keep_common_prefixes(texts: Texts) -> None:
    """With a port, a zone or a word in front."""
    found = texts.replace("[2001:db8::1]:80, 2001:db8::2%eth0, addr:2001:db8::1")
    assert "2001:db8" not in found
    first, second, third = found.split(", ")
    assert first[1:-4] == third.removeprefix("addr:")
    assert first[1:-6] == second.removesuffix("%eth0")[:-2]


@pytest.mark.parametrize(
    "text",
    [
        "std::string",
        "12:30:45",
        "2026-11-26 12:00:00",
        "run.tx.parquet",
        "a/b/c",
        "~5 dB, ~/x",
        "::",
    ],
)
def test_what_is_none_stays(texts: Texts, text: str) -> None:
    """Times, dates, code, names of files; parts of names."""
    assert texts.replace(text) == text
    assert texts.replace("CafeLovelaces") == "CafeLovelaces"


def test_names_of_networks_become_what_they_are_in_frames(texts: Texts) -> None:
    """Those that are long enough; and no address is spoilt by one of digits."""
    name = FRAMES.contents.ssid(b"CafeLovelace").decode()
    assert texts.replace("CafeLovelace_1 (ab)") == f"{name}_1 (ab)"
    assert texts.replace("192.0.2.1") == NEW_IP


def test_only_values_of_json_are_replaced(texts: Texts) -> None:
    """Also in lists and objects."""
    value = {"lab": [{"lab": "lab", "n": 192}, "lab"], "x": None}
    assert texts.replace_in(value) == {"lab": [{"lab": "host", "n": 192}, "host"], "x": None}
