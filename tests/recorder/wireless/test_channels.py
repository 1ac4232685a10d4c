"""Channel numbers, frequencies, and what belongs to wide channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wtrec.errors import CaptureError
from wtrec.recorder.wireless.channels import (
    WIDTH_NAMES,
    Channel,
    channel_number,
    describe,
    frequency,
)


class TestNumbers:
    """Numbers and frequencies."""

    @pytest.mark.parametrize(
        ("number", "mhz"), [(1, 2412), (6, 2437), (13, 2472), (14, 2484), (36, 5180), (165, 5825)]
    )
    def test_known(self, number: int, mhz: int) -> None:
        """The numbers of Annex E."""
        assert frequency(number) == mhz
        assert channel_number(mhz) == number

    @given(st.integers(0, 300))
    def test_there_and_back(self, number: int) -> None:
        """Each number that has a frequency is the number of this frequency."""
        mhz = frequency(number)
        assert mhz is None or channel_number(mhz) == number

    def test_described(self) -> None:
        """For people, number, frequency and width; what is not known stays out."""
        assert describe(2437, 1) == "6 (2437 MHz), width: 20 MHz"
        assert describe(7115, None) == "233 (7115 MHz)"
        assert describe(4950, 99) == "? (4950 MHz), width: code 99"


class TestChannel:
    """Channels as users name them."""

    @pytest.mark.parametrize(
        ("text", "width", "mhz", "center"),
        [
            ("6", "20", 2437, 2437),
            ("1", "40+", 2412, 2422),
            ("11", "40-", 2462, 2452),
            ("36", "80", 5180, 5210),
            ("48", "80", 5240, 5210),
            ("100", "80", 5500, 5530),
            ("144", "80", 5720, 5690),
            ("149", "80", 5745, 5775),
            ("161", "80", 5805, 5775),
            ("177", "80", 5885, 5855),
            ("5955", "80", 5955, 5985),
            ("6095", "80", 6095, 6065),
        ],
    )
    def test_centre(self, text: str, width: str, mhz: int, center: int) -> None:
        """The centre of a wide channel is that of Annex E."""
        channel = Channel.parse(text, width)
        assert (channel.mhz, channel.center_mhz) == (mhz, center)

    @given(st.text(max_size=6), st.sampled_from(WIDTH_NAMES))
    def test_any_text(self, text: str, width: str) -> None:
        """Text is a channel in the bands, or an error."""
        try:
            assert 2412 <= Channel.parse(text, width).mhz <= 7115
        except CaptureError as error:
            assert "\n" not in str(error)  # noqa: PT017 - one line, whatever the text

    @pytest.mark.parametrize("text", ["0", "15", "31", "178", "999", "2400", "7120", "six", "-6"])
    def test_none(self, text: str) -> None:
        """What is no channel is refused, with what is wanted."""
        with pytest.raises(CaptureError, match=r"wanted a channel of 2.4 GHz \(1 to 14\)"):
            Channel.parse(text)

    def test_too_wide(self) -> None:
        """There are no 80 MHz at 2.4 GHz."""
        with pytest.raises(CaptureError, match="channel '6': there is no width of 80 MHz"):
            Channel.parse("6", "80")
