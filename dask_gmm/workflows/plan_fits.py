"""The plan of a fit or a selection: a survey, and rounds of E-steps of all candidates."""

from contextlib import nullcontext
from dataclasses import replace

from dask_gmm.data.source import Source
from dask_gmm.data.stored import StoredSource
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.runner import Runner
from dask_gmm.records.asked import asked_in
from dask_gmm.records.partitions_file import read_partitions
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.about import spec_of
from dask_gmm.workflows.about_rows import refuse_own_rows
from dask_gmm.workflows.admission import check
from dask_gmm.workflows.asked_before import asked_of
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_task import FitTask
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.order import Reference, reference_at
from dask_gmm.workflows.partitions import Stretch, partitions_at
from dask_gmm.workflows.plan_parts import plan_increment
from dask_gmm.workflows.plan_rounds import Rounds
from dask_gmm.workflows.planned import DONE, NOT_THERE, PlannedStep, Size
from dask_gmm.workflows.probe import probe
from dask_gmm.workflows.refresh import is_up_to_date
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.sources import rows_for
from dask_gmm.workflows.to_come import NotKnownYet, ToCome


def plan_fit(
    request: FitRequest | SelectRequest, runner: Runner, to_come: ToCome, n_blocks: int
) -> tuple[PlannedStep, ToCome]:
    """Plan a fit or a selection, and give what it will leave besides.

    Raises
    ------
    InputError, DataError, OutputExistsError
        See `fit`.
    NotKnownYet
        If the shape of its rows is not known before an earlier step was carried out.
    """
    allowed = Allowed.by(request)
    source = allowed.of(to_come.source(request))
    start, reference = _references(request, source, to_come)
    specs = _specs(request, start)
    step, kept = PlannedStep(_verb(request), request.out, Size.of(source)), 0
    like = max(specs, key=lambda spec: spec.n_parameters(source.n_features))
    left = to_come.with_model(request.out, _like(like, source.n_features))
    task = _task(request, source, specs[0], start or reference, to_come)
    if not any(each in to_come for each in _inputs(request)):
        folder = _folder(request, source, start or reference, task)
        if folder.is_done() or (task is not None and is_up_to_date(task, folder.path)):
            return replace(step, note=DONE), to_come
        kept = _kept(folder)
    if task is not None and task.before is not None:
        return plan_increment(task, runner), left
    for spec in specs:
        check(source, spec)
    stored = isinstance(source, StoredSource)
    with rows_for(source, runner, request.cache) if stored else nullcontext(source) as rows:
        parts = task.partitions if task is not None else None
        stretch = None if parts is None else Stretch.of(source, rows, parts)
        rounds = Rounds(request, specs, rows, allowed, runner, stretch)
        whole, passes = rounds.passes(0), rounds.passes(kept)
        step = replace(step, passes=passes, bounded_by=rounds.bound(), kept=kept)
    if not n_blocks or not all(each.outlook.fits for each in whole):
        return step, left
    if request.data in to_come:
        return replace(step, note=NOT_THERE), left
    probed = probe(source, n_blocks, whole, rounds.asks())
    seconds = probed.seconds[-len(passes) :]
    return replace(step, probed=replace(probed, seconds=seconds)), left


def _verb(request: FitRequest | SelectRequest) -> str:
    return "fit" if isinstance(request, FitRequest) else "select"


def _inputs(request: FitRequest | SelectRequest) -> tuple[object, ...]:
    return request.data, request.match, _begins_with(request)


def _begins_with(request: FitRequest | SelectRequest) -> object:
    return request.begins_with if isinstance(request, FitRequest) else None


def _references(
    request: FitRequest | SelectRequest, source: Source, to_come: ToCome
) -> tuple[Reference | None, Reference | None]:
    """Give the models to start from and to match, or for those to come others of their size."""

    def reference(path: object, purpose: str) -> Reference | None:
        assert isinstance(path, str | Location | None)
        if path is not None and path in to_come:
            return Reference(location(path), to_come.mixture(path))
        return reference_at(path, source, purpose)

    start = reference(_begins_with(request), "to start from")
    return start, reference(request.match, "to match")


def _specs(request: FitRequest | SelectRequest, start: Reference | None) -> list[Spec]:
    if isinstance(request, FitRequest):
        return [spec_of(request, start)]
    return [spec_of(each) for each in request.cells()]


def _task(
    request: FitRequest | SelectRequest,
    source: Source,
    spec: Spec,
    reference: Reference | None,
    to_come: ToCome,
) -> FitTask | None:
    """Give what a fit has to do; None for a selection.

    Raises
    ------
    NotKnownYet
        If what an incremental step begins with, or the rows that it compares, are to come.
    """
    if isinstance(request, SelectRequest):
        return None
    asked, before = request.partitions, None
    if request.incremental and reference is not None:
        if any(each in to_come for each in _inputs(request)):
            raise NotKnownYet("which partitions are others is not known before they are there")
        before = read_partitions(reference.path, reference.mixture)
    partitions = None if asked is None else partitions_at(asked, source)
    return FitTask(request, source, spec, reference, partitions, before)


def _folder(
    request: FitRequest | SelectRequest,
    source: Source,
    reference: Reference | None,
    task: FitTask | None,
) -> RunFolder:
    asked = asked_of(_verb(request), request, source, reference)
    asked = asked if task is None else task.of_what_is_kept(asked)
    folder = RunFolder(location(request.out), asked, request.overwrite)
    refuse_own_rows(source, folder.path)
    return folder


def _kept(folder: RunFolder) -> int:
    """Give the number of passes that the same command would not make again."""
    checkpoints = folder.checkpoints
    if checkpoints is None or not folder.asked.is_that_of(asked_in(folder.wip)):
        return 0
    found = checkpoints.latest()
    return 0 if found is None else len(found.checkpoint.passes)


def _like(spec: Spec, n_features: int) -> Mixture:
    return Mixture.like(spec.n_components, spec.covariance_type, [1.0] * n_features)
