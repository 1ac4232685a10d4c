"""Filters with a name are the expressions that they stand for."""

from __future__ import annotations

import pytest

from wtrec.dot11 import radiotap
from wtrec.dot11.radiotap import Field, Flags, Radiotap, build, encode
from wtrec.errors import FilterError
from wtrec.recorder.bpf import compile_expression
from wtrec.recorder.bpf.check import compile_checked
from wtrec.recorder.bpf.examine import examine_expression
from wtrec.recorder.bpf.interpreter import run
from wtrec.recorder.bpf.named import NAMED, expand
from wtrec.recorder.bpf.samples import AP, CONTENTS, OTHERS, SHAPES, samples

ADDRESS = "02:00:00:00:00:01"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no-retries", "wlan[1] & 0x08 = 0"),
        ("test-traffic", "udp port 5005"),
        ("test-traffic:port=80,transport=tcp", "tcp port 80"),
        ("test-traffic:transport=tcp", "tcp port 5005"),
        (f"station:{ADDRESS}", f"wlan addr1 {ADDRESS} or wlan addr2 {ADDRESS}"),
        ("no-retries and udp", "(wlan[1] & 0x08 = 0) and udp"),
        ("udp port 5 or no-retries", "udp port 5 or (wlan[1] & 0x08 = 0)"),
        ("not (no-retries)", "not ((wlan[1] & 0x08 = 0))"),
        ("test-traffic:port=1 and not test-traffic", "(udp port 1) and not (udp port 5005)"),
        ("host no-retries", "host no-retries"),
        ("udp and (", "udp and ("),
        ("", ""),
    ],
)
def test_expansion(written: str, meant: str) -> None:
    """Names are replaced where a condition stands, and nowhere else."""
    assert expand(written) == meant


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("station:", "wanted an address, as in station:.*found ''"),
        ("station and udp", "wanted an address"),
        ("station:02:00:00:00:00", "found '02:00:00:00:00'"),
        ("test-traffic:port=0", "a port from 1 to 65535, found '0'"),
        ("test-traffic:port=x", "found 'x'"),
        ("test-traffic:prt=5", "wanted port=N or transport=udp|tcp, found 'prt=5'"),
        ("test-traffic:transport=ip", "wanted udp or tcp, found 'ip'"),
        ("no-retries:5", "no parameters, found '5'"),
        ("bad-fcs:1 and udp", "no parameters, found '1'"),
    ],
)
def test_wrong_parameters(expression: str, message: str) -> None:
    """Parameters that make no sense are refused in a line that says what would."""
    with pytest.raises(FilterError, match=message):
        expand(expression)


@pytest.mark.parametrize("name", NAMED)
def test_each_compiles(name: str) -> None:
    """Each is right by itself, and some samples pass and some do not."""
    named = NAMED[name]
    checked = compile_checked(named.expand(named.example))
    assert not checked.mended
    assert 0 < checked.passing < len(checked.tried)


def test_together() -> None:
    """A station's test traffic without retries, in the order that libpcap compiles wrongly."""
    checked = compile_checked(expand(f"no-retries and station:{ADDRESS} and test-traffic"))
    assert checked.mended
    tried = checked.tried[: len(samples())]
    passing = {sample.kind for sample, outcomes in tried if outcomes[1].passed}
    assert passing == {
        "data from the AP, UDP",
        "data between stations, UDP",
        "QoS data from the AP, UDP",
        "QoS data from the AP, UDP behind IPv4 options",
        "QoS data from the AP, UDP over IPv6",
    }


def test_station() -> None:
    """A station's frames are those that it sends, and those that are for it, ACKs too."""
    program = compile_expression(expand(f"station:{AP.hex(':')}"))
    passing = {kind for kind, mpdu in OTHERS.items() if run(program, build() + mpdu).passed}
    assert passing == set(OTHERS) - {"a probe request", "CTS", "ACK"}
    from_ap = SHAPES["data from the AP"](CONTENTS["UDP"])
    assert not run(program, build() + from_ap).passed  # a relay sent it


@pytest.mark.parametrize("tsft", [None, 5])
@pytest.mark.parametrize("bad", [0, int(Flags.BAD_FCS)])
@pytest.mark.parametrize("words", [1, 2, 3, 4, 5])
def test_bad_fcs(words: int, bad: int, tsft: int | None) -> None:
    """The flag is found behind up to four present words, with and without a time before it."""
    program = compile_expression(expand("bad-fcs"))
    first = 0b110 | (tsft is not None)
    present = [first | 0xA000_0000 * (words > 1)]
    present += [0xA000_0020] * (words - 2) + [0x20] * (words > 1)
    fields = [Field(0, 0, "tsft", tsft)] if tsft is not None else []
    fields += [Field(0, 1, "flags", int(Flags.FCS) | bad), Field(0, 2, "rate", 0x40)]
    fields += [Field(i, 5, "dbm_antenna_signal", -40) for i in range(1, words)]
    header = encode(Radiotap(0, tuple(present), tuple(fields)))
    assert len(radiotap.parse(header).present) == words
    assert run(program, header + OTHERS["ACK"]).passed == (bool(bad) and words <= 4)


def test_bad_fcs_is_fair() -> None:
    """It looks at nothing that a bit error can hit, so it needs no note."""
    examined = examine_expression("bad-fcs")
    assert examined.note() == ""
    assert examined.sight is not None
    assert examined.sight.radiotap == ("Radiotap present", "Radiotap fields")
    assert not run(examined.program, build(rate=2) + OTHERS["ACK"]).passed  # no flags, no claim
