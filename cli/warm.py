"""Compile every kernel now, so that no command has to: what ``./dev`` runs after the set-up."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
from click.testing import CliRunner

from ..replay.choice import make
from .analyze import analyze
from .convert import convert
from .demo import demo
from .merge import merge
from .output import say_when_compiling
from .recover import recover
from .replay import replay
from .simulate import simulate


def main() -> None:
    """Run the demo on a few frames, with nothing printed but that kernels are compiled."""
    say_when_compiling()
    import numpy as np

    from ..analysis.match import no_packets, with_index
    from ..recorder.bpf import accept_all
    from ..recorder.bpf.on_capture import Runner
    from ..recorder.capture_loop import warm_up
    from ..replay.depart_kernel import load

    warm_up()
    load()  # what lets frames leave
    for name in ("chase", "auto"):  # an algorithm compiles its kernels when it is made
        make(name)
    with_index(no_packets())  # a log of so few packets needs no index
    none = np.zeros(0, np.int64)
    Runner(accept_all(1)).run(np.zeros(0, np.uint8), none, none, none)  # a filter over a capture
    with tempfile.TemporaryDirectory() as folder:
        capture, old, new = (str(Path(folder) / name) for name in ("run.pcapng", "a.pcap", "b"))
        _run(demo, "-d", folder, "--frames", "2")
        _run(replay, capture, "--algo", "header")
        _run(simulate, "-w", f"{new}.pcapng", "--rate", "1", "--rate", "11", "--frames", "1")
        _run(analyze, capture, "--truth", "siblings")
        _run(convert, capture, "-o", old)
        _run(merge, capture, old, "-o", f"{new}.merged.pcapng")
        for path in (capture, old):
            with Path(path).open("ab") as file:
                file.write(bytes(99))  # damage
            _run(recover, path)


def _run(command: click.Command, *words: str) -> None:
    result = CliRunner().invoke(command, words)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise click.ClickException(f"warming up failed: {result.exception}")
