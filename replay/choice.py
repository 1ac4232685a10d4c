"""How an algorithm is found by its name and made: what users write behind ``--algo``.

Packages register theirs under the entry point group ``wtrec.algorithms``; users choose one
as ``name`` or ``name:parameter=value,...``, the parameters being those of its ``__init__``:
each with a default, each a bool, int, float or str. The name of the entry point is the
algorithm's. ``exec:command``, with its parameters before the command, runs an algorithm in
another language (:mod:`.exec`).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..errors import FAILURES, AlgorithmError, ChoiceError, WtrecError, in_words
from .algorithm import Algorithm
from .exec.command import split

GROUP = "wtrec.algorithms"
EXEC = "exec"  # the algorithm that takes a command line
PROVENANCE = "provenance"

_OURS = "wtrec."  # modules

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an algorithm, as its ``__init__`` declares it."""

    name: str
    type: type[bool | int | float | str]
    default: bool | float | str

    def read(self, text: str) -> bool | float | str:
        """The value that a user wrote.

        Raises:
            ValueError: It is none of this type.
        """
        if self.type is not bool:
            return self.type(text)
        if text.lower() not in _BOOLEANS:
            raise ValueError(text)
        return _BOOLEANS[text.lower()]


def available() -> dict[str, EntryPoint]:
    """Every registered algorithm, by name, not loaded yet.

    Of several with one name, wtrec's own is taken, or else the first by module and class.
    """
    return dict(sorted(_registered()[0].items()))


def hidden() -> dict[str, list[str]]:
    """What is registered under a name that is taken: a line each, by name."""
    taken, others = _registered()
    lines: dict[str, list[str]] = {}
    for point in others:
        lines.setdefault(point.name, []).append(
            f"{point.name}: {point.value} is not used: {taken[point.name].value} has this name"
        )
    return lines


def _registered() -> tuple[dict[str, EntryPoint], list[EntryPoint]]:
    """Those that are taken, by name, and the others."""
    every = sorted(
        entry_points(group=GROUP), key=lambda each: (not each.value.startswith(_OURS), each)
    )
    taken: dict[str, EntryPoint] = {}
    others = [each for each in every if taken.setdefault(each.name, each).value != each.value]
    return taken, others


def load(name: str) -> type[Algorithm]:
    """The class of an algorithm.

    Raises:
        ChoiceError: No such algorithm.
        AlgorithmError: Its package is broken.
    """
    points = available()
    if name not in points:
        known = ", ".join(points) or "none"
        hint = "; parameters come behind a colon: NAME:KEY=VALUE" if "=" in name else ""
        raise ChoiceError(f"no algorithm {name!r}; there are: {known}{hint}")
    try:
        loaded: type[Algorithm] = points[name].load()
    except FAILURES as error:  # of somebody's module: whatever it does when it is imported
        raise AlgorithmError(f"{name} cannot be loaded: {in_words(error)}") from error
    return loaded


def parameters(algorithm: type[Algorithm]) -> list[Parameter]:
    """The parameters that an algorithm takes.

    Raises:
        AlgorithmError: One has no default, or is of a type that users cannot write.
    """
    taken = []
    for p in inspect.signature(algorithm, eval_str=True).parameters.values():
        if p.kind in {p.VAR_POSITIONAL, p.VAR_KEYWORD}:
            continue
        kind = type(p.default) if p.annotation is p.empty else p.annotation
        if p.default is p.empty or kind not in {bool, int, float, str}:
            raise AlgorithmError(
                f"{algorithm.name}: its parameter {p.name} wants a default, and to be a bool, "
                "int, float or str"
            )
        taken.append(Parameter(p.name, kind, p.default))
    return taken


def make(choice: str) -> tuple[Algorithm, dict[str, Any]]:
    """Make an algorithm from ``name``, ``name:parameter=value,...`` or ``exec:command``.

    Returns:
        The algorithm, and the value of each of its parameters; of an algorithm that has one, the
        ``provenance``, too.

    Raises:
        ChoiceError: No such algorithm or parameter, one twice, or a value that it does not take.
        AlgorithmError: The algorithm is broken, or a command cannot be started.
    """
    name, _, rest = choice.partition(":")
    algorithm = load(name)
    known = {parameter.name: parameter for parameter in parameters(algorithm)}
    values = {parameter.name: parameter.default for parameter in known.values()}
    if name == EXEC:
        rest, values["command"] = split(rest)
        del known["command"]
    given: set[str] = set()
    for assignment in filter(None, rest.split(",")):
        key, equals, text = assignment.partition("=")
        if key in known and not equals:
            raise ChoiceError(f"{name}: {key} has no value: wanted {key}=VALUE")
        if key not in known:
            raise ChoiceError(
                f"{name} takes no parameter {assignment!r}; it has: "
                + (", ".join(known) or "no parameters")
            )
        if key in given:
            raise ChoiceError(f"{name}: {key} is given twice")
        given.add(key)
        try:
            values[key] = known[key].read(text)
        except ValueError:
            wanted = known[key].type.__name__
            raise ChoiceError(f"{name}: {key}={text!r}, wanted {wanted}") from None
    return _made(name, algorithm, values)


def remake(name: str, recorded: Mapping[str, Any]) -> tuple[Algorithm, dict[str, Any]]:
    """Make an algorithm as it was when its results were made.

    Args:
        name: As results call it; that of a program is ``exec-NAME``.
        recorded: Its parameters as results have them.

    Returns:
        As :func:`make`; parameters that are new since have their defaults.

    Raises:
        AlgorithmError: There is no such algorithm any more, or here; it does not take these
            parameters; or the program cannot be started.
    """
    if name not in available() and name.startswith(f"{EXEC}-"):
        name = EXEC
    algorithm = load(name)
    values: dict[str, Any] = {each.name: each.default for each in parameters(algorithm)}
    kinds = {each.name: each.type for each in parameters(algorithm)}
    for key, value in recorded.items():
        if key == PROVENANCE:
            continue
        wanted = kinds.get(key)
        if wanted is None:
            raise AlgorithmError(f"{name} has no parameter {key!a} in this version")
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise AlgorithmError(f"{name}: {key}={value!a:.40}, wanted {wanted.__name__}")
        values[key] = value
    return _made(name, algorithm, values)


def _made(
    name: str, algorithm: type[Algorithm], values: dict[str, Any]
) -> tuple[Algorithm, dict[str, Any]]:
    try:
        made = algorithm(**values)
    except ValueError as error:
        raise ChoiceError(f"{name}: {' '.join(str(error).split())}") from None
    except WtrecError:
        raise
    except FAILURES as error:
        raise AlgorithmError(f"{name} cannot be made: {in_words(error)}") from error
    if name != EXEC and getattr(made, "name", None) != name:
        try:
            made.name = name
        except AttributeError:
            raise AlgorithmError(
                f"{name}: its attribute name is {made.name!r}, and cannot be set to {name!r}"
            ) from None
    provenance = getattr(made, PROVENANCE, None)
    return made, values if provenance is None else {**values, PROVENANCE: dict(provenance)}


def package_of(name: str) -> str:
    """The package that an algorithm comes from, and its version; empty for those of wtrec."""
    point = available().get(name)
    found = None if point is None else point.dist
    return "" if found is None or found.name == "wtrec" else f"{found.name} {found.version}"
