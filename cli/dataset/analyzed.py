"""An analysis made in the manner of a saved one."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MatchError
from ..truth import open_truth

if TYPE_CHECKING:
    from ...analysis.again import Made
    from ..output import Tick


def analyzed(
    how: Made, capture: Path, log: Path | None, results: Sequence[Path], on_progress: Tick
) -> dict[str, Any]:
    """Analyze a capture in this manner.

    Args:
        how: The manner.
        capture: The capture.
        log: Its tx log.
        results: The results that are judged.
        on_progress: Called from time to time.

    Returns:
        As ``wtrec analyze --format json`` writes it.

    Raises:
        MatchError: There is no tx log, and it is the truth; a file is of another capture.
        FormatError: A file is damaged.
    """
    from ...analysis.analyze import analyze
    from ...analysis.conditions import Conditions
    from ...datasets.txlog import open_tx_log

    is_logged = how.truth_kind == "tx-log"
    if is_logged and log is None:
        raise MatchError("the tx log that it was made with is not in the dataset")
    with contextlib.ExitStack() as stack:
        truth = open_truth(
            stack,
            capture,
            log if is_logged else None,
            how.payload or None,
            how.truth_kind if how.truth_kind.endswith("siblings") else None,
        )
        conditions = None
        if is_logged and log is not None:
            conditions = Conditions(stack.enter_context(open_tx_log(log)))
        analysis = analyze(
            capture,
            truth=truth,
            conditions=conditions,
            results=results,
            by=how.by,
            seed=how.seed,
            block=how.block,
            assumptions=how.assumptions,
            on_progress=on_progress,
        )
    return analysis.to_json()
