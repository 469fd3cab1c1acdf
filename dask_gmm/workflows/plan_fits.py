"""The plan of a fit or a selection: a survey, and rounds of E-steps of all candidates."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from dask_gmm.checks import local_path
from dask_gmm.data.source import Source
from dask_gmm.fitting.foreseen import (
    asking_at_once,
    e_steps_near,
    largest_e_step,
    most_rounds,
    survey_of,
)
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.fold import Answers, Fold
from dask_gmm.passes.runner import Runner
from dask_gmm.records.asked import asked_in
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.about import asked_of, refuse_own_rows, spec_of
from dask_gmm.workflows.admission import check
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.order import reference_at
from dask_gmm.workflows.planned import DONE, PlannedPass, PlannedStep, Size
from dask_gmm.workflows.probe import probe
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.to_come import ToCome


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
    source, specs = to_come.source(request), _specs(request)
    step = PlannedStep(_verb(request), request.out, Size.of(source))
    kept = 0
    if request.data not in to_come and request.match not in to_come:
        folder = _folder(request, source)
        if folder.is_done():
            return replace(step, note=DONE), to_come
        kept = _kept(folder)
    for spec in specs:
        check(source, spec)
    passes = _passes(source, specs, request, runner, kept)
    step = replace(step, passes=passes, bounded_by=_bound(request, specs, source), kept=kept)
    largest = max(specs, key=lambda spec: spec.n_parameters(source.n_features))
    left = to_come.with_model(request.out, _like(largest, source.n_features))
    if not n_blocks or not all(each.outlook.fits for each in passes):
        return step, left
    if request.data in to_come:
        return replace(step, note="nothing is measured: the rows are not there yet"), left
    probed = probe(source, n_blocks, passes, _asks(source, specs, request, runner))
    return replace(step, probed=probed), left


def in_groups(
    folds: Sequence[Fold], fit_together: Callable[[Sequence[Fold]], bool]
) -> list[Sequence[Fold]]:
    """Give the groups in which questions are read: halves of halves, until each fits in memory."""
    if len(folds) == 1 or fit_together(folds):
        return [folds]
    half = len(folds) // 2
    return [*in_groups(folds[:half], fit_together), *in_groups(folds[half:], fit_together)]


def _verb(request: FitRequest | SelectRequest) -> str:
    return "fit" if isinstance(request, FitRequest) else "select"


def _specs(request: FitRequest | SelectRequest) -> list[Spec]:
    cells = [request] if isinstance(request, FitRequest) else request.cells()
    return [spec_of(each) for each in cells]


def _folder(request: FitRequest | SelectRequest, source: Source) -> RunFolder:
    reference = reference_at(request.match, source)
    asked = asked_of(_verb(request), request, source, reference)
    folder = RunFolder(local_path(request.out), asked, request.overwrite)
    refuse_own_rows(source, folder.path)
    return folder


def _kept(folder: RunFolder) -> int:
    """Give the number of passes that the same command would not make again."""
    checkpoints = folder.checkpoints
    if checkpoints is None or not folder.asked.is_that_of(asked_in(folder.wip)):
        return 0
    found = checkpoints.latest()
    return 0 if found is None else len(found.checkpoint.passes)


def _passes(
    source: Source,
    specs: Sequence[Spec],
    request: FitRequest | SelectRequest,
    runner: Runner,
    kept: int,
) -> tuple[PlannedPass, ...]:
    rows, n_features = source.layout.rows, source.n_features
    survey = runner.outlook(source, [survey_of(specs, rows, n_features)])
    groups = _groups(source, specs, request, runner)
    outlooks = [runner.outlook(source, group) for group in groups]
    alone = runner.outlook(source, [largest_e_step(specs, n_features)])
    tightest = min((*outlooks, alone), key=lambda outlook: outlook.room.left)
    e_step = PlannedPass(
        "E-step",
        sum(map(len, groups)),
        len(groups),
        replace(outlooks[0], room=tightest.room),
        least=0 if kept else 1,
        most=_most(request, most_rounds(specs, rows, n_features), len(groups), kept),
    )
    if kept:
        return (e_step,)
    return PlannedPass("survey", 1, 1, survey), e_step


def _groups(
    source: Source, specs: Sequence[Spec], request: FitRequest | SelectRequest, runner: Runner
) -> list[Sequence[Fold]]:
    rows, n_features = source.layout.rows, source.n_features
    sizes = [
        (each.n_components, each.covariance_type)
        for each in asking_at_once(specs, request.n_init, rows, n_features)
    ]
    like = {size: EStep.like(*size, n_features) for size in set(sizes)}
    folds = [like[size] for size in sizes]
    return in_groups(folds, lambda some: runner.outlook(source, some).fits)


def _most(
    request: FitRequest | SelectRequest, rounds: int | None, readings: int, kept: int
) -> int | None:
    """Give the number of rounds that may follow those that are kept."""
    bounds = [] if rounds is None else [rounds]
    if request.max_passes is not None:
        bounds.append(max(1, -(-(request.max_passes - 1) // readings)))
    return max(0, min(bounds) - max(0, kept - 1) // readings) if bounds else None


def _bound(request: FitRequest | SelectRequest, specs: Sequence[Spec], source: Source) -> str:
    rounds = most_rounds(specs, source.layout.rows, source.n_features)
    by_passes = request.max_passes
    if by_passes is not None and (rounds is None or by_passes <= rounds):
        name = "max_passes"
    else:
        name = "max_iter" if rounds is not None else "max_iter of each of several ascents"
    return name if request.max_seconds is None else f"{name} or max_seconds"


def _like(spec: Spec, n_features: int) -> Mixture:
    return Mixture.like(spec.n_components, spec.covariance_type, [1.0] * n_features)


def _asks(
    source: Source, specs: Sequence[Spec], request: FitRequest | SelectRequest, runner: Runner
) -> list[Callable[[Answers], Sequence[Sequence[Fold]]]]:
    rows, n_features = source.layout.rows, source.n_features
    survey = survey_of(specs, rows, n_features)
    asking = asking_at_once(specs, request.n_init, rows, n_features)
    ends = [0, *accumulate(map(len, _groups(source, specs, request, runner)))]

    def e_steps(answers: Answers) -> list[Sequence[Fold]]:
        near = e_steps_near(asking, answers[0])
        return [near[first:last] for first, last in pairwise(ends)]

    return [lambda _: [[survey]], e_steps]
