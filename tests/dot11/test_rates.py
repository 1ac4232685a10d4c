"""Data rates, against the tables of the standard (sections 19.5, 21.5 and 27.5)."""

from __future__ import annotations

from typing import Any

import pytest

from wtrec.dot11 import radiotap, rates
from wtrec.dot11.radiotap import Radiotap, Tlv
from wtrec.dot11.rates import Rate

Table = dict[tuple[int, bool], list[float]]

HT: Table = {  # (bandwidth, short GI): MCS 0 to 7
    (20, False): [6.5, 13, 19.5, 26, 39, 52, 58.5, 65],
    (20, True): [7.2, 14.4, 21.7, 28.9, 43.3, 57.8, 65, 72.2],
    (40, False): [13.5, 27, 40.5, 54, 81, 108, 121.5, 135],
    (40, True): [15, 30, 45, 60, 90, 120, 135, 150],
}
HT_UNEQUAL = [  # MCS 33 to 76 in 20 MHz with long GI
    39, 52, 65, 58.5, 78, 97.5,
    52, 65, 65, 78, 91, 91, 104, 78, 97.5, 97.5, 117, 136.5, 136.5, 156,
    65, 78, 91, 78, 91, 104, 117, 104, 117, 130, 130, 143,
    97.5, 117, 136.5, 117, 136.5, 156, 175.5, 156, 175.5, 195, 195, 214.5,
]  # fmt: skip
VHT: Table = {  # (bandwidth, short GI): MCS 0 to 9 on one stream
    (20, False): [6.5, 13, 19.5, 26, 39, 52, 58.5, 65, 78],
    (40, True): [15, 30, 45, 60, 90, 120, 135, 150, 180, 200],
    (80, False): [29.3, 58.5, 87.8, 117, 175.5, 234, 263.3, 292.5, 351, 390],
    (80, True): [32.5, 65, 97.5, 130, 195, 260, 292.5, 325, 390, 433.3],
    (160, True): [65, 130, 195, 260, 390, 520, 585, 650, 780, 866.7],
}
HE = {  # (bandwidth, GI in ns): MCS 0 to 11 on one stream
    (20, 800): [8.6, 17.2, 25.8, 34.4, 51.6, 68.8, 77.4, 86, 103.2, 114.7, 129, 143.4],
    (20, 1600): [8.1, 16.3, 24.4, 32.5, 48.8, 65, 73.1, 81.3, 97.5, 108.3, 121.9, 135.4],
    (20, 3200): [7.3, 14.6, 21.9, 29.3, 43.9, 58.5, 65.8, 73.1, 87.8, 97.5, 109.7, 121.9],
    (40, 800): [17.2, 34.4, 51.6, 68.8, 103.2, 137.6, 154.9, 172.1, 206.5, 229.4, 258.1, 286.8],
    (80, 800): [36, 72.1, 108.1, 144.1, 216.2, 288.2, 324.3, 360.3, 432.4, 480.4, 540.4, 600.5],
}


