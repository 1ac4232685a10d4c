"""What holds a file, a socket or memory, and gives it back at the end of a ``with``."""

from __future__ import annotations

import abc
from typing import Self


class Closing(abc.ABC):
    """A context manager that is closed when it is left, in whatever way."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give back what is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
