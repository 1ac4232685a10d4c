"""A virtual machine with this computer's files and a kernel of its own.

    host                                    guest
    /  ──────── 9p, read-only ────────────► /             Python, wtrec, iw: what is installed here
    results ─── 9p, both ways ────────────► /run/out      the program to run, and what it leaves
    vmlinuz, initramfs.gz ────────────────► Debian's kernel; radio modules in /run/radio

``prepare`` makes kernel and initramfs, ``./dev test-vm`` names their folder in ``$WTREC_VM``.

Nothing on the host needs rights. The processor is emulated: KVM inside of a virtual machine may be
there and hang. Python starts slowly under emulation, so a guest program does its work in one
process and forks.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_START = """\
cd /run
export PATH={bin}:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run/tmp XDG_CACHE_HOME=/run/cache
export PYTHONDONTWRITEBYTECODE=1 NUMBA_DISABLE_JIT=1 LC_ALL=C.UTF-8 TERM=dumb
exec {python} {program}
"""


@dataclass(frozen=True)
class Ended:
    """How a guest's program ended.

    Attributes:
        code: Its exit code, None if the machine ended before it did.
        output: What it printed.
        console: What the machine printed.
    """

    code: int | None
    output: str
    console: str


def boot(program: Path, results: Path, *, seconds: float) -> Ended:
    """Run a Python program in the guest, as root, with the interpreter that runs this.

    Args:
        program: A file of the host.
        results: An empty folder of the host, ``/run/out`` in the guest.
        seconds: The machine is stopped after so long.
    """
    image = Path(os.environ["WTREC_VM"])
    start = _START.format(bin=Path(sys.executable).parent, python=sys.executable, program=program)
    (results / "start").write_text(start)
    share = "local,security_model=none,multidevs=remap"
    command = [
        "qemu-system-x86_64",
        *("-accel", "tcg", "-cpu", "Nehalem"),  # emulated AVX is slower than none
        *("-m", "512", "-nographic", "-nic", "none", "-no-reboot"),
        *("-kernel", str(image / "vmlinuz"), "-initrd", str(image / "initramfs.gz")),
        *("-append", "console=ttyS0 quiet panic=-1 mitigations=off"),
        *("-device", "virtio-rng-pci"),
        *("-virtfs", f"{share},path=/,mount_tag=host,readonly=on"),
        *("-virtfs", f"{share},path={results},mount_tag=results"),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
        console = done.stdout + done.stderr
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"") + f"\nstopped after {seconds} s".encode()
    code, output = results / "code", results / "output"
    return Ended(
        int(code.read_text()) if code.exists() else None,
        output.read_text(errors="replace") if output.exists() else "",
        console.decode(errors="replace"),
    )
