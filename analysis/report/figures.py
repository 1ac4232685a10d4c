"""The figures of a report, each from a part of the analysis as JSON (keys: docs/analyze.md).

A figure that there are no numbers for is left out. Groups are shown in the order of the analysis,
by their keys; where there are too many to tell apart, those with the most bad frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..naming import named
from . import error_figures, worth_figures
from .draw import Json, Keys
from .figure import Figure


def figures(analysis: Json) -> Iterator[Figure]:
    """All figures that the analysis has numbers for."""
    keys = Keys(analysis["group_by"])
    groups = [group for group in analysis["by"] if group["frames"]]
    if any(group["good"] + group["bad"] for group in groups):
        yield error_figures.broken(keys, groups)
    judged = [group for group in groups if group["judged"]]
    if judged:
        yield error_figures.flipped(keys, judged)
    with_patterns = [group for group in judged if group["patterns"]]
    if with_patterns:
        yield from error_figures.patterns(keys, with_patterns)
    if any(row["bad"] for row in analysis.get("signal", [])):
        yield error_figures.signals(analysis["signal"])
    if any(algorithm["attempted"] for algorithm in analysis["algorithms"]):
        algorithms = analysis["algorithms"]
        yield worth_figures.recovery([named(a, algorithms) for a in algorithms], algorithms)
    yield from _model(keys, analysis.get("model") or {})


def _model(keys: Keys, model: Json) -> Iterator[Figure]:
    groups: Sequence[Any] = model.get("groups", [])
    if "rate_mbps" not in keys.columns:
        keys = Keys([*keys.columns, "rate_mbps"])
    comparable = [group for group in groups if group["recorded"]["judged"] and group["uniform"]]
    if comparable:
        yield worth_figures.promised(keys, comparable)
    if groups and model["curves"]:
        yield worth_figures.goodput(model)
