"""Data rates of every format, from the tables' formula instead of the tables.

Sources: IEEE 802.11-2020, 17.3.2.3 (OFDM), 19.5 (HT), 21.5 (VHT); IEEE 802.11ax-2021,
27.5 (HE); IEEE 802.11be-2024, 36.5 (EHT). For every format behind the legacy ones

    rate = N_SD * N_BPSCS * R * N_SS / T_SYM

with the number of data subcarriers, coded bits per subcarrier and stream, code rate,
spatial streams, and the symbol's duration with its guard interval. As in the standard's
tables, the result is rounded to 0.1 Mb/s, halves up: HT MCS 15 in 40 MHz with short GI is
300.0, VHT-MCS 9 in 160 MHz 866.7, HE-MCS 11 in 160 MHz with 0.8 us 1201.0.

Combinations that the standard leaves out because a symbol would not hold a whole number of
bits (VHT-MCS 9 in 20 MHz on one stream) are computed like the others: devices send them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .radiotap import Radiotap

# Coded bits per subcarrier and stream, and code rate, by MCS: HT modulo 8, VHT to 9,
# HE to 11, EHT to 13.
_MODULATIONS = (
    (1, 1, 2),
    (2, 1, 2),
    (2, 3, 4),
    (4, 1, 2),
    (4, 3, 4),
    (6, 2, 3),
    (6, 3, 4),
    (6, 5, 6),
    (8, 3, 4),
    (8, 5, 6),
    (10, 3, 4),
    (10, 5, 6),
    (12, 3, 4),
    (12, 5, 6),
)

# Sum of coded bits over the streams of HT's unequal modulations, each set at R = 1/2, then
# at 3/4: MCS 33 on (two streams), 39 on (three), 53 on (four).
_UNEQUAL = (
    (33, 2, (6, 8, 10)),
    (39, 3, (8, 10, 10, 12, 14, 14, 16)),
    (53, 4, (10, 12, 14, 12, 14, 16, 18, 16, 18, 20, 20, 22)),
)

_HT_SUBCARRIERS = {20: 52, 40: 108, 80: 234, 160: 468}  # HT and VHT
_RU_SUBCARRIERS = {26: 24, 52: 48, 106: 102, 242: 234, 484: 468, 996: 980}  # HE and EHT
_RU_OF_BANDWIDTH = {20: (242,), 40: (484,), 80: (996,), 160: (996,) * 2, 320: (996,) * 4}
# Radiotap's HE "data bandwidth/RU allocation" from code 4 on.
_HE_RUS = ((26,), (52,), (106,), (242,), (484,), (996,), (996, 996))
_DSSS_MBPS = {1.0, 2.0, 5.5, 11.0}


@dataclass(frozen=True, slots=True)
class Rate:
    """How a frame was modulated.

    Attributes:
        mbps: Data rate in Mb/s.
        phy: ``dsss`` (with CCK), ``ofdm``, ``ht``, ``vht``, ``he`` or ``eht``.
        mcs: MCS index; ``None`` for ``dsss`` and ``ofdm``.
        nss: Spatial streams; ``None`` for ``dsss`` and ``ofdm``.
        bandwidth_mhz: 20 to 320; ``None`` for one of several users' resource units.
        short_gi: Guard interval of 400 ns; ``None`` where a format has no such choice.
        ldpc: LDPC instead of the convolutional code; ``None`` if unknown.
    """

    mbps: float
    phy: str
    mcs: int | None = None
    nss: int | None = None
    bandwidth_mhz: int | None = 20
    short_gi: bool | None = None
    ldpc: bool | None = None


def _mbps(numerator: int, denominator: int, symbol_ns: int) -> float:
    """``numerator / denominator`` data bits a symbol, as Mb/s rounded to 0.1, halves up."""
    divisor = denominator * symbol_ns
    return (2 * 10_000 * numerator + divisor) // (2 * divisor) / 10


def legacy(half_mbps: int) -> Rate:
    """DSSS, CCK or OFDM, from Radiotap's Rate field: units of 500 kb/s."""
    mbps = half_mbps / 2
    return Rate(mbps, "dsss" if mbps in _DSSS_MBPS else "ofdm")


