"""The header of 802.11b: the standard's examples, and the state that it leaves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.phy.dsss_plcp import header, history
from wtrec.phy.dsss_scrambler import LONG_PREAMBLE_SEED, scramble


def _text(bits: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    return "".join(map(str, bits.tolist()))


def test_the_example_of_the_standard() -> None:
    """15.2.3.7: 24 octets at 1 Mbit/s, bits in the order of transmission, the CRC behind."""
    assert _text(header(24, 1.0)) == ("0101000000000000" + "0000001100000000" + "0101101101010111")


@pytest.mark.parametrize(("rate", "octet"), [(1.0, 0x0A), (2.0, 0x14), (5.5, 0x37), (11.0, 0x6E)])
def test_signal_is_the_rate(rate: float, octet: int) -> None:
    """In units of 100 kbit/s, least significant bit first."""
    assert _text(header(100, rate)[:8]) == format(octet, "08b")[::-1]


@pytest.mark.parametrize(
    ("octets", "length", "extension"),
    [(1023, 744, 0), (1024, 745, 0), (1025, 746, 0), (1026, 747, 1)],
)
def test_length_at_11(octets: int, length: int, extension: int) -> None:
    """16.2.3.5: examples of LENGTH and its extension."""
    bits = header(octets, 11.0)
    assert bits[15] == extension
    assert _text(bits[16:32]) == format(length, "016b")[::-1]


@given(st.integers(0, 4095), st.sampled_from([1.0, 2.0, 5.5, 11.0]))
def test_length_and_extension_give_the_octets_back(octets: int, rate: float) -> None:
    """16.2.3.5: octets = floor(LENGTH * rate / 8) - extension, for every frame."""
    bits = header(octets, rate)
    length = int(_text(bits[16:32])[::-1], 2)
    assert int(length * rate / 8) - int(bits[15]) == octets


def test_history_is_the_end_of_preamble_and_header() -> None:
    """The last seven of 192 scrambled bits; a frame that LENGTH cannot say is refused."""
    sync, sfd = "1" * 128, format(0xF3A0, "016b")[::-1]
    sent = np.array(list(sync + sfd + _text(header(24, 1.0))), np.uint8)
    assert history(24, 1.0).tolist() == scramble(sent, LONG_PREAMBLE_SEED)[-7:].tolist()
    assert len(sent) == 192
    with pytest.raises(ValueError, match="8192 octets take 65536 us at 1 Mbit/s"):
        history(8192, 1.0)
