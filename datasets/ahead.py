"""Read ahead: the next item is made in a thread while the last one is used.

Kernels, Arrow and numpy work without the interpreter lock, so decoding a batch and counting the
one before it take a core each. Nothing else changes: items come in their order, an error comes
where it would have come, and never more than one item is waiting, so memory stays bounded.

What makes the items belongs to the thread until :func:`ahead` is left; it may then be used
again. Its counters are up to one item ahead meanwhile. Who measures how long the use of an item
takes should not read ahead: the time would be that of both.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def ahead(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """Iterate over ``items``, one item ahead of who uses them; a context manager.

    When it is left, in whatever way, the thread has ended, if need be after the item that it is
    busy with.

    Yields:
        The items.
    """
    # One thread: items are made one after the other.
    with ThreadPoolExecutor(1, "read-ahead") as thread:
        taken = _taken(thread, iter(items))
        with contextlib.closing(taken):
            yield taken


def _taken(thread: ThreadPoolExecutor, items: Iterator[T]) -> Generator[T]:
    end = object()
    coming = thread.submit(next, items, end)
    try:
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]
    finally:
        coming.cancel()
