"""Say what the steps of a run will take, before any of them is begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dask_gmm.checks import whole
from dask_gmm.errors import ClusterError, DaskGMMError, MemoryLimitError
from dask_gmm.passes.runner import Runner
from dask_gmm.records.publish import refuse_taken
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.places import refuse_output
from dask_gmm.workflows.plan_fits import plan_fit
from dask_gmm.workflows.plan_ingest import plan_ingest
from dask_gmm.workflows.plan_rows import plan_generate, plan_predict, plan_score
from dask_gmm.workflows.plan_text import step_text
from dask_gmm.workflows.planned import PlannedStep
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest, IngestRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.to_come import NotKnownYet, ToCome

NOTHING_YET = ToCome()


@dataclass(frozen=True, slots=True, eq=False)
class PlanResult:
    """A plan of a run.

    Parameters
    ----------
    steps : tuple of PlannedStep
    """

    steps: tuple[PlannedStep, ...]

    @property
    def fits(self) -> bool:
        """Whether every pass of every step fits in memory, as far as its size is known."""
        return all(each.outlook.fits for step in self.steps for each in step.passes)

    def require(self) -> None:
        """Refuse it if a pass of a step does not fit in memory.

        Raises
        ------
        MemoryLimitError
            With the numbers; a note names the step.
        """
        for number, step in enumerate(self.steps, 1):
            try:
                step.require()
            except MemoryLimitError as error:
                error.add_note(f"That is step {number}, {step.verb}; none was begun.")
                raise

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {"fits": self.fits, "steps": [step.to_json() for step in self.steps]}

    def to_text(self) -> str:
        """Give it as plain text: of each step what it reads, its passes, and what it writes."""
        texts = (step_text(number, step) for number, step in enumerate(self.steps, 1))
        return "\n\n".join(texts)


def plan(requests: Sequence[Request], runner: Runner, probe: int = 0) -> PlanResult:
    """Plan steps that are carried out in order; nothing is written, and no row read but by probes.

    What a step makes is known to later ones by its size. What was done before is known by the same
    facts as when it is carried out.

    Parameters
    ----------
    requests : sequence of requests
        See `dask_gmm.workflows.run.run`.
    runner : Runner
        Where the passes would run.
    probe : int, default 0
        So many blocks of each step whose rows are there are read and measured, in this process.

    Returns
    -------
    PlanResult
        Also where a step does not fit in memory.

    Raises
    ------
    InputError, DataError, OutputExistsError
        If a step would refuse what it is asked.
    ClusterError
        If there are no workers.
    """
    n_blocks = whole("probe", probe, 0)
    steps: list[PlannedStep] = []
    to_come = NOTHING_YET
    for request in requests:
        step, to_come = _planned(request, runner, to_come, n_blocks)
        refuse_output(request, refuse_taken)
        steps.append(step)
    return PlanResult(tuple(steps))


def require_memory(requests: Sequence[Request], runner: Runner) -> None:
    """Refuse a run of which a step cannot fit in memory, as far as its size is known.

    What else may be wrong with a step is for the step to say.

    Raises
    ------
    MemoryLimitError
        With the numbers; a note names the step.
    ClusterError
        If there are no workers.
    """
    steps: list[PlannedStep] = []
    to_come = NOTHING_YET
    for request in requests:
        try:
            step, to_come = _planned(request, runner, to_come, 0)
        except (MemoryLimitError, ClusterError):
            raise
        except DaskGMMError:
            step = PlannedStep(_verb(request), None)
        steps.append(step)
    PlanResult(tuple(steps)).require()


def _planned(
    request: Request, runner: Runner, to_come: ToCome, n_blocks: int
) -> tuple[PlannedStep, ToCome]:
    try:
        match request:
            case GenerateRequest():
                return plan_generate(request, runner, to_come)
            case IngestRequest():
                return plan_ingest(request, to_come)
            case FitRequest() | SelectRequest():
                return plan_fit(request, runner, to_come, n_blocks)
            case PredictRequest():
                return plan_predict(request, runner, to_come, n_blocks)
            case ScoreRequest():
                return plan_score(request, runner, to_come, n_blocks)
            case ReportRequest():
                return PlannedStep("report", request.page), to_come
    except NotKnownYet as reason:
        out = getattr(request, "out", None)
        left = to_come if out is None else to_come.with_group(out, ())
        return PlannedStep(_verb(request), out, note=str(reason)), left


def _verb(request: Request) -> str:
    if isinstance(request, PredictRequest):
        return request.verb
    return type(request).__name__.removesuffix("Request").lower()
