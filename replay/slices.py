"""Time slices: a thread that has short ones runs as soon as it wakes.

Since Linux 6.12 a thread that wakes takes the processor from one with longer slices, even before
that has used up its own; otherwise it may wait for some milliseconds. The share of the processor
stays what it is, so no right is needed. See sched(7), sched_setattr(2), and
Documentation/scheduler/sched-eevdf.rst of the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import platform
from collections.abc import Iterator
from typing import Final

_SHORTEST_NS: Final = 100_000  # the kernel takes 0.1 to 100 ms
# Numbers of sched_setattr and sched_getattr: Python has neither, nor has glibc before 2.41.
_CALLS: Final = {"x86_64": (314, 315), "aarch64": (274, 275), "riscv64": (274, 275)}


class _Attributes(ctypes.Structure):
    """``struct sched_attr``, its first version."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


@contextlib.contextmanager
def short_slices() -> Iterator[None]:
    """The calling thread has the shortest slices, where the system knows them."""
    calls = _CALLS.get(platform.machine())
    if calls is None:
        yield
        return
    set_attributes, get_attributes = calls
    system_call = ctypes.CDLL(None).syscall
    size = ctypes.sizeof(_Attributes)
    attributes = _Attributes()
    known = not system_call(get_attributes, 0, ctypes.byref(attributes), size, 0)
    if not known or attributes.policy != 0:  # somebody chose another policy than SCHED_OTHER
        yield
        return
    before, attributes.runtime = attributes.runtime, _SHORTEST_NS
    system_call(set_attributes, 0, ctypes.byref(attributes), 0)
    try:
        yield
    finally:
        attributes.runtime = before
        system_call(set_attributes, 0, ctypes.byref(attributes), 0)
