"""What an analysis was made from, and how: what decides whether two of them can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..datasets.members import to_rfc3339
from ..datasets.run import Run, run_json_path
from ..errors import FormatError
from .truth import NoTruth

SCHEMA = "analysis/1"
"""Of an analysis as JSON: ``Analysis.to_json``, docs/analyze.md."""

_SIMULATED = "simulated"  # the interface of such runs


@dataclass(frozen=True, slots=True)
class Recorded:
    """What run.json beside the capture says of the recording.

    Attributes:
        run_id: 32 hexadecimal digits.
        start: First moment, UTC (RFC 3339).
        end: Last moment; None if the recorder was killed.
        simulation_seed: Of a simulated run.
    """

    run_id: str
    start: str
    end: str | None
    simulation_seed: str | None


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an analysis was made from, and how.

    Attributes:
        capture_sha256: Of the capture.
        truth_kind: See :class:`wtrec.analysis.truth.Truth`.
        seed: Of the resampling.
        block: Consecutive frames that are resampled together.
        run: The recording, where it is known.
    """

    capture_sha256: str = ""
    truth_kind: str = NoTruth.kind
    seed: int = 1
    block: int = 1
    run: Recorded | None = None

    def to_json(self) -> dict[str, Any]:
        """Stable keys; see docs/analyze.md."""
        run = self.run
        return {
            "capture_sha256": self.capture_sha256,
            "truth_kind": self.truth_kind,
            "seed": self.seed,
            "block": self.block,
            "wtrec_version": version("wtrec"),
            "run": run
            and {
                "run_id": run.run_id,
                "start": run.start,
                "end": run.end,
                "simulation_seed": run.simulation_seed,
            },
        }


def recorded(capture: Path) -> Recorded | None:
    """What is known of the recording; None if no sound run.json stands beside the capture.

    The analysis needs it for nothing: a damaged one is for ``--report`` to complain about.
    """
    try:
        run = Run.load(run_json_path(capture))
    except (OSError, FormatError):
        return None
    seed = run.meta.get("seed") if run.interface == _SIMULATED else None
    end = None if run.end is None else to_rfc3339(run.end)
    return Recorded(run.run_id, to_rfc3339(run.start), end, seed)
