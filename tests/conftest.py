"""What several test files share: where the public captures are, and what this machine allows."""

from __future__ import annotations

import ctypes
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from wtrec.datasets import pcapng
from wtrec.dot11 import fcs, mac, radiotap
from wtrec.recorder.tun import MonitorTun

ROOT = Path(__file__).resolve().parents[1]
# Kernels are compiled, and machines are busy: no example is judged by its time.
settings.register_profile("wtrec", deadline=None, max_examples=50)
settings.load_profile("wtrec")

_CLONE_NEWNET = 0x40000000
# A Python in /root cannot be read by the users that tests become: in a mount namespace it can.
_READABLE = """mount --make-rprivate / && mkdir -p /tmp/.wtrec-python &&
mount --bind {prefix} /tmp/.wtrec-python && mount -t tmpfs -o mode=755 tmpfs /root &&
mkdir -p {prefix} && mount --bind /tmp/.wtrec-python {prefix} && exec "$@" """

CAPTURES = Path(os.environ.get("WTREC_CAPTURES", ROOT.parent / "shared" / "data" / "captures"))
os.environ.pop("SUDO_UID", None)  # captures would be written as that user
START = 1_700_000_000_000_000_000  # ns: the first frame of the captures that tests write


# Listing 3.1 of the report that this project began with: a monitor's view of a decrypted frame.
_LISTING = bytes.fromhex(
    "000027002b4008a020080000000000002228b0ee19000000100080098004bd000000270407bd0088"
    "422c00647002b547bbc80e1449fc940024d7b3dbd0d07600007148002000000000aaaa0300000008"
    "00450000207ad240004011da57c0a8b226c0a8b22bd702138d000c4b03706b74348f80cc4dc1b93b"
    "ba9da81bf3"
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, saying why, what cannot run here."""
    no_captures = pytest.mark.skip(reason=f"no public captures in {CAPTURES}")
    no_rights = pytest.mark.skip(reason="needs root and /dev/net/tun")
    no_machine = pytest.mark.skip(reason="./dev test-vm makes the machine, and runs this")
    may_make_interfaces = os.geteuid() == 0 and Path("/dev/net/tun").exists()
    for item in items:
        if item.get_closest_marker("real") and not CAPTURES.is_dir():
            item.add_marker(no_captures)
        if item.get_closest_marker("vm") and "WTREC_VM" not in os.environ:
            item.add_marker(no_machine)
        if item.get_closest_marker("root") and not may_make_interfaces:
            item.add_marker(no_rights)


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of public captures; tests that use it carry the marker ``real``."""
    return CAPTURES


def _write_capture(
    path: Path,
    mpdus: Sequence[bytes],
    *,
    times: Sequence[int | None] | None = None,
    rates: Sequence[float] | None = None,
    flags: Sequence[int] | None = None,
    signals: Sequence[int] | None = None,
) -> Path:
    """Write MPDUs with FCS as a capture, one a millisecond at 6 Mbit/s and -50 dBm.

    Flags are Radiotap's, and say what is so if not given; a frame without a time gets a Simple
    Packet Block.
    """
    with path.open("wb") as file:
        file.write(pcapng.SectionHeader.make().write("<"))
        file.write(pcapng.InterfaceDescription.make(linktype=127, tsresol=9).write("<"))
        for i, mpdu in enumerate(mpdus):
            is_bad = len(mpdu) >= fcs.LENGTH and fcs.syndrome(mpdu) != 0
            truth = radiotap.Flags.FCS | (radiotap.Flags.BAD_FCS if is_bad else 0)
            header = radiotap.build(
                flags=flags[i] if flags else truth,
                rate=round(2 * rates[i]) if rates else 12,
                dbm_antenna_signal=signals[i] if signals else -50,
            )
            time = times[i] if times else START + i * 1_000_000
            packet = header + mpdu
            block = (
                pcapng.SimplePacket(packet, len(packet))
                if time is None
                else pcapng.EnhancedPacket.make(0, time, packet)
            )
            file.write(block.write("<"))
    return path


def _udp_frame(payload: bytes, sequence: int = 0, *, retry: bool = False) -> bytes:
    """An MPDU with FCS whose UDP payload begins at byte 60."""
    packet = mac.udp_datagram("192.0.2.1", "192.0.2.2", 5005, 5005, payload)
    frame = mac.data_frame(
        packet,
        addr1=b"\2\0\0\0\0\1",
        addr2=b"\2\0\0\0\0\2",
        addr3=b"\2\0\0\0\0\1",
        to_ds=True,
        retry=retry,
        sequence=sequence,
    )
    return fcs.append(frame)


@pytest.fixture(scope="session")
def write_capture() -> Callable[..., Path]:
    """``write_capture(path, mpdus, times=, rates=, flags=, signals=)``."""
    return _write_capture


@pytest.fixture(scope="session")
def udp_frame() -> Callable[..., bytes]:
    """``udp_frame(payload, sequence=0, retry=False)``."""
    return _udp_frame


@pytest.fixture
def network_namespace() -> Iterator[None]:
    """A network of this test's own; processes that it starts are in there, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.unshare(_CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        yield
        if libc.setns(home, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(home)


@pytest.fixture(scope="session")
def listing() -> bytes:
    """A frame behind its Radiotap header, as the driver delivered it after decryption."""
    return _LISTING


@dataclass(frozen=True)
class Veth:
    """Two networks joined by a pair of interfaces: ours, and one in which nothing runs yet.

    Attributes:
        there: What starts a command in the other network.
    """

    there: tuple[str, ...]
    name_here: str = "here0"
    name_there: str = "there0"
    address_here: str = "198.51.100.1"
    address_there: str = "198.51.100.2"


@pytest.fixture
def veth(network_namespace: None) -> Iterator[Veth]:
    """A pair of interfaces that are up, each in a network of its own; IPv4 alone."""
    del network_namespace
    no_ipv6 = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"  # it sends by itself
    subprocess.run(["sh", "-c", no_ipv6], check=True)
    with subprocess.Popen(
        ["unshare", "-n", "sh", "-c", f"{no_ipv6}; echo; exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()  # its network exists now
        pair = Veth(("nsenter", "-t", f"{holder.pid}", "-n"))
        for words in (
            "ip link set lo up",
            f"ip link add here0 type veth peer name there0 netns {holder.pid}",
            f"ip addr add {pair.address_here}/24 dev here0",
            "ip link set here0 up",
            f"{shlex.join(pair.there)} ip addr add {pair.address_there}/24 dev there0",
            f"{shlex.join(pair.there)} ip link set lo up",
            f"{shlex.join(pair.there)} ip link set there0 up",
        ):
            subprocess.run(words.split(), check=True)
        yield pair
        holder.stdin.close()


@pytest.fixture(scope="session")
def readable_python() -> list[str]:
    """Words before a command so that users other than root can read Python while it runs."""
    prefix = Path(sys.base_prefix).resolve()
    if Path("/root") not in prefix.parents:
        return []
    return ["unshare", "-m", "sh", "-c", _READABLE.format(prefix=prefix), "sh"]


@pytest.fixture
def mon0(network_namespace: None) -> Iterator[MonitorTun]:  # noqa: ARG001
    """The simulated monitor interface ``mon0``, up."""
    with MonitorTun("mon0") as tun:
        yield tun
