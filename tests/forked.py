"""``wtrec`` in a process of its own, without the second that one takes to start.

Most of the time of a small command is the start of Python, numba and Arrow. Here the process is
forked from this one, which has all that, and runs the console script's function with the arguments,
environment, streams and signals of a new process. What a start itself does, and memory, is tested
with processes that are started.
"""

from __future__ import annotations

import functools
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

from wtrec.cli.main import COMMANDS, main


def popen(
    words: Sequence[object], *, env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.Popen[Any]:
    """As :class:`subprocess.Popen`, of ``wtrec`` with these arguments.

    Args:
        words: The subcommand and its arguments.
        env: Its environment.
        **options: Others of ``Popen``, but for those of what a new program inherits.
    """
    _load()
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = ["wtrec", *map(str, words)]

    def become() -> NoReturn:
        _become(arguments, env)

    with warnings.catch_warnings():
        # From 3.12 on, for there may be threads: none of ours holds a lock that wtrec takes.
        warnings.simplefilter("ignore", DeprecationWarning)
        return subprocess.Popen(arguments, preexec_fn=become, **options)  # noqa: PLW1509


def run(
    words: Sequence[object], *, timeout: float | None = 100, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """As ``subprocess.run`` with ``capture_output``, and ``text`` if not said otherwise."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    with popen(words, **given) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@functools.cache
def _load() -> None:
    """What every command would load again: its modules, and kernels that were compiled before."""
    for name in COMMANDS:
        import_module(f"wtrec.cli.{name}")
    from wtrec.recorder.capture_loop import warm_up

    warm_up()


def _become(arguments: list[str], env: Mapping[str, str] | None) -> NoReturn:
    """Be a new process of ``wtrec``, up to its exit."""
    code = 1
    try:
        gc.freeze()  # what is garbage here may close a file of the new process
        os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # Popen's own, too
        _reset_signals()
        warnings.resetwarnings()
        warnings.simplefilter("ignore")
        if env is not None:
            os.environ.clear()
            os.environ.update(env)
        sys.argv = arguments
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - as long as the process
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        code = _exit_code()
        threading._shutdown()  # type: ignore[attr-defined]
        sys.stdout.flush()
    except BrokenPipeError:
        code = 120  # as the interpreter does where its output cannot be flushed
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _reset_signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not None:
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)  # noqa: T201
            return 1
        return end.code or 0
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    return 0
