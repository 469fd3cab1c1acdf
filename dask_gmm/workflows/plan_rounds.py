"""The passes of a fit or a selection: a survey, rounds of E-steps, and a last reading."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from dask_gmm.data.source import Source
from dask_gmm.fitting.foreseen import (
    asking_at_once,
    e_steps_near,
    largest_e_step,
    most_rounds,
)
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyFold
from dask_gmm.passes.fold import Answers, Fold
from dask_gmm.passes.outlook import Outlook
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.missing import asked_of, largest_asked
from dask_gmm.workflows.partitions import Stretch
from dask_gmm.workflows.plan_parts import last_reading
from dask_gmm.workflows.planned import PlannedPass
from dask_gmm.workflows.probe import Ask
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.weighing import first_pass


def in_groups(
    folds: Sequence[Fold], fit_together: Callable[[Sequence[Fold]], bool]
) -> list[Sequence[Fold]]:
    """Give the groups in which questions are read: halves of halves, until each fits in memory."""
    if len(folds) == 1 or fit_together(folds):
        return [folds]
    half = len(folds) // 2
    return [*in_groups(folds[:half], fit_together), *in_groups(folds[half:], fit_together)]


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """The survey and the rounds of a fit or a selection: what is asked of which rows, where.

    Parameters
    ----------
    request : FitRequest or SelectRequest
    specs : sequence of Spec
    rows : Source
        Those of the data, held from pass to pass if that is asked for.
    allowed : Allowed
    runner : Runner
    partitions : Stretch, optional
        Of which statistics are kept.
    """

    request: FitRequest | SelectRequest
    specs: Sequence[Spec]
    rows: Source
    allowed: Allowed
    runner: Runner
    partitions: Stretch | None

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
        first = () if kept else (PlannedPass("survey", 1, 1, survey, most=most),)
        parts = self.partitions
        last = () if parts is None else (last_reading(parts, self.specs[0], self.runner),)
        return (*first, e_step, *last)

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
        survey, parts = self._survey(), self.partitions
        near: list[EStep] = []

        def e_steps(answers: Answers) -> list[Sequence[Fold]]:
            near.extend(e_steps_near(asking, answers[0]))
            return [asked_of(near[first:last], answers[0]) for first, last in pairwise(ends)]

        asks: list[Ask] = [lambda _: [[survey]], e_steps]
        if parts is not None:
            asks.append(lambda _: [[parts.statistics(near[0]), parts.summaries()]])
        return asks

    def _survey(self) -> SurveyFold:
        return first_pass(self.specs, self.rows, self.allowed)

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
        kept = self._survey().kept_bytes(self.rows.n_features)
        asked = [largest_asked(fold, self.allowed) for fold in folds]
        return self.runner.beside(kept).outlook(self.rows, asked)

    def _most(self, readings: int, kept: int) -> int | None:
        """Give the number of rounds that may follow those that are kept."""
        rounds, by_passes = most_rounds(self.specs, *self._shape), self.request.max_passes
        bounds = [] if rounds is None else [rounds]
        if by_passes is not None:
            bounds.append(max(1, -(-(by_passes - 1) // readings)))
        return max(0, min(bounds) - max(0, kept - 1) // readings) if bounds else None
