"""What runs inside of the virtual machine: radios of mac80211_hwsim, and wtrec's commands on them.

Each command runs as it would from the shell, in a fork of this process; ``results.json`` says what
came of it. ``test_mac80211.py`` judges that, on the host. Three radios:

    phy1 wlan1, 192.0.2.1  ◄── IBSS, UDP ── phy2 wlan2, 192.0.2.2, in a network namespace of its own
    phy0 mon0: listens
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wtrec.cli import capture as _capture  # noqa: F401 - each fork has them at once
from wtrec.cli import doctor as _doctor  # noqa: F401
from wtrec.cli import monitor as _monitor  # noqa: F401
from wtrec.cli import receive as _receive  # noqa: F401
from wtrec.cli import send as _send  # noqa: F401
from wtrec.cli.main import main as wtrec_main
from wtrec.recorder import capture_loop as _loop  # noqa: F401
from wtrec.recorder import doctor as _checks  # noqa: F401
from wtrec.recorder import receiver as _receiver  # noqa: F401
from wtrec.recorder import sender as _sender  # noqa: F401
from wtrec.recorder.wireless import nl80211
from wtrec.recorder.wireless.netlink import attribute

OUT = Path("/run/out")
# Where captures go: without capabilities, root may not write where a user of the host owns all.
WORK = Path("/run/captures")
DATAGRAMS, SEED, PORT = 60, 7, 5005
INJECTED = 20
STATIONS = ("02:00:00:00:01:00", "02:00:00:00:02:00")  # hwsim numbers its radios so
INJECTOR = "02:00:00:00:0a:0a"
EVENT = struct.Struct("=IBBBB")  # struct rfkill_event
CHANGE = 2

results: dict[str, dict[str, Any]] = {}


def tell(what: str) -> None:
    """A line for who waits at the console."""
    print(f"{Path('/proc/uptime').read_text().split()[0]:>8} {what}", flush=True)  # noqa: T201


def start(name: str, command: list[str], *, before: Callable[[], None] | None = None) -> int:
    """Fork a process that runs ``wtrec COMMAND`` and writes what it prints into files."""
    child = os.fork()
    if child:
        return child
    for number, stream in ((1, "out"), (2, "err")):
        fd = os.open(OUT / f"{name}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(fd, number)
    code = 70
    try:
        if before is not None:
            before()
        sys.argv = ["wtrec", *command]
        wtrec_main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finish(name: str, command: list[str], child: int) -> dict[str, Any]:
    """Wait for a command, and keep what came of it."""
    _, status = os.waitpid(child, 0)
    results[name] = {
        "command": command,
        "code": os.waitstatus_to_exitcode(status),
        "out": (OUT / f"{name}.out").read_text(errors="replace"),
        "err": (OUT / f"{name}.err").read_text(errors="replace"),
        "interfaces": [each for _, each in socket.if_nameindex()],
    }
    tell(f"{name}: {' '.join(command)}: {results[name]['code']} {results[name]['err'].strip()}")
    return results[name]


def wtrec(name: str, *command: str, before: Callable[[], None] | None = None) -> dict[str, Any]:
    """Run ``wtrec COMMAND``, and keep what came of it as ``name``."""
    return finish(name, list(command), start(name, list(command), before=before))


def run(*command: str) -> str:
    """Run a tool of the system."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


