"""What remotes over a network share: fsspec's event loop, and its optional packages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, TypeVar

from .remote import RemoteError

Result = TypeVar("Result")
AGAIN = "run the same command again, it goes on where it was"


def optional(name: str) -> Any:
    """A module of the extra ``remote``.

    Raises:
        RemoteError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise RemoteError(
            f"{error.name or name} is not installed, which this remote needs: "
            "pip install 'wtrec[remote]'"
        ) from None


def waited(function: Callable[..., Coroutine[Any, Any, Result]], *words: Any) -> Result:
    """The result of a coroutine function, run in fsspec's loop; any thread may wait for one."""
    asyn = optional("fsspec.asyn")
    result: Result = asyn.sync(asyn.get_loop(), function, *words)
    return result
