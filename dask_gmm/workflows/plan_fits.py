"""The plan of a fit or a selection: a survey, and rounds of E-steps of all candidates."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path

from dask_gmm.checks import local_path
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.fitting.foreseen import (
    asking_at_once,
    e_steps_near,
    largest_e_step,
    most_rounds,
    survey_of,
)
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.sample import kept_bytes
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyFold
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.fold import Answers, Fold
from dask_gmm.passes.outlook import Outlook
from dask_gmm.passes.runner import Runner
from dask_gmm.records.asked import asked_in
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.about import refuse_own_rows, spec_of
from dask_gmm.workflows.admission import check
from dask_gmm.workflows.asked_before import asked_of
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.order import Reference, reference_at
from dask_gmm.workflows.planned import DONE, NOT_THERE, PlannedPass, PlannedStep, Size
from dask_gmm.workflows.probe import Ask, probe
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.sources import rows_for
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
    allowed = Allowed.by(request)
    source = allowed.of(to_come.source(request))
    start, reference = _references(request, source, to_come)
    specs = _specs(request, start)
    step, kept = PlannedStep(_verb(request), request.out, Size.of(source)), 0
    if not any(each in to_come for each in _inputs(request)):
        folder = _folder(request, source, start or reference)
        if folder.is_done():
            return replace(step, note=DONE), to_come
        kept = _kept(folder)
    for spec in specs:
        check(source, spec)
    stored = isinstance(source, ZarrSource)
    with rows_for(source, runner, request.cache) if stored else nullcontext(source) as rows:
        fitting = _Fitting(request, specs, rows, allowed, runner)
        whole, passes = fitting.passes(0), fitting.passes(kept)
        step = replace(step, passes=passes, bounded_by=fitting.bound(), kept=kept)
    like = max(specs, key=lambda spec: spec.n_parameters(source.n_features))
    left = to_come.with_model(request.out, _like(like, source.n_features))
    if not n_blocks or not all(each.outlook.fits for each in whole):
        return step, left
    if request.data in to_come:
        return replace(step, note=NOT_THERE), left
    probed = probe(source, n_blocks, whole, fitting.asks())
    seconds = probed.seconds[-len(passes) :]
    return replace(step, probed=replace(probed, seconds=seconds)), left


def in_groups(
    folds: Sequence[Fold], fit_together: Callable[[Sequence[Fold]], bool]
) -> list[Sequence[Fold]]:
    """Give the groups in which questions are read: halves of halves, until each fits in memory."""
    if len(folds) == 1 or fit_together(folds):
        return [folds]
    half = len(folds) // 2
    return [*in_groups(folds[:half], fit_together), *in_groups(folds[half:], fit_together)]


@dataclass(frozen=True, slots=True, eq=False)
class _Fitting:
    """What is asked of which rows, where.

    Parameters
    ----------
    request : FitRequest or SelectRequest
    specs : sequence of Spec
    rows : Source
        Those of the data, held from pass to pass if that is asked for.
    allowed : Allowed
    runner : Runner
    """

    request: FitRequest | SelectRequest
    specs: Sequence[Spec]
    rows: Source
    allowed: Allowed
    runner: Runner

    @property
    def _shape(self) -> tuple[int, int]:
        return self.rows.layout.rows, self.rows.n_features

    def passes(self, kept: int) -> tuple[PlannedPass, ...]:
        """Give those that are still to be made, when so many are kept."""
        groups = self._groups()
        outlooks = [self._outlook(group) for group in groups]
        alone = self._outlook([largest_e_step(self.specs, self.rows.n_features)])
        tightest = min((*outlooks, alone), key=lambda outlook: outlook.room.left)
        e_step = PlannedPass(
            "E-step",
            sum(map(len, groups)),
            len(groups),
            replace(outlooks[0], room=tightest.room),
            least=0 if kept else 1,
            most=self._most(len(groups), kept),
        )
        survey = self.runner.outlook(self.rows, [self._survey()])
        # Where rows are left out, another one may be needed for as large a sample.
        most = 2 if self.allowed.usable < 1 else 1
        return (e_step,) if kept else (PlannedPass("survey", 1, 1, survey, most=most), e_step)

    def bound(self) -> str:
        """Name what bounds the number of passes."""
        rounds, by_passes = most_rounds(self.specs, *self._shape), self.request.max_passes
        if by_passes is not None and (rounds is None or by_passes <= rounds):
            name = "max_passes"
        else:
            name = "max_iter" if rounds is not None else "max_iter of each of several ascents"
        timed = ("max_seconds", "deadline")
        return " or ".join((name, *(each for each in timed if getattr(self.request, each))))

    def asks(self) -> list[Ask]:
        """Give what the survey asks, and then the E-steps as the survey of a block suggests."""
        asking = asking_at_once(self.specs, self.request.n_init, *self._shape)
        ends = [0, *accumulate(map(len, self._groups()))]
        survey = self._survey()

        def e_steps(answers: Answers) -> list[Sequence[Fold]]:
            near = e_steps_near(asking, answers[0])
            return [near[first:last] for first, last in pairwise(ends)]

        return [lambda _: [[survey]], e_steps]

    def _survey(self) -> SurveyFold:
        return replace(survey_of(self.specs, *self._shape), usable=self.allowed.usable)

    def _groups(self) -> list[Sequence[Fold]]:
        sizes = [
            (each.n_components, each.covariance_type)
            for each in asking_at_once(self.specs, self.request.n_init, *self._shape)
        ]
        like = {size: EStep.like(*size, self.rows.n_features) for size in set(sizes)}
        folds = [like[size] for size in sizes]
        return in_groups(folds, lambda some: self._outlook(some).fits)

    def _outlook(self, folds: Sequence[Fold]) -> Outlook:
        """Give that of a pass after the survey, of whose sample something is kept."""
        kept = kept_bytes(min(self._survey().size, self._shape[0]), self.rows.n_features)
        return self.runner.beside(kept).outlook(self.rows, folds)

    def _most(self, readings: int, kept: int) -> int | None:
        """Give the number of rounds that may follow those that are kept."""
        rounds, by_passes = most_rounds(self.specs, *self._shape), self.request.max_passes
        bounds = [] if rounds is None else [rounds]
        if by_passes is not None:
            bounds.append(max(1, -(-(by_passes - 1) // readings)))
        return max(0, min(bounds) - max(0, kept - 1) // readings) if bounds else None


def _verb(request: FitRequest | SelectRequest) -> str:
    return "fit" if isinstance(request, FitRequest) else "select"


def _inputs(request: FitRequest | SelectRequest) -> tuple[object, ...]:
    return request.data, request.match, _warm_start(request)


def _warm_start(request: FitRequest | SelectRequest) -> object:
    return request.warm_start if isinstance(request, FitRequest) else None


def _references(
    request: FitRequest | SelectRequest, source: Source, to_come: ToCome
) -> tuple[Reference | None, Reference | None]:
    """Give the models to start from and to match, or for those to come others of their size."""

    def reference(path: object, purpose: str) -> Reference | None:
        assert isinstance(path, str | Path | None)
        if path is not None and path in to_come:
            return Reference(local_path(path), to_come.mixture(path))
        return reference_at(path, source, purpose)

    start = reference(_warm_start(request), "to start from")
    return start, reference(request.match, "to match")


def _specs(request: FitRequest | SelectRequest, start: Reference | None) -> list[Spec]:
    if isinstance(request, FitRequest):
        return [spec_of(request, start)]
    return [spec_of(each) for each in request.cells()]


def _folder(
    request: FitRequest | SelectRequest, source: Source, reference: Reference | None
) -> RunFolder:
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


def _like(spec: Spec, n_features: int) -> Mixture:
    return Mixture.like(spec.n_components, spec.covariance_type, [1.0] * n_features)
