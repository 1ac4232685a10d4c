"""A simulated monitor interface that frames are fed into, once somebody listens there."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..recorder.tun import MonitorTun

_PATIENCE_S = 60
_FAREWELL_S = 0.5  # between the last frame and the end of the interface


def _never() -> bool:
    return False


@contextlib.contextmanager
def tap(
    name: str,
    *,
    on_open: Callable[[], object] = lambda: None,
    give_up: Callable[[], bool] = _never,
) -> Iterator[MonitorTun]:
    """Make a monitor interface, and wait for a listener; it stays as long as there is one.

    Args:
        name: Its name.
        on_open: Called when it is made.
        give_up: Asked again and again whether not to wait.

    Raises:
        CaptureError: No rights, no TUN driver, or the name is taken.
    """
    from ..recorder.interface import has_listener
    from ..recorder.tun import MonitorTun

    with MonitorTun(name) as tun:
        on_open()
        click.echo(
            f"{tun.name} is up; frames follow when somebody listens (wtrec capture {tun.name}), "
            f"or in {_PATIENCE_S} s",
            err=True,
        )
        until = time.monotonic() + _PATIENCE_S
        while not has_listener(tun.name) and time.monotonic() < until and not give_up():
            time.sleep(0.05)
        yield tun
        time.sleep(_FAREWELL_S)
        if has_listener(tun.name) and not give_up():
            click.echo(f"all frames are sent; {tun.name} stays while somebody listens", err=True)
        while has_listener(tun.name) and not give_up():
            time.sleep(0.05)