def give_up_rights() -> None:
    """Give up CAP_NET_ADMIN and CAP_NET_RAW, nothing else (capset(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; lower half, then upper
    if libc.capget(header, sets):
        raise OSError(ctypes.get_errno(), "capget")
    for index in range(3):
        sets[index] &= ~(1 << 12 | 1 << 13)
    if libc.capset(header, sets):
        raise OSError(ctypes.get_errno(), "capset")


@contextmanager
def blocked(phy: str) -> Iterator[None]:
    """Let the radio of a phy be off, as its soft switch does."""
    folders = Path("/sys/class/rfkill").glob("rfkill*")
    index = next(
        int(path.name[6:]) for path in folders if (path / "name").read_text().strip() == phy
    )
    with Path("/dev/rfkill").open("r+b", buffering=0) as device:
        device.write(EVENT.pack(index, 0, CHANGE, 1, 0))
        yield
        device.write(EVENT.pack(index, 0, CHANGE, 0, 0))


def join(interface: str, address: str, *, inside: tuple[str, ...] = ()) -> None:
    """Make an interface a station of the IBSS, on channel 6."""
    run(*inside, "iw", "dev", interface, "set", "type", "ibss")
    run(*inside, "ip", "link", "set", interface, "up")
    run(*inside, "ip", "addr", "add", f"{address}/24", "dev", interface)
    cell = ("wtrec", "2437", "fixed-freq", "02:77:74:72:65:63")
    run(*inside, "iw", "dev", interface, "ibss", "join", *cell)


def enter_peer() -> None:
    """Go into the network namespace of the other station."""
    with Path("/run/netns/peer").open() as namespace:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.setns(namespace.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")


def sender(*options: str) -> list[str]:
    """The command that sends datagrams from the other station."""
    return ["send", "192.0.2.1", "-p", str(PORT), "--seed", str(SEED), "--pps", "60", *options]


@contextmanager
def sending() -> Iterator[None]:
    """Send while the block runs."""
    command = sender("-w", str(OUT / "noise.tx.parquet"))
    child = start("noise", command, before=enter_peer)
    try:
        yield
    finally:
        os.kill(child, signal.SIGTERM)
        finish("noise", command, child)


def wait_for(path: Path, text: str = "") -> None:
    """Until another process has made a file with this text in it."""
    for _ in range(600):
        if path.exists() and text in path.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise TimeoutError(f"{path}: not there within 30 s, or without {text!r}")


def without_a_card() -> None:
    """Before any radio is there."""
    wtrec("list-without", "monitor", "list")
    wtrec("add-without", "monitor", "add", "phy0", "mon0")


def load_radios() -> None:
    """Load mac80211_hwsim with three radios."""
    for module in sorted(Path("/run/radio").iterdir()):
        options = ["radios=3"] if "hwsim" in module.name else []
        subprocess.run(["insmod", str(module), *options], check=False, capture_output=True)


def record_messages() -> None:
    """Keep the kernel's own messages, which unit tests read."""
    with nl80211.Nl80211() as kernel:
        ask = kernel._netlink.command
        phys = ask(nl80211._GET_WIPHY, attribute(nl80211._SPLIT_DUMP), dump=True)
        interfaces = ask(nl80211._GET_INTERFACE, dump=True)
    (OUT / "messages.json").write_text(
        json.dumps(
            {
                "phys": [message.hex() for message in phys],
                "interfaces": [message.hex() for message in interfaces],
            }
        )
    )


def monitors() -> None:
    """Make, list and delete monitor interfaces, and everything that stands in the way."""
    wtrec("list-new", "monitor", "list", "--format", "json")
    wtrec("add", "monitor", "add", "phy0", "mon0", "--channel", "6")
    wtrec("add-flags", "monitor", "add", "phy0", "mon2", "--no-fcsfail", "--no-control")
    wtrec("list", "monitor", "list", "--format", "json")
    wtrec("list-table", "monitor", "list")
    results["iw"] = {"dev": run("iw", "dev"), "phy": run("iw", "phy", "phy0", "info")}
    record_messages()
    wtrec("del", "monitor", "del", "mon2")
    wtrec("del-other", "monitor", "del", "wlan1")
    wtrec("del-nothing", "monitor", "del", "mon7")
    wtrec("del-no-right", "monitor", "del", "mon0", before=give_up_rights)
    wtrec("add-no-phy", "monitor", "add", "phy9", "mon1")
    wtrec("add-on-interface", "monitor", "add", "wlan1", "mon1")
    wtrec("add-taken", "monitor", "add", "phy0", "mon0")
    wtrec("add-no-right", "monitor", "add", "phy0", "mon1", before=give_up_rights)
    wtrec("add-no-channel", "monitor", "add", "phy0", "mon1", "--channel", "32")
    wtrec("add-wide", "monitor", "add", "phy2", "mon1", "--channel", "36", "--width", "80")
    results["iw"]["wide"] = run("iw", "dev", "mon1", "info")
    wtrec("del-wide", "monitor", "del", "mon1")
    power = ("iw", "dev", "wlan2", "set", "power_save", "on")  # not every kernel's hwsim has it
    subprocess.run(power, capture_output=True, check=False)
    results["iw"]["power_save"] = run("iw", "dev", "wlan2", "get", "power_save")
    with blocked("phy2"):
        wtrec("add-blocked", "monitor", "add", "phy2", "mon1", "--channel", "6")
        wtrec("doctor-blocked", "doctor", "wlan2", "--format", "json", "--listen", "0.1")


def network() -> None:
    """Two stations, and what a third radio hears of them."""
    join("wlan1", "192.0.2.1")
    wtrec("add-busy", "monitor", "add", "phy1", "mon1", "--channel", "11")
    wtrec("add-beside", "monitor", "add", "phy1", "mon1")
    wtrec("doctor-beside", "doctor", "mon1", "--format", "json", "--listen", "0.1")
    wtrec("del-beside", "monitor", "del", "mon1")
    run("ip", "netns", "add", "peer")
    run("iw", "phy", "phy2", "set", "netns", "name", "peer")
    inside = ("ip", "netns", "exec", "peer")
    join("wlan2", "192.0.2.2", inside=inside)
    neighbour = ("192.0.2.1", "lladdr", STATIONS[0], "dev", "wlan2", "nud", "permanent")
    run(*inside, "ip", "neigh", "replace", *neighbour)


