"""The plans of steps of a single pass: rows that are drawn, described or scored."""

from dataclasses import replace
from typing import Final

from dask_gmm.data.sink import Sink
from dask_gmm.fitting.examined import Examine
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.sampling import Sampler
from dask_gmm.objects.location import location
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.drawn import DrawRows
from dask_gmm.outputs.drawn import GroupTarget as DrawnTarget
from dask_gmm.outputs.shelves import BlockTarget, GroupTarget
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.publish import aside
from dask_gmm.workflows.describe import asked_of_any, outputs_of, refuse_other_columns
from dask_gmm.workflows.drawing import RowsToDraw, arrays_of
from dask_gmm.workflows.generate import is_drawn
from dask_gmm.workflows.models import density_of_mixture
from dask_gmm.workflows.planned import DONE, NOT_THERE, PlannedPass, PlannedStep, Size
from dask_gmm.workflows.predict import answers_wanted, wanted_of
from dask_gmm.workflows.predictions import Predictions, refuse_own_rows
from dask_gmm.workflows.probe import probe
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.score import bound_of, usual_of
from dask_gmm.workflows.to_come import ToCome

ONE: Final = "one"


def plan_generate(
    request: GenerateRequest, runner: Runner, to_come: ToCome
) -> tuple[PlannedStep, ToCome]:
    """Plan a data set, and give what it will leave besides.

    Only the size of its mixture counts: which one it is is drawn when it is made.
    """
    like = Mixture.like(request.components, "full", [1.0] * request.features)
    rows = RowsToDraw.of(
        like, request.rows, request.seed, request.dtype, request.chunk_rows, request.outliers
    )
    arrays, grid = arrays_of(rows), rows.grid("the rows to be drawn")
    row_bytes = arrays[0].chunk_bytes // arrays[0].chunk_rows
    size = Size(
        name=str(request.out),
        rows=request.rows,
        features=request.features,
        dtype=request.dtype,
        blocks=len(grid.layout),
        chunks=arrays[0].n_chunks,
        row_bytes=row_bytes,
    )
    step = PlannedStep("generate", request.out, size, bounded_by=ONE)
    if is_drawn(request):
        return replace(step, note=DONE), to_come
    with ONE_THREAD:
        sampler = Sampler.of(like, request.outliers)
    target = DrawnTarget(Sink(aside(location(request.out)), arrays))
    outlook = runner.outlook(grid, [DrawRows(sampler, request.seed, target)])
    passes = (PlannedPass("drawing rows", 1, 1, outlook),)
    return (
        replace(step, passes=passes, outputs=arrays),
        to_come.with_group(request.out, arrays),
    )


def plan_predict(
    request: PredictRequest, runner: Runner, to_come: ToCome, n_blocks: int
) -> tuple[PlannedStep, ToCome]:
    """Plan predictions, and give what they will leave besides.

    Raises
    ------
    InputError, DataError, OutputExistsError
        See `predict`.
    NotKnownYet
        If the shape of its rows, or its model, is not known before an earlier step.
    """
    known = to_come.model(request.model)
    mixture = to_come.mixture(request.model) if known is None else known.model.mixture
    wanted = answers_wanted(request, 0.0) if known is None else wanted_of(request, known)
    density, source, out = density_of_mixture(mixture), to_come.source(request), request.out
    refuse_other_columns(source, density)
    refuse_own_rows(source, location(out))
    group = Predictions.of(source, density, wanted)
    step = PlannedStep(request.verb, out, Size.of(group.source), bounded_by=ONE)
    there = known is not None and request.data not in to_come
    if there and group.is_at(location(out), overwrite=request.overwrite):
        return replace(step, note=DONE), to_come
    sink = group.sink(location(out))
    kept = sink.count_there() if there else 0
    note = f"goes on: {kept:,} of {group.n_chunks:,} chunks are there" if kept else ""
    missing = request.missing == "em"
    fold = asked_of_any(Describe(density, wanted, GroupTarget(sink)), missing=missing)
    passes = (PlannedPass("predict", 1, 1, runner.outlook(group.source, [fold])),)
    step = replace(step, passes=passes, outputs=group.specs, note=note)
    left = to_come.with_group(out, group.specs)
    if not n_blocks or not passes[0].outlook.fits:
        return step, left
    if not there:
        return replace(step, note=NOT_THERE), left
    outputs = outputs_of(wanted, density, source.dtype)
    measured = asked_of_any(Describe(density, wanted, BlockTarget(outputs)), missing=missing)
    probed = probe(group.source, n_blocks, passes, [lambda _: [[measured]]])
    return replace(step, probed=probed), left


def plan_score(
    request: ScoreRequest, runner: Runner, to_come: ToCome, n_blocks: int
) -> tuple[PlannedStep, ToCome]:
    """Plan a score, which leaves nothing.

    Raises
    ------
    InputError, DataError
        See `score`.
    NotKnownYet
        If the shape of its rows, or its model, is not known before an earlier step.
    """
    known = to_come.model(request.model)
    mixture = to_come.mixture(request.model) if known is None else known.model.mixture
    if known is not None:
        bound_of(request, known)
        usual_of(request, known)
    density, source = density_of_mixture(mixture), to_come.source(request)
    refuse_other_columns(source, density)
    missing = request.missing == "em"
    fold = asked_of_any(Examine(density, 0.0), missing=missing, present=True)
    passes = (PlannedPass("score", 1, 1, runner.outlook(source, [fold])),)
    step = PlannedStep("score", None, Size.of(source), passes, ONE)
    if not n_blocks or not passes[0].outlook.fits:
        return step, to_come
    if known is None or request.data in to_come:
        return replace(step, note=NOT_THERE), to_come
    probed = probe(source, n_blocks, passes, [lambda _: [[fold]]])
    return replace(step, probed=probed), to_come
