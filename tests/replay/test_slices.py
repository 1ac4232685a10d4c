"""Short time slices are had for a while, then what was before."""

from __future__ import annotations

import ctypes
import os
import platform

import pytest

from wtrec.replay.slices import _CALLS, _Attributes, short_slices


def slice_ns() -> int:
    """What the kernel says of this thread."""
    attributes = _Attributes()
    call = _CALLS[platform.machine()][1]
    assert not ctypes.CDLL(None).syscall(
        call, 0, ctypes.byref(attributes), ctypes.sizeof(attributes), 0
    )
    return int(attributes.runtime)


def test_for_a_while() -> None:
    """Where the kernel knows slices (Linux 6.12), they are short; nice stays what it is."""
    if platform.machine() not in _CALLS or not slice_ns():
        pytest.skip("this kernel does not say how long slices are")
    before, nice = slice_ns(), os.nice(0)
    with short_slices():
        assert slice_ns() == 100_000
        assert os.nice(0) == nice
    assert slice_ns() == before


def test_elsewhere_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine whose calls have other numbers."""
    monkeypatch.setattr(platform, "machine", lambda: "pdp11")
    with short_slices():
        pass
