"""What is compiled beforehand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WTREC = Path(sys.executable).with_name("wtrec")
COMMANDS = (
    "demo --frames 60",
    "simulate -w b.pcapng --rate 1 --rate 11 --snr 3 --frames 50",
    "simulate -w copies.pcapng --rate 36 --snr 12 --frames 50 --copies 2 --retries 2",
    "replay b.pcapng --algo auto",
    "replay copies.pcapng --algo chase --algo majority --algo header --algo crc-burst",
    "analyze copies.pcapng --by rate,retry",
    "analyze b.pcapng --payload zeros",
    "info b.pcapng",
)


@pytest.mark.slow
def test_nothing_is_left_to_compile(tmp_path: Path) -> None:
    """After it, no command of the README's compiles a kernel, on a machine that had none before."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "kernels")}
    warm = [sys.executable, "-c", "from wtrec.cli.warm import main; main()"]
    done = subprocess.run(warm, env=environment, capture_output=True, text=True, check=True)
    assert "compiling kernels" in done.stderr
    for command in COMMANDS:
        done = subprocess.run(
            [WTREC, *command.split()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "compiling kernels" not in done.stderr, command