def ht(mcs: int, bandwidth_mhz: int, *, short_gi: bool, ldpc: bool | None = None) -> Rate:
    """HT (802.11n).

    Args:
        mcs: 0 to 76; 32 is the 40 MHz duplicate, from 33 on the streams' modulations differ.
        bandwidth_mhz: 20 or 40.
        short_gi: Guard interval of 400 ns instead of 800 ns.
        ldpc: Passed through.

    Raises:
        ValueError: There is no such combination.
    """
    if bandwidth_mhz not in {20, 40} or not 0 <= mcs <= 76 or (mcs == 32 and bandwidth_mhz != 40):
        raise ValueError(f"HT has no MCS {mcs} in {bandwidth_mhz} MHz")
    subcarriers = _HT_SUBCARRIERS[bandwidth_mhz]
    if mcs == 32:
        nss, coded, numerator, denominator, subcarriers = 1, 1, 1, 2, 48
    elif mcs < 32:
        nss = mcs // 8 + 1
        coded, numerator, denominator = _MODULATIONS[mcs % 8]
        coded *= nss
    else:
        first, nss, sums = next(row for row in reversed(_UNEQUAL) if row[0] <= mcs)
        fast, index = divmod(mcs - first, len(sums))
        coded, numerator, denominator = sums[index], 3 if fast else 1, 4 if fast else 2
    mbps = _mbps(subcarriers * coded * numerator, denominator, 3600 if short_gi else 4000)
    return Rate(mbps, "ht", mcs, nss, bandwidth_mhz, short_gi, ldpc)


def vht(
    mcs: int, nss: int, bandwidth_mhz: int, *, short_gi: bool, ldpc: bool | None = None
) -> Rate:
    """VHT (802.11ac).

    Args:
        mcs: 0 to 9.
        nss: 1 to 8.
        bandwidth_mhz: 20, 40, 80 or 160.
        short_gi: Guard interval of 400 ns instead of 800 ns.
        ldpc: Passed through.

    Raises:
        ValueError: There is no such combination.
    """
    subcarriers = _HT_SUBCARRIERS.get(bandwidth_mhz)
    if subcarriers is None or not 0 <= mcs <= 9 or not 1 <= nss <= 8:
        raise ValueError(f"VHT has no MCS {mcs} on {nss} streams in {bandwidth_mhz} MHz")
    coded, numerator, denominator = _MODULATIONS[mcs]
    symbol_ns = 3600 if short_gi else 4000
    mbps = _mbps(subcarriers * coded * numerator * nss, denominator, symbol_ns)
    return Rate(mbps, "vht", mcs, nss, bandwidth_mhz, short_gi, ldpc)


def he(
    mcs: int,
    nss: int,
    bandwidth_mhz: int | None = None,
    *,
    gi_ns: int,
    ru_tones: tuple[int, ...] | None = None,
    dcm: bool = False,
    ldpc: bool | None = None,
) -> Rate:
    """HE (802.11ax).

    Args:
        mcs: 0 to 11; 0, 1, 3 or 4 with DCM.
        nss: 1 to 8; 1 or 2 with DCM.
        bandwidth_mhz: 20, 40, 80 or 160.
        gi_ns: 800, 1600 or 3200.
        ru_tones: Instead of a bandwidth, the resource unit: ``(26,)`` to ``(996, 996)``.
        dcm: Dual carrier modulation: each bit on two subcarriers.
        ldpc: Passed through.

    Raises:
        ValueError: There is no such combination.
    """
    known = 0 <= mcs <= 11 and bandwidth_mhz != 320 and ru_tones in {None, *_HE_RUS}
    if dcm:
        known = known and mcs in {0, 1, 3, 4} and nss <= 2
    if not known:
        raise ValueError(
            f"HE has no MCS {mcs} on {nss} streams in {ru_tones or bandwidth_mhz} ({dcm=})"
        )
    mbps = _ofdma(mcs, nss, ru_tones or _RU_OF_BANDWIDTH.get(bandwidth_mhz or 0), gi_ns, dcm=dcm)
    return Rate(mbps, "he", mcs, nss, bandwidth_mhz, None, ldpc)


