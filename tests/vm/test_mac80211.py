"""What wtrec does on the kernel's real wireless side: mac80211, in a virtual machine.

``guest.py`` runs in there; what came of its commands is judged here. hwsim's frames have no FCS and
are never bad: how wtrec deals with bad frames is tested elsewhere.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import wtrec
from wtrec.datasets.run import Run
from wtrec.errors import EXIT_FAILED

from . import guest, machine

pytestmark = [pytest.mark.vm, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]


BUSY = (
    r"mon1 cannot be tuned to channel 11 \(2462 MHz\): phy1 is busy, wlan1 \(IBSS, channel 6 "
    r"\(2437 MHz\)\) is up; take it down: ip link set wlan1 down, or leave the channel out"
)


class Results(dict[str, dict[str, Any]]):
    """What came of each command of the guest, and the folder with its files."""

    folder: Path

    def json(self, name: str) -> Any:
        """What a command printed as JSON."""
        return json.loads(self[name]["out"])

    def findings(self, name: str) -> dict[str, dict[str, str]]:
        """What a doctor found, by check."""
        return {finding["check"]: finding for finding in self.json(name)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The experiment, run once."""
    folder = tmp_path_factory.mktemp("vm")
    ended = machine.boot(Path(guest.__file__), folder, seconds=500)
    assert ended.code == 0, f"{ended.output}\n{ended.console}"
    found = Results(json.loads((folder / "results.json").read_text()))
    found.folder = folder
    return found


class TestAdd:
    """``wtrec monitor add``."""

    def test_it_is_up_and_tuned(self, results: Results) -> None:
        """The interface is a monitor, up, on the channel that was asked for; iw says so, too."""
        assert results["add"]["code"] == 0
        assert "up, channel 6 (2437 MHz), width: 20 MHz" in results["add"]["err"]
        assert "mon0" in results["add"]["interfaces"]
        block = re.search(r"Interface mon0\n(?:\t\t.*\n)+", results["iw"]["dev"])
        assert block
        assert "type monitor" in block[0]
        assert "channel 6 (2437 MHz), width: 20 MHz" in block[0]

    def test_wide_channels(self, results: Results) -> None:
        """Of 80 MHz, the kernel has the centre that belongs to the primary channel."""
        assert results["add-wide"]["code"] == 0
        assert "channel 36 (5180 MHz), width: 80 MHz, center1: 5210 MHz" in results["iw"]["wide"]

    def test_beside_another_interface(self, results: Results) -> None:
        """Without a channel, it can be made on a card that is in use."""
        assert results["add-beside"]["code"] == 0

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("add-without", r"the kernel has no cfg80211.*modprobe cfg80211"),
            ("add-no-phy", r"phy9: no such phy; phys here: phy0, phy1, phy2$"),
            ("add-on-interface", r"wlan1: no such phy;.*wlan1 is an interface of phy1$"),
            ("add-taken", r"the name is taken;.*wtrec monitor del mon0$"),
            ("add-no-right", r"mon1 cannot be made on phy0: no right; .*CAP_NET_ADMIN.*sudo$"),
            ("add-no-channel", r"phy0 has no channel 32 \(5160 MHz\); it has 1, 2, .*, 36, 40,"),
            ("add-blocked", r"mon1 cannot be brought up: rfkill \d+ \(phy2\).*rfkill unblock \d+$"),
            ("add-busy", BUSY),
        ],
    )
    def test_what_stands_in_the_way(self, results: Results, name: str, message: str) -> None:
        """One line says why and what next, and no interface is left behind."""
        result = results[name]
        assert result["code"] == EXIT_FAILED
        assert re.match(f"wtrec: .*{message}", result["err"].rstrip("\n"))
        assert result["err"].count("\n") == 1
        assert "mon1" not in result["interfaces"]


class TestDelete:
    """``wtrec monitor del``."""

    def test_it_is_gone(self, results: Results) -> None:
        """The interface is gone, the other one stays."""
        assert results["del"]["code"] == 0
        assert "mon2" not in results["del"]["interfaces"]
        assert "mon0" in results["del"]["interfaces"]
        assert results["del-last"]["code"] == 0
        assert "mon0" not in results["del-last"]["interfaces"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("del-other", r"wlan1 is of type managed, and only monitor.*iw dev wlan1 del"),
            ("del-nothing", r"mon7: no wireless interface.*monitor interfaces here: mon0"),
            ("del-no-right", r"mon0 cannot be deleted: no right; .*sudo"),
        ],
    )
    def test_what_it_refuses(self, results: Results, name: str, message: str) -> None:
        """One line says why, and nothing is deleted."""
        assert results[name]["code"] == EXIT_FAILED
        assert re.fullmatch(f"wtrec: {message}\n", results[name]["err"])
        assert {"wlan1", "mon0"} <= set(results[name]["interfaces"])


