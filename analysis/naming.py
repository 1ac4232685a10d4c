"""What an algorithm is called among others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]


def named(algorithm: Json, among: Sequence[Json]) -> str:
    """An algorithm; with its parameters if the name alone is not enough."""
    name = str(algorithm["name"])
    if [each["name"] for each in among].count(algorithm["name"]) < 2:
        return name
    parameters = json.loads(algorithm["parameters"])
    others = [json.loads(each["parameters"]) for each in among if each["name"] == algorithm["name"]]
    telling = [
        f"{key}={value}"
        for key, value in parameters.items()
        if key != "provenance"  # of a program: long, and no parameter
        and any(other.get(key) != value for other in others)
    ]
    return f"{name}:{','.join(telling)}" if telling else name