def eht(
    mcs: int,
    nss: int,
    bandwidth_mhz: int | None = None,
    *,
    gi_ns: int,
    ru_tones: tuple[int, ...] | None = None,
    ldpc: bool | None = None,
) -> Rate:
    """EHT (802.11be).

    Args:
        mcs: 0 to 13, or 15 (BPSK with DCM on one stream). The duplicate mode, 14, is not computed.
        nss: 1 to 8.
        bandwidth_mhz: 20, 40, 80, 160 or 320.
        gi_ns: 800, 1600 or 3200.
        ru_tones: Instead of a bandwidth, the parts of the resource unit: ``(996, 484)``.
        ldpc: Passed through.

    Raises:
        ValueError: There is no such combination.
    """
    if not (0 <= mcs <= 13 or (mcs == 15 and nss == 1)):
        raise ValueError(f"no rate for EHT-MCS {mcs} on {nss} streams")
    tones = ru_tones or _RU_OF_BANDWIDTH.get(bandwidth_mhz or 0)
    mbps = _ofdma(0 if mcs == 15 else mcs, nss, tones, gi_ns, dcm=mcs == 15)
    return Rate(mbps, "eht", mcs, nss, bandwidth_mhz, None, ldpc)


def _ofdma(mcs: int, nss: int, tones: tuple[int, ...] | None, gi_ns: int, *, dcm: bool) -> float:
    """Mb/s of HE and EHT: symbols of 12.8 us and a guard interval."""
    if not tones or not set(tones) <= _RU_SUBCARRIERS.keys():
        raise ValueError(f"no resource unit has {tones} tones")
    if not 1 <= nss <= 8 or gi_ns not in {800, 1600, 3200}:
        raise ValueError(f"no rate for {nss} streams and a guard interval of {gi_ns} ns")
    coded, numerator, denominator = _MODULATIONS[mcs]
    subcarriers = sum(_RU_SUBCARRIERS[part] for part in tones)
    return _mbps(
        subcarriers * coded * numerator * nss, denominator * (2 if dcm else 1), 12_800 + gi_ns
    )


def _from_ht(radiotap: Radiotap) -> Rate | None:
    field = radiotap.get("mcs")
    if field is None or field.mcs is None or field.bandwidth_mhz is None or field.short_gi is None:
        return None
    return ht(field.mcs, field.bandwidth_mhz, short_gi=field.short_gi, ldpc=field.ldpc)


def _from_vht(radiotap: Radiotap) -> Rate | None:
    field = radiotap.get("vht")
    if field is None:
        return None
    user = next((user for user in field.users if user and user.mcs is not None), None)
    if user is None or field.bandwidth_mhz is None or field.short_gi is None:
        return None
    return vht(user.mcs, user.nss, field.bandwidth_mhz, short_gi=field.short_gi, ldpc=user.ldpc)


def _from_he(radiotap: Radiotap) -> Rate | None:
    field = radiotap.get("he")
    if field is None:
        return None
    code = field.bandwidth_or_ru
    if field.mcs is None or field.nsts is None or field.gi_ns is None or code is None or code > 10:
        return None
    return he(
        field.mcs,
        field.nsts // 2 if field.stbc else field.nsts,
        20 << code if code < 4 else None,
        gi_ns=field.gi_ns,
        ru_tones=_HE_RUS[code - 4] if code >= 4 else None,
        dcm=bool(field.dcm),
        ldpc=field.ldpc,
    )


def _from_eht(radiotap: Radiotap) -> Rate | None:
    """EHT's bandwidth is in the U-SIG, unless the resource unit is told."""
    field = radiotap.get("eht")
    u_sig = radiotap.get("u_sig")
    user = field.user if field else None
    if user is None or user.mcs is None or user.nss is None or field.gi_ns is None:
        return None
    return eht(
        user.mcs,
        user.nss,
        u_sig.bandwidth_mhz if u_sig and not field.ru_tones else None,
        gi_ns=field.gi_ns,
        ru_tones=field.ru_tones,
        ldpc=user.ldpc,
    )


def _from_rate(radiotap: Radiotap) -> Rate | None:
    half_mbps = radiotap.get("rate")
    return legacy(half_mbps) if half_mbps else None


_READERS = (_from_eht, _from_he, _from_vht, _from_ht, _from_rate)


def from_radiotap(radiotap: Radiotap) -> Rate | None:
    """The rate that a Radiotap header tells of: of the newest format that it knows enough of.

    Of a VHT PPDU for several users it is that of the first one whose MCS is known. Nothing
    is guessed: ``None`` where a number that the formula needs is unknown or impossible.
    """
    for read in _READERS:
        try:
            rate = read(radiotap)
        except ValueError:  # a combination that does not exist
            continue
        if rate is not None:
            return rate
    return None