class TestList:
    """``wtrec monitor list``."""

    def test_without_a_card(self, results: Results) -> None:
        """The list is empty, and why stands beside it."""
        assert results["list-without"]["code"] == 0
        assert not results["list-without"]["out"]
        assert "no cfg80211" in results["list-without"]["err"]

    def test_what_iw_lists(self, results: Results) -> None:
        """Names, types and phys are those that iw has."""
        phy, name, listed = "", "", set()
        for line in results["iw"]["dev"].splitlines():
            words = line.split()
            if line.startswith("phy#"):
                phy = words[0].replace("#", "")
            elif words[0] == "Interface":
                name = words[1]
            elif words[0] == "type":
                listed.add((phy, name, words[1]))
        ours = {(e["phy"], e["interface"], e["type"]) for e in results.json("list") if e["phy"]}
        assert ours == listed

    def test_channel_flags_driver(self, results: Results) -> None:
        """A monitor interface has its channel, and the flags that it was made with."""
        by_name = {entry["interface"]: entry for entry in results.json("list")}
        assert by_name["mon0"] == {
            "phy": "phy0",
            "interface": "mon0",
            "type": "monitor",
            "up": True,
            "channel": "6 (2437 MHz), width: 20 MHz",
            "flags": ["fcsfail", "control", "otherbss"],
            "driver": "mac80211_hwsim",
            "can_monitor": True,
        }
        assert by_name["mon2"]["flags"] == ["otherbss"]
        assert by_name["wlan1"]["flags"] is None
        assert not by_name["wlan1"]["up"]

    def test_table(self, results: Results) -> None:
        """The table has a line an interface."""
        assert re.search(
            r"phy0 +mon0 +monitor +up +6 \(2437 MHz\), width: 20 MHz +fcsfail control otherbss "
            r"+mac80211_hwsim\n",
            results["list-table"]["out"],
        )


def frames(results: Results, name: str = "run") -> pl.DataFrame:
    """A capture as a table."""
    table = pl.DataFrame(wtrec.read_frames(results.folder / f"{name}.pcapng"))
    assert isinstance(table, pl.DataFrame)
    return table


def sent(results: Results, name: str = "run") -> pl.DataFrame:
    """A tx log as a table."""
    return pl.read_parquet(results.folder / f"{name}.tx.parquet")


def packets(results: Results, name: str) -> list[dict[str, Any]]:
    """What a receiver printed."""
    return [json.loads(line) for line in results[name]["out"].splitlines()]


class TestCapture:
    """``wtrec capture`` beside two stations that talk."""

    def test_what_was_sent_is_captured(self, results: Results) -> None:
        """Each datagram of the tx log is in the capture, byte for byte, in its order."""
        assert results["capture"]["code"] == 0
        table = frames(results)
        with_qos = table["subtype"] & 8 != 0
        headers = [24 + 2 * qos + 8 + 20 + 8 for qos in with_qos]  # MAC, LLC and SNAP, IPv4, UDP
        received = [mpdu[header:] for mpdu, header in zip(table["mpdu"], headers, strict=True)]
        log = sent(results)
        assert log["packet_id"].to_list() == list(range(guest.DATAGRAMS))
        assert received == log["original"].to_list()
        assert (table["time"].to_physical() > log["time"].to_physical()).all()

    def test_headers(self, results: Results) -> None:
        """Channel, signal and addresses are read; hwsim's frames have no FCS."""
        table = frames(results)
        assert table["channel_mhz"].unique().to_list() == [2437]
        assert table["signal_dbm"].null_count() == 0
        assert table["fcs_status"].unique().to_list() == ["absent"]
        for column, station in zip(("addr1", "addr2"), guest.STATIONS, strict=True):
            assert table[column].unique().to_list() == [bytes.fromhex(station.replace(":", ""))]

    def test_description(self, results: Results) -> None:
        """The run's description has driver, channel and flags of the interface."""
        run = Run.load(results.folder / "run.json")
        assert run.driver == "mac80211_hwsim"
        assert run.channel == "6 (2437 MHz), width: 20 MHz"
        assert run.monitor_flags == ("fcsfail", "control", "otherbss")
        assert run.counters is not None
        assert run.counters.dropped_by_kernel == 0

    def test_channel_and_flags_are_set(self, results: Results) -> None:
        """They are what was asked for, and the flags that were not named stay."""
        run = results["capture-flags"]["run"]
        assert run["channel"] == "11 (2462 MHz), width: 20 MHz"
        assert run["monitor_flags"] == ["control", "otherbss"]
        assert results["capture-back"]["code"] == 0
        assert "phy0 has no channel 99" in results["capture-no-channel"]["err"]

    @pytest.mark.parametrize(("direction", "seconds"), [("forward", 3600), ("back", -3600)])
    def test_clock_that_is_set(self, results: Results, direction: str, seconds: int) -> None:
        """It lasts as long as asked for, loses nothing, and says by how much the clock was set."""
        result = results[f"clock-{direction}"]
        assert result["code"] == 0
        run = result["run"]
        assert run["ended_by"] == "duration"
        assert 12 <= result["took"] < 90
        assert run["clock_change_ns"] == pytest.approx(seconds * 1e9, abs=1e8)
        counters = run["counters"]
        assert counters["written"] > 20
        assert counters["dropped_by_kernel"] == 0
        assert counters["received"] - counters["written"] < 10  # those of the end's last moment
        assert "the clock was set by" in result["err"]


