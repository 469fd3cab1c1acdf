"""The plan of an incremental step: two readings of the partitions that are new or others."""

from dask_gmm.fitting.foreseen import survey_of
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.outlook import Outlook
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.changes import changes, stretches
from dask_gmm.workflows.fit_task import FitTask
from dask_gmm.workflows.partitions import LAST_READING, Stretch
from dask_gmm.workflows.planned import PlannedPass, PlannedStep, Size
from dask_gmm.workflows.refresh import FIRST_READING


def plan_increment(task: FitTask, runner: Runner) -> PlannedStep:
    """Plan the incremental step of a task: what it would read.

    Raises
    ------
    InputError
        If nothing tells whether a partition is as it was.
    DataError
        If chunks are absent.
    """
    assert task.before is not None  # it is incremental
    assert task.partitions is not None
    found = changes(task.partitions, task.source, task.before, task.request.changed)
    read = stretches(task.request, found.read, runner)
    names = f"reads the partitions {', '.join(found.read)}" if read else "reads no partition"
    step = PlannedStep("fit", task.request.out, bounded_by="one", note=names)
    if not read:
        return step
    size = Size.together([Size.of(each.source) for each in read])
    passes = (_pass(FIRST_READING, task, read, runner), _pass(LAST_READING, task, read, runner))
    return PlannedStep("fit", step.out, size, passes, "one", note=names)


def last_reading(stretch: Stretch, spec: Spec, runner: Runner) -> PlannedPass:
    """Plan the last reading of a fit that keeps statistics of partitions."""
    e_step = EStep.like(spec.n_components, spec.covariance_type, stretch.rows.n_features)
    folds: list[Fold] = [stretch.statistics(e_step), stretch.summaries()]
    return PlannedPass(LAST_READING, len(folds), 1, runner.outlook(stretch.rows, folds))


def _pass(name: str, task: FitTask, read: list[Stretch], runner: Runner) -> PlannedPass:
    spec, n_features = task.spec, task.source.n_features
    e_step = EStep.like(spec.n_components, spec.covariance_type, n_features)
    rows = sum(each.source.layout.rows for each in read)
    survey = survey_of([spec], rows, n_features)
    parts, questions = [], 0
    for each in read:
        folds: list[Fold] = [each.statistics(e_step)]
        if name == FIRST_READING:
            folds += [each.summaries(), survey]
        parts.append(runner.outlook(each.rows, folds))
        questions = len(folds)
    return PlannedPass(name, questions, 1, Outlook.together(parts))
