"""What an algorithm says of itself to those who choose one.

The words are those of its class: the docstring's first line and what follows it, the meanings in
its Google-style ``Args:``, and the attributes ``source`` and ``cost``, which a class may leave out.
The docstring of its module follows as the details.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from dataclasses import dataclass
from typing import Any, Final

from .choice import EXEC, Parameter, load, parameters

_SECTION: Final = re.compile(r"(\w+):$")
_ARGUMENT: Final = re.compile(r"\*{0,2}(\w+)(?: ?\([^)]*\))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Description:
    """An algorithm in words.

    Attributes:
        name: Its name.
        usage: How ``--algo`` takes it, with every default.
        summary: One line.
        details: The rest of what its class and its module say, wrapped as it is there.
        parameters: What it takes.
        meanings: What they mean, by name; those that it explains.
        source: Where it is described, empty if it does not say.
        cost: What it does for a frame, empty if it does not say.
    """

    name: str
    usage: str
    summary: str
    details: str
    parameters: list[Parameter]
    meanings: dict[str, str]
    source: str
    cost: str

    def to_json(self) -> dict[str, Any]:
        """For programs; null where the algorithm says nothing."""
        return {
            "name": self.name,
            "usage": self.usage,
            "summary": self.summary,
            "details": self.details,
            "parameters": [
                {
                    "name": parameter.name,
                    "type": parameter.type.__name__,
                    "default": parameter.default,
                    "meaning": self.meanings.get(parameter.name),
                }
                for parameter in self.parameters
            ],
            "source": self.source or None,
            "cost": self.cost or None,
        }


def describe(name: str) -> Description:
    """Describe a registered algorithm.

    Raises:
        AlgorithmError: There is none of this name, its package is broken, or it has a parameter
            that users could not give.
    """
    algorithm = load(name)
    taken = parameters(algorithm)
    defaults = ",".join(f"{parameter.name}={parameter.default}" for parameter in taken)
    if name == EXEC:
        defaults = "COMMAND"
    text = sections(algorithm.__doc__)
    summary, _, more = text.get("", "").partition("\n")
    module = inspect.cleandoc(sys.modules[algorithm.__module__].__doc__ or "")
    return Description(
        name=name,
        usage=f"{name}:{defaults}" if defaults else name,
        summary=summary or "no description",
        details="\n\n".join(filter(None, [more.strip(), module])),
        parameters=taken,
        meanings={
            **arguments(sections(inspect.getattr_static(algorithm, "__init__").__doc__)),
            **arguments(text),
        },
        source=getattr(algorithm, "source", ""),
        cost=getattr(algorithm, "cost", ""),
    )


def sections(docstring: str | None) -> dict[str, str]:
    """The sections of a Google-style docstring by their names, what is before them by ``""``."""
    found: dict[str, list[str]] = {"": []}
    current = ""
    for line in inspect.cleandoc(docstring or "").splitlines():
        heading = _SECTION.match(line)
        if heading:
            current = heading[1]
        found.setdefault(current, []).extend([] if heading else [line])
    return {name: textwrap.dedent("\n".join(lines)).strip() for name, lines in found.items()}


def arguments(text: dict[str, str]) -> dict[str, str]:
    """The meaning of each parameter in the section ``Args``, as one line."""
    meanings: dict[str, str] = {}
    name = ""
    for line in text.get("Args", "").splitlines():
        entry = None if line.startswith(" ") else _ARGUMENT.match(line)
        if entry:
            name, meanings[entry[1]] = entry[1], entry[2]
        elif name:
            meanings[name] = f"{meanings[name]} {line.strip()}".strip()
    return meanings
