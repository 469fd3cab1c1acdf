"""Carry out several steps, one after another, on one runner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dask_gmm.errors import UnmetError
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.publish import refuse_occupied
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.callbacks import Callback
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.ingest import ingest
from dask_gmm.workflows.places import refuse_output
from dask_gmm.workflows.plan import require_memory
from dask_gmm.workflows.predict import predict
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest, IngestRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.score import score
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest


class Result(Protocol):
    """What came of a workflow, for people and for programs."""

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        ...

    def to_text(self) -> str:
        """Give it as plain text, without a newline at its end."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RunResult:
    """What came of the steps of a run, in order.

    Parameters
    ----------
    steps : tuple of Result
        One result for each step.
    """

    steps: tuple[Result, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the results as JSON values, under the key ``steps``."""
        return {"steps": [step.to_json() for step in self.steps]}

    def to_text(self) -> str:
        """Give the results as plain text, a blank line between two."""
        return "\n\n".join(step.to_text() for step in self.steps)


def run(
    requests: Sequence[Request],
    runner: Runner,
    progress: Progress,
    callbacks: Sequence[Callback] = (),
) -> RunResult:
    """Carry out steps in order; a later one may read what an earlier one wrote.

    That all outputs but reports can be written, and that all passes fit in memory as far as their
    size is known, is looked at before the first step. Steps that were done before are not done
    again.

    Parameters
    ----------
    requests : sequence of requests
        What each step is asked: a `GenerateRequest`, `IngestRequest`, `FitRequest`,
        `SelectRequest`, `PredictRequest`, `ScoreRequest` or `ReportRequest`.
    runner : Runner
        Where the passes of all steps run.
    progress : Progress
        Who hears of the passes.
    callbacks : sequence of Callback
        Who is told of each fit and of each selection; see `fit`.

    Returns
    -------
    RunResult
        The result of each step.

    Raises
    ------
    MemoryLimitError
        If a step cannot fit in memory; no step was begun then.
    DaskGMMError
        Of the first step that fails; what the steps before it wrote is kept. An `UnmetError` has
        the results until then.
    """
    require_memory(requests, runner)
    for request in requests:
        refuse_output(request, refuse_occupied)
    done: list[Result] = []
    try:
        for request in requests:
            done.append(_carry_out(request, runner, progress, callbacks))
    except UnmetError as unmet:
        unmet.result = RunResult((*done, unmet.result))
        raise
    return RunResult(tuple(done))


def _carry_out(
    request: Request, runner: Runner, progress: Progress, callbacks: Sequence[Callback]
) -> Result:
    match request:
        case GenerateRequest():
            return generate(request, runner, progress)
        case IngestRequest():
            return ingest(request, progress)
        case FitRequest():
            return fit(request, runner, progress, callbacks)
        case SelectRequest():
            return select(request, runner, progress, callbacks)
        case PredictRequest():
            return predict(request, runner, progress)
        case ScoreRequest():
            return score(request, runner, progress)
        case ReportRequest():
            return report(request)