class TestTables:
    """Rates as the standard prints them."""

    @pytest.mark.parametrize("key", HT)
    def test_ht(self, key: tuple[int, bool]) -> None:
        """MCS 0 to 7 are those of the tables, and n streams carry n times as much."""
        bandwidth, short_gi = key
        found = [rates.ht(mcs, bandwidth, short_gi=short_gi) for mcs in range(32)]
        assert [rate.mbps for rate in found[:8]] == HT[key]
        assert [rate.nss for rate in found] == [n for n in (1, 2, 3, 4) for _ in range(8)]
        for mcs, rate in enumerate(found):
            assert rate.mbps == pytest.approx(found[mcs % 8].mbps * (mcs // 8 + 1), abs=0.2)

    @pytest.mark.parametrize(
        ("mcs", "bandwidth", "short_gi", "mbps"),
        [(15, 40, True, 300), (31, 40, True, 600), (32, 40, False, 6), (32, 40, True, 6.7),
         (76, 40, True, 495), (38, 40, False, 202.5), (33, 20, True, 43.3)],
    )  # fmt: skip
    def test_ht_single(self, mcs: int, bandwidth: int, short_gi: bool, mbps: float) -> None:
        """Single rates: the fastest ones, the duplicate, unequal modulation."""
        assert rates.ht(mcs, bandwidth, short_gi=short_gi).mbps == mbps

    def test_ht_unequal(self) -> None:
        """MCS 33 to 76 are those of the tables, on two, three and four streams."""
        found = [rates.ht(mcs, 20, short_gi=False) for mcs in range(33, 77)]
        assert [rate.mbps for rate in found] == HT_UNEQUAL
        assert [rate.nss for rate in found] == [2] * 6 + [3] * 14 + [4] * 24

    @pytest.mark.parametrize("key", VHT)
    def test_vht(self, key: tuple[int, bool]) -> None:
        """MCS 0 to 9 are those of the tables; halves are rounded up."""
        bandwidth, short_gi = key
        for mcs, mbps in enumerate(VHT[key]):
            assert rates.vht(mcs, 1, bandwidth, short_gi=short_gi).mbps == mbps

    def test_vht_streams(self) -> None:
        """Eight streams in 160 MHz are the format's fastest rate."""
        assert rates.vht(9, 8, 160, short_gi=True).mbps == 6933.3
        assert rates.vht(9, 3, 20, short_gi=True).mbps == 288.9

    @pytest.mark.parametrize("key", HE)
    def test_he(self, key: tuple[int, int]) -> None:
        """MCS 0 to 11 are those of the tables."""
        bandwidth, gi_ns = key
        found = [rates.he(mcs, 1, bandwidth, gi_ns=gi_ns).mbps for mcs in range(12)]
        assert found == HE[key]

    @pytest.mark.parametrize(
        ("mcs", "nss", "tones", "gi_ns", "dcm", "mbps"),
        [
            (0, 1, (26,), 3200, True, 0.4),
            (0, 1, (26,), 800, False, 0.9),
            (2, 1, (26,), 3200, False, 2.3),
            (11, 1, (26,), 800, False, 14.7),
            (11, 1, (52,), 800, False, 29.4),
            (11, 1, (106,), 800, False, 62.5),
            (4, 2, (242,), 800, True, 51.6),
            (11, 8, (996, 996), 800, False, 9607.8),
        ],
    )
    def test_he_resource_units(
        self, mcs: int, nss: int, tones: tuple[int, ...], gi_ns: int, dcm: bool, mbps: float
    ) -> None:
        """Rates of resource units, with and without dual carrier modulation."""
        assert rates.he(mcs, nss, ru_tones=tones, gi_ns=gi_ns, dcm=dcm).mbps == mbps

    def test_he_160(self) -> None:
        """HE-MCS 11 in 160 MHz is 1201.0 Mb/s a stream."""
        assert rates.he(11, 1, 160, gi_ns=800).mbps == 1201.0

    @pytest.mark.parametrize(
        ("mcs", "nss", "bandwidth", "tones", "mbps"),
        [
            (13, 1, 20, None, 172.1),
            (13, 1, 320, None, 2882.4),
            (12, 8, 320, None, 20752.9),
            (15, 1, 80, None, 18.0),
            (13, 1, None, (996, 484), 1064.7),
        ],
    )
    def test_eht(
        self, mcs: int, nss: int, bandwidth: int | None, tones: tuple[int, ...] | None, mbps: float
    ) -> None:
        """Rates of EHT, with 4096-QAM, and of a multiple resource unit."""
        assert rates.eht(mcs, nss, bandwidth, ru_tones=tones, gi_ns=800).mbps == mbps

    def test_legacy(self) -> None:
        """Rates of DSSS and OFDM are told apart by their values."""
        assert rates.legacy(11) == Rate(5.5, "dsss")
        assert rates.legacy(12) == Rate(6, "ofdm")

    @pytest.mark.parametrize(
        "call",
        [
            lambda: rates.ht(77, 20, short_gi=False),
            lambda: rates.ht(32, 20, short_gi=False),
            lambda: rates.ht(0, 80, short_gi=False),
            lambda: rates.vht(10, 1, 20, short_gi=False),
            lambda: rates.vht(0, 0, 20, short_gi=False),
            lambda: rates.vht(0, 1, 320, short_gi=False),
            lambda: rates.he(12, 1, 20, gi_ns=800),
            lambda: rates.he(0, 9, 20, gi_ns=800),
            lambda: rates.he(0, 1, 320, gi_ns=800),
            lambda: rates.he(0, 1, gi_ns=800),
            lambda: rates.he(0, 1, 20, gi_ns=400),
            lambda: rates.he(2, 1, 20, gi_ns=800, dcm=True),
            lambda: rates.he(0, 3, 20, gi_ns=800, dcm=True),
            lambda: rates.he(0, 1, gi_ns=800, ru_tones=(27,)),
            lambda: rates.eht(14, 1, 80, gi_ns=800),
            lambda: rates.eht(15, 2, 80, gi_ns=800),
        ],
    )
    def test_refused(self, call: Any) -> None:
        """Combinations that do not exist have no rate."""
        with pytest.raises(ValueError, match=r"has no MCS|no rate|no resource unit"):
            call()


def rate_of(*tlvs: Tlv, **values: Any) -> Rate | None:
    """The rate that a header with these fields tells of."""
    header = radiotap.parse(radiotap.build(**values))
    if tlvs:
        header = Radiotap(header.length, (1 << 28,), tlvs=tlvs)
    return rates.from_radiotap(header)


class TestFromRadiotap:
    """Rates that headers tell of."""

    def test_legacy(self) -> None:
        """The Rate field counts half megabits."""
        assert rate_of(rate=108) == Rate(54, "ofdm")

    def test_ht(self) -> None:
        """The MCS field has everything for HT, and wins over Rate."""
        assert rate_of(rate=108, mcs=(0x17, 0x15, 15)) == Rate(300, "ht", 15, 2, 40, True, True)

    def test_vht(self) -> None:
        """The first user whose MCS is known counts."""
        vht = (0x0044, 0x04, 11, b"\xf1\x91\x00\x00", 0b10, 0, 0)
        assert rate_of(vht=vht) == Rate(866.7, "vht", 9, 1, 160, True, True)

    def test_he(self) -> None:
        """HE tells a bandwidth, or the resource unit of one user; STBC halves the streams."""
        known = 0x4000 | 0x0200 | 0x0080 | 0x0020
        he = (known, 0x0002, 11 << 8 | 0x2000, 0, 3, 1)
        assert rate_of(he=he) == Rate(1201.0, "he", 11, 1, 160, None, True)
        ru = (known, 0x0002, 0x8000, 0, 4, 2)
        assert rate_of(he=ru) == Rate(0.9, "he", 0, 1, None, None, False)

    def test_eht(self) -> None:
        """EHT takes the bandwidth from the U-SIG, or the resource unit where it is told."""
        user = 0x80 | 0x02 | 0x10 | 13 << 20
        u_sig = Tlv(33, (0x0002 | 4 << 15).to_bytes(4, "little"))
        whole = Tlv(34, b"\x04" + bytes(39) + user.to_bytes(4, "little"))
        part = Tlv(34, b"\x04\x00\x40\x00" + bytes(36) + user.to_bytes(4, "little"))
        assert rate_of(u_sig, whole) == Rate(2882.4, "eht", 13, 1, 320, None, None)
        assert rate_of(u_sig, part) == rates.eht(13, 1, ru_tones=(26,), gi_ns=800)
        assert rate_of(whole) is None

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"rate": 0},
            {"mcs": (0x06, 0, 7)},
            {"mcs": (0x05, 0, 7)},
            {"mcs": (0x03, 0, 7)},
            {"mcs": (0x07, 0, 99)},
            {"vht": (0x0004, 0, 0, b"\x11\0\0\0", 0, 0, 0)},
            {"vht": (0x0040, 0, 0, b"\x11\0\0\0", 0, 0, 0)},
            {"vht": (0x0044, 0, 0, bytes(4), 0, 0, 0)},
            {"vht": (0x0044, 0, 0, b"\xa1\0\0\0", 0, 0, 0)},
            {"he": (0x4020, 0x0002, 0, 0, 0, 0)},
            {"he": (0x4020, 0x0002, 0, 0, 11, 1)},
            {"he": (0x4000, 0x0002, 0, 0, 0, 1)},
            {"he": (0x0020, 0x0002, 0, 0, 0, 1)},
            {"he": (0x4020, 0x0000, 0, 0, 0, 1)},
        ],
    )
    def test_unknown(self, values: dict[str, Any]) -> None:
        """No rate is told where the header lacks a number, or has an impossible one."""
        assert rate_of(**values) is None

    def test_empty_newer_field(self) -> None:
        """A newer format's field that knows nothing leaves the word to Rate."""
        assert rate_of(rate=22, mcs=(0, 0, 0)) == Rate(11, "dsss")