def traffic() -> None:
    """Send, receive and capture, and let the doctor listen to it."""
    capture = ["capture", "mon0", "-w", str(WORK / "run.pcapng"), "-c", str(DATAGRAMS)]
    capture += ["-a", "duration:60", "--channel", "6", "--fcsfail"]
    capture += ["-f", f"wlan addr2 {STATIONS[1]} and wlan addr1 {STATIONS[0]}"]
    receive = ["receive", "wlan1", "-m", "udp", "-p", str(PORT), "--json", "-c", str(DATAGRAMS)]
    receive += ["-t", "60"]
    capturing, receiving = start("capture", capture), start("receive", receive)
    wait_for(WORK / "run.json")  # by then, the ring is open
    wait_for(OUT / "receive.err", "receiving on")
    send = sender("-w", str(OUT / "run.pcapng"), "-c", str(DATAGRAMS))
    wtrec("send", *send, before=enter_peer)
    finish("receive", receive, receiving)
    finish("capture", capture, capturing)
    with sending():
        wtrec("doctor", "doctor", "mon0", "--format", "json", "--listen", "1")
        wtrec("doctor-table", "doctor", "mon0", "--listen", "0.5")
        wtrec("doctor-no-right", "doctor", "mon0", "--listen", "0.1", before=give_up_rights)
    wtrec("doctor-machine", "doctor", "--format", "json")


def settings() -> None:
    """Capture with another channel and other flags, and while the clock is set."""
    wtrec("capture-no-channel", "capture", "mon0", "--channel", "99")
    described = ["-w", str(WORK / "f.pcapng"), "-a", "duration:1"]
    wtrec("capture-flags", "capture", "mon0", "--channel", "11", "--no-fcsfail", *described)
    results["capture-flags"]["run"] = json.loads((WORK / "f.json").read_text())
    wtrec("capture-back", "capture", "mon0", "--channel", "6", "--fcsfail", "--force", *described)
    with sending():
        for name, step in (("forward", 3600), ("back", -3600)):
            path = WORK / f"{name}.pcapng"
            command = ["capture", "mon0", "-w", str(path), "-a", "duration:12"]
            began = time.monotonic()
            child = start(f"clock-{name}", command)
            wait_for(path.with_suffix(".json"))
            time.sleep(0.5)
            time.clock_settime(time.CLOCK_REALTIME, time.time() + step)
            finish(f"clock-{name}", command, child)
            results[f"clock-{name}"]["took"] = time.monotonic() - began
            results[f"clock-{name}"]["run"] = json.loads(path.with_suffix(".json").read_text())


def injection() -> None:
    """Inject frames at one radio, and capture and receive them raw at another."""
    run("iw", "dev", "wlan1", "ibss", "leave")
    run("ip", "link", "set", "wlan1", "down")
    wtrec("add-injecting", "monitor", "add", "phy1", "mon1", "--channel", "6")
    receive = ["receive", "mon0", "-m", "bpf", "-f", f"udp port {PORT}", "--json"]
    receive += ["-c", str(INJECTED), "-t", "60"]
    capture = ["capture", "mon0", "-w", str(WORK / "injected.pcapng"), "-c", str(INJECTED)]
    capture += ["-a", "duration:60", "-f", f"wlan addr2 {INJECTOR}"]
    receiving, capturing = start("receive-bpf", receive), start("capture-injected", capture)
    wait_for(WORK / "injected.json")
    wait_for(OUT / "receive-bpf.err", "receiving on")
    send = ["send", "192.0.2.9", "-m", "inject", "-i", "mon1", "-p", str(PORT), "--pps", "60"]
    send += ["--addr2", INJECTOR, "--rates", "6", "--seed", str(SEED), "-c", str(INJECTED)]
    wtrec("send-injected", *send, "-w", str(OUT / "injected.pcapng"))
    finish("receive-bpf", receive, receiving)
    finish("capture-injected", capture, capturing)
    wtrec("del-injecting", "monitor", "del", "mon1")
    wtrec("del-last", "monitor", "del", "mon0")


def main() -> None:
    """The whole experiment."""
    tell("Python runs")
    WORK.mkdir()
    try:
        for step in (without_a_card, load_radios, monitors, network, traffic, settings, injection):
            step()
    finally:
        for path in (*WORK.glob("run.*"), *WORK.glob("injected.*")):
            shutil.copy(path, OUT)
        (OUT / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
