"""Fit a mixture to stored rows, and keep it in a run folder."""

from collections.abc import Sequence

from dask_gmm.checks import local_path
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.run_folder import RunFolder, read_manifest
from dask_gmm.records.sample_file import write_sample
from dask_gmm.workflows.about import (
    asked_of,
    facts_of,
    model_facts,
    refuse_own_rows,
    settings_of,
    spec_of,
)
from dask_gmm.workflows.callbacks import Audience, Callback
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult, refuse_unconverged, stored_fit
from dask_gmm.workflows.going_on import go_on
from dask_gmm.workflows.left_out import Allowed, LeftOut
from dask_gmm.workflows.limits import Limits
from dask_gmm.workflows.models import with_quantiles
from dask_gmm.workflows.order import in_order, reference_at
from dask_gmm.workflows.sources import rows_for, source_of


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
        If another call is at work on it.
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
    allowed = Allowed.by(request)
    found = source_of(
        request.data,
        array=request.array,
        columns=request.columns,
        rows=request.rows,
        missing_chunks=request.missing_chunks,
    )
    source = allowed.of(found)
    start = reference_at(request.warm_start, source, "to start from")
    spec, reference = spec_of(request, start), start or reference_at(request.match, source)
    asked = asked_of("fit", request, source, reference)
    folder = RunFolder(local_path(request.out), asked, request.overwrite)
    refuse_own_rows(source, folder.path)
    if folder.is_done():
        return stored_fit(folder.path, reference)
    with folder.started() as ours:
        if ours is None:
            return stored_fit(folder.path, reference)
        limits = Limits(request.max_passes, request.max_seconds, request.deadline)
        with rows_for(source, runner, request.cache) as rows:
            asked_so = ([spec], request.n_init, runner, progress, limits, audience)
            course = go_on(ours, rows, *asked_so, allowed)
        outcome = course.outcomes.only
        model = with_quantiles(outcome.model, outcome.survey.sample)
        ordered = in_order(model, reference)
        facts = {**facts_of(source, outcome.survey), **model_facts(model)}
        about = {**course.to_json(request.deadline), **settings_of(request)}
        manifest = {**about, **facts, **ordered.to_json()}
        sample, n_rows = outcome.survey.sample, ordered.model.rows
        ours.finish(ordered.model, manifest, lambda wip: write_sample(sample, n_rows, wip))
    audience.run_ended(read_manifest(folder.path), folder.path)
    left_out = LeftOut.of(source, outcome.survey)
    ended_so = (len(outcome.passes), course.seconds, outcome.warnings)
    return FitResult(ordered, request.out, *ended_so, left_out=left_out)
