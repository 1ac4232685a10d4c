"""A network namespace with a monitor interface in it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator

import pytest

from wtrec.recorder.tun import MonitorTun

_CLONE_NEWNET = 0x40000000


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


@pytest.fixture
def mon0(network_namespace: None) -> Iterator[MonitorTun]:  # noqa: ARG001
    """The simulated monitor interface ``mon0``, up."""
    with MonitorTun("mon0") as tun:
        yield tun
