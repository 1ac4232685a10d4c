"""``wtrec filter`` as its users run it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from wtrec.cli.main import wtrec
from wtrec.dot11.fcs import flip
from wtrec.errors import FilterError, FormatError
from wtrec.recorder.bpf import compile_expression, parse, to_decimal
from wtrec.recorder.bpf.samples import OTHERS

MISCOMPILED = "wlan[1] & 8 = 0 and udp port 5005"


def run(*arguments: str) -> Result:
    """``wtrec filter ARGUMENTS``; its own errors are raised."""
    result = CliRunner().invoke(wtrec, ["filter", *arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def as_json(*arguments: str) -> dict[str, Any]:
    """Its JSON."""
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0
    loaded: dict[str, Any] = json.loads(result.stdout)
    return loaded


def test_sample_frames() -> None:
    """Without a capture, the verdict on each kind of sample frame is shown."""
    result = run("type ctl subtype ack")
    assert result.exit_code == 0
    verdicts = {
        line.split("  ")[0].strip(): line for line in map(str.strip, result.stdout.splitlines())
    }
    assert "passes" in verdicts["ACK"]
    assert "is dropped" in verdicts["RTS"]
    assert "by libpcap" in result.stdout
    assert "right on all of" in result.stdout
    assert "this filter looks at frame control (up to 1 byte of a frame)" in result.stdout
    assert result.stderr == ""


def test_what_libpcap_gets_wrong() -> None:
    """A filter that libpcap compiles wrongly is mended, with a warning that shows a frame."""
    result = run(MISCOMPILED)
    assert result.exit_code == 0
    assert "WRONG on" in result.stdout
    assert "linked from 2 parts" in result.stdout
    assert "wtrec: warning: libpcap compiles this filter wrongly" in result.stderr
    facts = as_json(MISCOMPILED)
    assert facts["mended"]
    assert facts["libpcap_wrong"] > 0
    first = facts["libpcap_wrong_first"][0]
    assert (first["libpcap_keeps"] == 0) != (first["expected"] == 0)
    assert "QoS data with four addresses" in facts["misplaced"]
    assert facts["looks_at"]["frame_bytes"] == 12
    assert facts["capture"] is None


@pytest.mark.parametrize("form", ["-d", "-dd", "-ddd"])
def test_the_program_alone(form: str, tmp_path: Path) -> None:
    """-d, -dd and -ddd print what tcpdump does, and --bpf-file reads the latter two."""
    printed = run("udp port 5005", form).stdout
    empty = tmp_path / "empty.pcap"
    empty.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000000004007f000000"))
    command = ["tcpdump", form, "-r", str(empty), "udp port 5005"]
    assert printed == subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if form != "-d":
        path = tmp_path / "program"
        path.write_text(printed)
        assert run("--bpf-file", str(path), form).stdout == printed
        assert parse(printed) == compile_expression("udp port 5005")


def test_a_mended_program_is_what_is_printed() -> None:
    """What is printed is the program to use, and it is the one in the JSON."""
    result = run(MISCOMPILED, "-ddd")
    assert result.stdout != to_decimal(compile_expression(MISCOMPILED))
    assert result.stdout == as_json(MISCOMPILED)["program"]
    assert "wrongly" in result.stderr


def test_a_capture(write_capture: Callable[..., Path], tmp_path: Path) -> None:
    """Frames of a capture are counted by their FCS and the filter's verdict."""
    ack, beacon = OTHERS["ACK"], OTHERS["a beacon"]
    path = write_capture(
        tmp_path / "run.pcapng", [ack, ack, beacon, flip(ack, [2]), flip(beacon, [90])]
    )
    result = run("type ctl", str(path))
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["good", "2", "1", "33.33%"] in rows
    assert ["bad", "0", "2", "100.00%"] in rows
    facts = as_json("type ctl", str(path))["capture"]
    assert facts["kept"] == {"good": 2, "bad": 0, "absent": 0, "unverifiable": 0}
    assert facts["dropped"] == {"good": 1, "bad": 2, "absent": 0, "unverifiable": 0}


def test_a_capture_proves_libpcap_wrong(
    write_capture: Callable[..., Path], udp_frame: Callable[..., bytes], tmp_path: Path
) -> None:
    """Frames that libpcap's program gets wrong are counted and named."""
    frames = [udp_frame(bytes(20)), OTHERS["ACK"], udp_frame(bytes(20))]
    path = write_capture(tmp_path / "run.pcapng", frames)
    facts = as_json(MISCOMPILED, str(path))["capture"]
    assert facts["kept"]["good"] == 2
    assert (facts["libpcap_wrong"], facts["libpcap_wrong_first"]) == (2, [1, 3])
    assert "gets 2 of these frames wrong, first: 1, 3" in run(MISCOMPILED, str(path)).stdout


def test_a_capture_that_is_cut(write_capture: Callable[..., Path], tmp_path: Path) -> None:
    """A truncated tail is a warning and exit code 3."""
    path = write_capture(tmp_path / "run.pcapng", [OTHERS["ACK"]] * 3)
    path.write_bytes(path.read_bytes()[:-4])
    result = run("type ctl", str(path))
    assert result.exit_code == 3
    assert "inside a record" in result.stderr


def test_named_filters() -> None:
    """--list shows each named filter with its expression, as text and as JSON."""
    text = run("--list").stdout
    assert "station:MAC\n" in text
    assert "    udp port 5005\n" in text
    shown = json.loads(run("--list", "--format", "json").stdout)
    assert [each["usage"].split(":")[0].split("[")[0] for each in shown] == [
        "no-retries",
        "test-traffic",
        "station",
        "bad-fcs",
    ]
    assert as_json("no-retries")["expression"] == "wlan[1] & 0x08 = 0"


def test_a_program_that_asks_the_kernel(tmp_path: Path) -> None:
    """What no capture has is said where it is needed, and only there."""
    path = tmp_path / "program"
    path.write_text("{ 0x20, 0, 0, 0xfffff024 }, { 0x16, 0, 0, 0 }")
    result = run("--bpf-file", str(path))
    assert result.exit_code == 0
    assert "it is not known whether" in result.stdout
    assert "[cpu]" in run("--bpf-file", str(path), "-d").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "wanted EXPR"),
        (["udp", "a", "b"], "wanted EXPR"),
        (["udp", "port"], "port: there is no such capture; an expression of several words"),
        (["--bpf-file", "/nowhere", "x"], "does not exist"),
    ],
)
def test_usage(arguments: list[str], message: str) -> None:
    """Wrong usage is exit code 2 and says what is wanted."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_wrong_filters(tmp_path: Path) -> None:
    """Filters that are none are refused in one line."""
    with pytest.raises(FilterError, match="syntax error"):
        run("udp prt 5")
    with pytest.raises(FilterError, match="station: wanted an address"):
        run("station:5")
    path = tmp_path / "program"
    path.write_text("1\n6 0 0\n")
    with pytest.raises(FormatError, match="program: line 2: wanted"):
        run("--bpf-file", str(path))
    (tmp_path / "no.pcapng").write_text("no capture")
    with pytest.raises(FormatError, match="neither pcapng nor pcap"):
        run("udp", str(tmp_path / "no.pcapng"))
