"""Fit a mixture to stored rows, and keep it in a run folder."""

from collections.abc import Sequence
from typing import Any

from dask_gmm.objects.location import Location, location
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.partitions_file import read_partitions, write_partitions
from dask_gmm.records.posterior_file import write_posterior
from dask_gmm.records.run_folder import RunFolder, read_manifest
from dask_gmm.records.sample_file import write_sample
from dask_gmm.workflows.about import model_facts, settings_of, spec_of
from dask_gmm.workflows.about_rows import facts_of, refuse_own_rows
from dask_gmm.workflows.asked_before import asked_of
from dask_gmm.workflows.callbacks import Audience, Callback
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult, refuse_unconverged, stored_fit
from dask_gmm.workflows.fit_task import Done, FitTask, Work
from dask_gmm.workflows.going_on import go_on
from dask_gmm.workflows.in_place import put_back, refuse_replaced
from dask_gmm.workflows.left_out import Allowed, LeftOut
from dask_gmm.workflows.limits import Limits
from dask_gmm.workflows.models import with_quantiles
from dask_gmm.workflows.order import in_order, reference_at
from dask_gmm.workflows.partitions import Readings, Stretch, kept_of_fit, partitions_at
from dask_gmm.workflows.refresh import is_up_to_date, refreshed
from dask_gmm.workflows.sources import rows_for, source_for


def fit(
    request: FitRequest, runner: Runner, progress: Progress, callbacks: Sequence[Callback] = ()
) -> FitResult:
    """Fit a mixture and write the run folder.

    Parameters
    ----------
    request : FitRequest
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.
    callbacks : sequence of Callback
        Who is told what is written of them, and when the run is done.

    Raises
    ------
    InputError, DataError
        See `fit_rows`; or if the model to match cannot be read, or has other columns.
    OutputExistsError
        If the run folder is there already, asked something else, and may not be overwritten, or is
        none; nothing has been read then.
    OutputError
        If it cannot be written. A note says where the model is, if that was written.
    BusyError
        If another call is at work on it, or has replaced the run that it begins with.
    NotConvergedError
        If it ended before it had converged, and was required to converge; with the result.

    Notes
    -----
    Where it is known beforehand that rows are the same, a finished run folder that was asked the
    same is read instead, and one that was interrupted is gone on with, to the same bytes.
    """
    result = _fitted(request, runner, progress, Audience(callbacks))
    if request.require_converged:
        refuse_unconverged(result.model, request.out, result)
    return result


def _fitted(
    request: FitRequest, runner: Runner, progress: Progress, audience: Audience
) -> FitResult:
    put_back(location(request.out))
    task = _task(request)
    asked = task.of_what_is_kept(asked_of("fit", request, task.source, task.reference))
    folder = RunFolder(location(request.out), asked, request.overwrite)
    refuse_own_rows(task.source, folder.path)
    if folder.is_done() or is_up_to_date(task, folder.path):
        return _stored(task, folder)
    with folder.started() as ours:
        if ours is None:
            return _stored(task, folder)
        refuse_replaced(task.reference, task.before, folder.path)
        work = Work(ours, runner, progress, audience)
        done = _searched(task, work) if task.before is None else refreshed(task, work)
        ours.finish(done.ordered.model, _manifest(task, done), lambda wip: _write(done, wip))
    audience.run_ended(read_manifest(folder.path), folder.path)
    outcome = done.course.outcomes.only
    left_out = LeftOut.of(task.source, outcome.survey)
    ended_so = (len(outcome.passes), done.course.seconds, outcome.warnings)
    return FitResult(done.ordered, request.out, *ended_so, left_out=left_out)


def _stored(task: FitTask, folder: RunFolder) -> FitResult:
    return stored_fit(folder.path, task.reference, numbered=task.spec.numbered)


def _task(request: FitRequest) -> FitTask:
    """Look at all that can be looked at without reading rows."""
    found = source_for(request)
    source = Allowed.by(request).of(found)
    start = reference_at(request.begins_with, source, "to start from")
    spec, reference = spec_of(request, start), start or reference_at(request.match, source)
    asked, before = request.partitions, None
    partitions = None if asked is None else partitions_at(asked, source)
    if request.incremental and start is not None:
        before = read_partitions(start.path, start.mixture)
    return FitTask(request, source, spec, reference, partitions, before)


def _searched(task: FitTask, work: Work) -> Done:
    """Fit to all rows, and read them once more where statistics of partitions are kept."""
    request, source, kept = task.request, task.source, None
    limits = Limits(request.max_passes, request.max_seconds, request.deadline)
    with rows_for(source, work.runner, request.cache) as rows:
        asked_so = ([task.spec], request.n_init, work.runner, work.progress, limits)
        course = go_on(work.folder, rows, *asked_so, work.audience, Allowed.by(request))
        outcome = course.outcomes.only
        model = with_quantiles(outcome.model, outcome.survey.sample)
        numbered = task.spec.numbered or outcome.survey.knows_labels
        ordered = in_order(model, task.reference, numbered=numbered)
        if task.partitions is not None:
            readings = Readings(work.runner, work.progress, work.on_pass, outcome.passes)
            stretch, mixture = Stretch.of(source, rows, task.partitions), ordered.model.mixture
            kept = kept_of_fit(stretch, mixture, outcome.survey, request.precision, readings)
            course = course.with_pass(readings.records[-1])
    return Done(ordered, course, kept)


def _manifest(task: FitTask, done: Done) -> dict[str, Any]:
    request, survey = task.request, done.course.outcomes.survey
    facts = {**facts_of(task.source, survey), **model_facts(done.ordered.model)}
    about = {**done.course.to_json(request.deadline), **settings_of(request)}
    changes = None if done.changes is None else done.changes.to_json()
    return {**about, **facts, **done.ordered.to_json(), "changes": changes}


def _write(done: Done, folder: Location) -> None:
    """Write what lies beside the model: some rows, a posterior, statistics of partitions."""
    sample = done.course.outcomes.survey.sample
    if len(sample.rows):
        write_sample(sample, done.ordered.model.rows, folder)
    if done.ordered.model.inference is not None:
        write_posterior(done.ordered.model.inference, folder)
    if done.kept is not None:
        write_partitions(done.kept, folder)
