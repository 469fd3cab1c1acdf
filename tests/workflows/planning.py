"""Steps to plan, and a runner that keeps what was foreseen of its passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.data.source import Source
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.outlook import Outlook
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.planned import PlannedStep
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest


class Watched(ThreadRunner):
    """Keeps what was foreseen of each pass over stored rows, and in how many tasks it was made."""

    def __init__(self, threads: int = 2, **knobs: Any) -> None:
        super().__init__(threads, **knobs)
        self.passes: list[tuple[Outlook, int]] = []

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Any:
        reading = super().run(source, folds, progress)
        if source.shareable:
            self.passes.append((self.outlook(source, folds), reading.cost.tasks))
        return reading


@dataclass(frozen=True)
class Steps:
    """Steps in a folder, each with a few that follow from it."""

    folder: Path

    def drawn(self, **asked: Any) -> GenerateRequest:
        return GenerateRequest(
            self.folder / "x.zarr", 60_000, 3, 2, **{"chunk_rows": 7_001, **asked}
        )

    def fitted(self, **asked: Any) -> FitRequest:
        data, out = str(self.folder / "x.zarr"), self.folder / "run"
        return FitRequest(data, out=out, **{"components": 2, **asked})

    def selected(self, **asked: Any) -> SelectRequest:
        data, out = str(self.folder / "x.zarr"), self.folder / "select"
        return SelectRequest(data, (2, 3), out, solver="em", max_iter=3, tol=0.0, **asked)

    def predicted(self, **asked: Any) -> PredictRequest:
        data, out = str(self.folder / "x.zarr"), self.folder / "predicted.zarr"
        return PredictRequest(data, self.folder / "run", out, **asked)

    def scored(self) -> ScoreRequest:
        return ScoreRequest(str(self.folder / "x.zarr"), self.folder / "run")

    @property
    def names(self) -> list[str]:
        return sorted(str(each.relative_to(self.folder)) for each in self.folder.rglob("*"))


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


@pytest.fixture
def there(steps: Steps) -> Steps:
    """Steps of which the first was carried out."""
    generate(steps.drawn(), ThreadRunner(2), Silent())
    return steps


def only(request: Request, runner: Any = None, probe: int = 0) -> PlannedStep:
    (step,) = plan([request], runner or ThreadRunner(2), probe).steps
    return step
