"""How kernels are compiled: once per machine, cached, without the interpreter lock.

numba's own cache looks only at the file that a kernel stands in, so a kernel would
keep running the old code of a helper, or an old constant, of another file. Here the
cache folder's name holds a hash of all that kernels are made from (``KERNEL_SOURCES``),
so a change in any of it starts a new cache, and the folder is in the user's cache, so
an installation on read-only disk has one too.

Kernels take plain contiguous arrays and scalars and are called through thin
typed functions; tests run the same source uncompiled as ``kernel.py_func``.

Without numba, or with ``NUMBA_DISABLE_JIT=1``, kernels run as the plain Python that they are:
slow, but enough to capture a few frames where numba cannot be had.
"""

# pyright: reportAttributeAccessIssue=false
# numba makes the attributes of its configuration at run time.

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])


def _numba() -> ModuleType | None:
    """The numba that compiles; None where kernels run as plain Python."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}:
        return None
    try:
        import numba
    except ImportError:
        return None
    return cast("ModuleType", numba)


numba = _numba()

_ROOT = Path(__file__).resolve().parent
# Modules that define kernels, and those whose constants are compiled into them.
KERNEL_SOURCES = (
    "analysis/*kernel*.py",
    "datasets/*kernel*.py",
    "dot11/*.py",
    "phy/*.py",
    "recorder/*kernel*.py",
    "recorder/bpf/*kernel*.py",
    "replay/*kernel*.py",
    "replay/algorithms/*kernel*.py",
)


@functools.cache
def cache_folder() -> Path:
    """Where compiled kernels are kept: ``$NUMBA_CACHE_DIR`` or the user's cache folder."""
    compiler = numba.__version__ if numba else "none"
    digest = hashlib.sha256(f"{sys.version} {compiler}".encode())
    for pattern in KERNEL_SOURCES:
        for module in sorted(_ROOT.glob(pattern)):
            digest.update(module.read_bytes())
    base = os.environ.get("NUMBA_CACHE_DIR")
    if not base:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        base = str(Path(base) / "wtrec")
    return Path(base) / f"kernels-{digest.hexdigest()[:16]}"


def jit(function: F) -> F:
    """Compile ``function`` at its first call, from the cache where it is there already."""
    return _compile(function)


def lean_jit(function: F) -> F:
    """As :func:`jit`, without reference counts: for kernels that allocate and return no array.

    Where small kernels call each other for every frame, the counts' atomic operations cost
    more than what the kernels do.
    """
    return _compile(function, _nrt=False)


def inline_jit(function: F) -> F:
    """As :func:`jit`, and put in place of each call, so that a loop around it becomes vector code.

    Otherwise a kernel's results pass through memory, which ends vectorisation.
    """
    return _compile(function, inline="always")


def system_call(name: str, result: str, *arguments: str) -> Callable[..., Any]:
    """A function of the C library that kernels may call; pointers are ``array.ctypes.data``.

    Args:
        name: Its name.
        result: The type of its result: ``int32``, ``intp`` or ``uintp``.
        arguments: Those of its arguments.
    """
    if numba is None:
        types = {"int32": ctypes.c_int32, "intp": ctypes.c_ssize_t, "uintp": ctypes.c_size_t}
        function = ctypes.CDLL(None)[name]
        function.restype = types[result]
        function.argtypes = [types[each] for each in arguments]
        return cast("Callable[..., Any]", function)
    kinds = numba.types
    signature = getattr(kinds, result)(*(getattr(kinds, each) for each in arguments))
    return cast("Callable[..., Any]", kinds.ExternalFunction(name, signature))


@functools.cache
def can_cache() -> bool:
    """Whether compiled kernels can be kept; without that, each process compiles its own."""
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache_folder()):
            return True
    except OSError:
        return False


def _compile(function: F, **options: Any) -> F:
    if numba is None:
        return function
    if not can_cache():
        return cast("F", numba.njit(nogil=True, **options)(function))
    config = numba.core.config
    previous = config.CACHE_DIR  # read when the decorator runs: ours must not leak to others
    config.CACHE_DIR = str(cache_folder())
    try:
        return cast("F", numba.njit(cache=True, nogil=True, **options)(function))
    finally:
        config.CACHE_DIR = previous


def on_first_compile(announce: Callable[[], None]) -> None:
    """Call ``announce`` once, when the first kernel is about to be compiled, not merely loaded."""
    if numba is None:
        return
    from numba.core import event as events

    class Listener(events.Listener):  # type: ignore[misc]
        told = False

        def on_start(self, event: events.Event) -> None:
            del event
            if not self.told:
                self.told = True
                announce()

        def on_end(self, event: events.Event) -> None:
            del event

    events.register("numba:compile", Listener())
