"""How a run went: the calls that made it, its passes, and what they cost."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from dask_gmm.passes.runner import Runner
from dask_gmm.records.checkpoint import PassRecord
from dask_gmm.records.parts import Part, header_of, parts_in
from dask_gmm.workflows.about_rows import versions
from dask_gmm.workflows.fit_rows import FitOutcomes

ADDED: Final = ("tasks", "attempts", "retries", "workers_lost", "decoded_bytes")
LARGEST: Final = ("peak_bytes", "worker_peak_bytes")


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A run that is done, of one call or of several.

    Parameters
    ----------
    outcomes : FitOutcomes
        Of all of them.
    parts : tuple of Part
    """

    outcomes: FitOutcomes
    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        """Those of all calls."""
        return sum(each.seconds for each in self.parts)

    def with_pass(self, record: PassRecord) -> "Course":
        """Give it with another pass, which has just ended."""
        passes = (*self.outcomes.passes, record)
        last = self.parts[-1].ended(len(passes), datetime.now(UTC))
        return Course(replace(self.outcomes, passes=passes), (*self.parts[:-1], last))

    def to_json(self, deadline: datetime | None) -> dict[str, Any]:
        """Give what a manifest says of it, and by when it had to end, as JSON values."""
        passes = self.outcomes.passes
        return {
            "started": self.parts[0].started,
            "ended": self.parts[-1].until,
            "deadline": None if deadline is None else deadline.isoformat(),
            "machines": sorted({each for part in self.parts for each in part.machines}),
            "passes": len(passes),
            "cost": cost_of(passes),
            **header_of(self.parts),
            "warnings": list(self.outcomes.warnings),
        }


def part_of(runner: Runner) -> Part:
    """Begin a call: say where, when, and with what."""
    now = datetime.now(UTC).isoformat()
    return Part(now, platform.node(), tuple(runner.machines()), dict(versions()))


def cost_of(passes: Sequence[PassRecord]) -> dict[str, Any]:
    """Give what all passes have cost, as JSON values: sums, and the largest of peaks."""
    costs = [each.cost.to_json() for each in passes]
    peaks = {name: [each[name] or 0 for each in costs] for name in LARGEST}
    return {
        "seconds": round(sum(each.seconds for each in passes), 6),
        **{name: sum(each[name] or 0 for each in costs) for name in ADDED},
        **{name: max(found, default=0) or None for name, found in peaks.items()},
    }


def seconds_of(manifest: Mapping[str, Any]) -> float:
    """Give the seconds of all calls of a run, which its manifest names."""
    return sum(each.seconds for each in parts_in(manifest))
