"""Saved analyses of an anonymised capture: made again, as their groups may be by address.

An error of a damaged address lies over another address now, so no key says what a group is called:
only the new capture does. Numbers must be the same as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import FormatError, MatchError
from ..files import atomic_write
from ..parts import Parts
from ..run import analysis_path
from ..sharing.bag import read_small
from ..sharing.examine import MOST_ANALYSIS
from .tables import NewCapture, parameters_said
from .texts import Texts

Analyze = Callable[
    [Mapping[str, Any], Path, "Path | None", Sequence[Path]], tuple[Mapping[str, Any], int]
]
"""Makes an analysis again in the manner of a saved one.

It is given that one, the new capture, the new tx log and the new results of this capture; it gives
the new one, and how many values differ but for addresses. MatchError: it cannot be made again.
"""


def copy_analysis(
    source: Path | Parts,
    captures: Mapping[str, tuple[Path, NewCapture]],
    log: Path | None,
    results: Mapping[str, Sequence[Path]],
    texts: Texts,
    analyze: Analyze,
    *,
    keeps_payloads: bool,
) -> Path:
    """Write the analysis of a new capture that a saved one becomes.

    Args:
        source: The saved one.
        captures: The new ones, by the old SHA-256.
        log: The new tx log.
        results: The new ones, by the old SHA-256 of their capture.
        texts: For parameters of algorithms, which results have in this way.
        analyze: Makes it.
        keeps_payloads: Whether payloads that a rule makes were kept.

    Returns:
        The file that was made.

    Raises:
        MatchError: It cannot be made again, or has other numbers then.
        FormatError: The file, or one that it is made of, is damaged.
        OSError: A file cannot be read or written.
    """
    paths = (source,) if isinstance(source, Path) else source.paths
    content = b"".join(read_small(path, MOST_ANALYSIS) for path in paths)
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON ({str(error)[:160]})", path=str(paths[0])) from None
    if not isinstance(said, dict):
        raise FormatError("no saved analysis, wanted one", path=str(paths[0]))
    digest = said.get("capture_sha256")
    if not isinstance(digest, str) or digest not in captures:
        raise MatchError("it is of a capture that is not here")
    if said.get("truth_kind") == "payload" and not keeps_payloads:
        raise MatchError("its truth is a payload rule, and payloads are replaced")
    capture, known = captures[digest]
    new_said = _with_parameters(said, texts)
    new, differing = analyze(new_said, capture, log, results.get(digest, ()))
    if differing and not len(known.dropped):
        raise MatchError(f"made again, {differing:,} of its values differ")
    new = _mapped(new, lambda text: text.replace(f"{capture.parent}/", ""))
    output = analysis_path(capture)
    text = json.dumps(new, indent=2, ensure_ascii=False)
    atomic_write(output, f"{text}\n".encode(errors="backslashreplace"))
    return output


def _mapped(value: Any, replace: Callable[[str], str]) -> Any:
    """JSON with other texts; names of members stay."""
    if isinstance(value, dict):
        return {name: _mapped(each, replace) for name, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, replace) for each in value]
    return replace(value) if isinstance(value, str) else value


def _with_parameters(value: Any, texts: Texts) -> Any:
    """JSON with the parameters that new results say."""
    if isinstance(value, dict):
        return {
            name: parameters_said(each, texts)
            if name == "parameters" and isinstance(each, str)
            else _with_parameters(each, texts)
            for name, each in value.items()
        }
    return [_with_parameters(each, texts) for each in value] if isinstance(value, list) else value