class TestSendAndReceive:
    """``wtrec send`` and ``wtrec receive`` on stations and on monitor interfaces."""

    def test_udp(self, results: Results) -> None:
        """The other station receives each datagram of the tx log."""
        assert (results["send"]["code"], results["receive"]["code"]) == (0, 0)
        received = packets(results, "receive")
        assert [packet["packet_id"] for packet in received] == list(range(guest.DATAGRAMS))
        assert [bytes.fromhex(packet["data"]) for packet in received] == sent(results)[
            "original"
        ].to_list()
        assert f"{guest.DATAGRAMS} packets from 0 to 59, 0 lost" in results["receive"]["err"]

    def test_injected(self, results: Results) -> None:
        """What one radio injects another captures, and receives through a filter, bit for bit."""
        assert (results["send-injected"]["code"], results["capture-injected"]["code"]) == (0, 0)
        log, table = sent(results, "injected"), frames(results, "injected")
        assert log["rate_mbps"].unique().to_list() == [6.0]
        assert len(log) == guest.INJECTED
        assert table["mpdu"].to_list() == [mpdu[:-4] for mpdu in log["original"]]
        assert table["rate_mbps"].unique().to_list() == [6.0]
        received = packets(results, "receive-bpf")
        assert [packet["packet_id"] for packet in received] == list(range(guest.INJECTED))


class TestDoctor:
    """``wtrec doctor``."""

    def test_a_monitor_interface(self, results: Results) -> None:
        """All is well but hwsim's frames: they come without their FCS, and never bad."""
        found = results.findings("doctor")
        fine = "right-to-capture right-to-configure kernel packet-ring wireless interface up "
        fine += "rfkill driver channel monitor-flags other-interfaces frames"
        assert {found[check]["status"] for check in fine.split()} == {"ok"}
        assert found["channel"]["text"] == "channel 6 (2437 MHz), width: 20 MHz"
        assert found["driver"]["text"].startswith("mac80211_hwsim")
        assert found["fcs"]["status"] == "problem"
        assert "without their FCS: the CRC holds for 0 of" in found["fcs"]["text"]
        assert "no bad frame among" in found["bad-frames"]["text"]
        assert results["doctor"]["code"] == EXIT_FAILED

    def test_table(self, results: Results) -> None:
        """For people it is a line a finding, and one for what mends it."""
        lines = results["doctor-table"]["out"].splitlines()
        assert "ok       up                 mon0 is up" in lines
        at = next(i for i, line in enumerate(lines) if line.startswith("problem  fcs "))
        assert "→ use a driver that delivers it" in lines[at + 1]

    def test_a_blocked_card(self, results: Results) -> None:
        """A switch that is off, an interface that is down and no monitor: each with its mend."""
        found = results.findings("doctor-blocked")
        assert found["rfkill"]["status"] == "problem"
        assert re.fullmatch(r"rfkill unblock \d+", found["rfkill"]["fix"])
        assert found["up"]["fix"] == "ip link set wlan2 up"
        assert found["interface"]["status"] == "problem"
        assert "frames" not in found
        saves = "on" in results["iw"]["power_save"].split()
        assert found["power-save"]["status"] == ("warning" if saves else "ok")

    def test_a_card_in_use(self, results: Results) -> None:
        """Another interface of the card that is up is a warning."""
        found = results.findings("doctor-beside")
        assert found["other-interfaces"]["status"] == "warning"
        assert "wlan1 (IBSS)" in found["other-interfaces"]["text"]

    def test_without_rights(self, results: Results) -> None:
        """What cannot be done without rights is found out, and how to get them."""
        assert results["doctor-no-right"]["code"] == EXIT_FAILED
        lines = results["doctor-no-right"]["out"].splitlines()
        status = {line[9:27].rstrip(): line[:8].rstrip() for line in lines if line[0] != " "}
        assert status["right-to-capture"] == status["packet-ring"] == "problem"
        assert status["right-to-configure"] == "warning"
        assert status["frames"] == "unknown"
        assert status["up"] == status["channel"] == "ok"

    def test_the_machine(self, results: Results) -> None:
        """Without an interface, the machine alone is judged, and this one will do."""
        assert results["doctor-machine"]["code"] == 0
        assert "interface" not in results.findings("doctor-machine")


def test_documented_commands_are_run() -> None:
    """Each ``wtrec monitor`` command of the documents is one that the guest runs."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    shown = {
        line.removeprefix("$ ")
        for path in documents
        for line in path.read_text().splitlines()
        if re.match(r"\$ wtrec monitor (add|del) ", line)
    }
    assert shown
    source = Path(guest.__file__).read_text()
    for command in shown:
        words = ", ".join(f'"{word}"' for word in shlex.split(command)[1:])
        assert f"{words})" in source, command
