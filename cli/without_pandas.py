"""Commands start without pandas: pyarrow imports it with its first array, wherever there is one.

That takes a fifth of a start, and no command uses it. An import of pandas on behalf of one of our
own modules, which import it nowhere themselves, is pyarrow's question whether there is one; it is
told no. Whoever wants pandas, an algorithm of somebody else or pyarrow for it, gets it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from types import ModuleType

_OURS = f"{__name__.partition('.')[0]}."


class _NoPandas(importlib.abc.MetaPathFinder):
    """Refuses pandas to our own modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find nothing; refuse pandas where pyarrow asks."""
        del path, target
        if fullname == "pandas" and _asker().startswith(_OURS):
            raise ModuleNotFoundError("no command needs pandas", name=fullname)
        return None


def _asker() -> str:
    """The module that imports something; compiled ones are taken for who called them."""
    frame = sys._getframe(1)  # noqa: SLF001 - there is no public way
    while frame.f_globals.get("__name__") in {__name__, "importlib._bootstrap"}:
        if frame.f_back is None:
            return ""
        frame = frame.f_back
    return str(frame.f_globals.get("__name__", ""))


def start_without_pandas() -> None:
    """Have arrays made without it."""
    if "pandas" not in sys.modules:
        sys.meta_path.insert(0, _NoPandas())
