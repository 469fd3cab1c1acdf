"""Fit mixtures to a source: survey, search, and the best of all restarts; or the rest of that."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from dask_gmm.data.source import Source
from dask_gmm.fitting.believing import Believing, Uniting
from dask_gmm.fitting.candidate import candidates_of
from dask_gmm.fitting.cohort import best, carried_out, limited
from dask_gmm.fitting.foreseen import knowing
from dask_gmm.fitting.hopeless import without_hopeless
from dask_gmm.fitting.members import Finished, Member
from dask_gmm.fitting.overfit import Goal
from dask_gmm.fitting.result import FittedMixture, dropped_of
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.checkpoint import Checkpoint, PassRecord
from dask_gmm.workflows.left_out import NOTHING, Allowed
from dask_gmm.workflows.limits import NO_LIMITS, Limits
from dask_gmm.workflows.trip import Trip

OnPass: TypeAlias = Callable[[PassRecord], None]
OnCheckpoint: TypeAlias = Callable[[Checkpoint], None]


class DataWarning(UserWarning):
    """The rows can be fitted, but something about them deserves a look."""


@dataclass(frozen=True, slots=True, eq=False)
class FitOutcome:
    """A fitted mixture and what was learned on the way.

    Parameters
    ----------
    model : FittedMixture
        The best of all restarts.
    survey : SurveyAnswer
        Of the first pass.
    passes : tuple of PassRecord
    warnings : tuple of str
    """

    model: FittedMixture
    survey: SurveyAnswer
    passes: tuple[PassRecord, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FitOutcomes:
    """Several mixtures that were fitted together, and what was learned on the way.

    Parameters
    ----------
    models : tuple of FittedMixture
        Of each spec the best of all restarts.
    survey : SurveyAnswer
        Of the first pass.
    passes : tuple of PassRecord
    warnings : tuple of str
    """

    models: tuple[FittedMixture, ...]
    survey: SurveyAnswer
    passes: tuple[PassRecord, ...]
    warnings: tuple[str, ...]

    @property
    def only(self) -> FitOutcome:
        """That of a single one."""
        (model,) = self.models
        return FitOutcome(model, self.survey, self.passes, self.warnings)


def fit_rows(
    source: Source,
    spec: Spec,
    n_init: int,
    runner: Runner,
    progress: Progress,
    on_pass: OnPass = lambda record: None,
    on_checkpoint: OnCheckpoint = lambda checkpoint: None,
    limits: Limits = NO_LIMITS,
    allowed: Allowed = NOTHING,
) -> FitOutcome:
    """Fit a mixture to all rows of a source.

    Parameters
    ----------
    source : Source
    spec : Spec
        What every restart is asked to be.
    n_init : int
        Number of restarts, which share every reading of the rows; one, from a given start.
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.
    on_pass : callable
        Told of each pass over all rows when it has ended.
    on_checkpoint : callable
        Given what `resume_rows` needs, after each pass over all rows or over the sample.
    limits : Limits
        When it has to end.
    allowed : Allowed
        Which rows may be left out; bad chunks, if the source is one that `Allowed.of` gives.

    Raises
    ------
    InputError
        If there are fewer rows than components, or the start has other columns.
    DataError
        If rows are not finite, damaged, or change during the run, and may not be left out. That
        all chunks are there is looked at before any is read, unless bad ones may be left out.
    """
    told = (progress, on_pass, on_checkpoint)
    return fit_all(source, [spec], n_init, runner, *told, limits, allowed).only


def fit_all(
    source: Source,
    specs: Sequence[Spec],
    n_init: int,
    runner: Runner,
    progress: Progress,
    on_pass: OnPass = lambda record: None,
    on_checkpoint: OnCheckpoint = lambda checkpoint: None,
    limits: Limits = NO_LIMITS,
    allowed: Allowed = NOTHING,
) -> FitOutcomes:
    """Fit several mixtures to all rows of a source, in the same readings.

    Each has the bytes that it has when it is fitted alone.

    Parameters
    ----------
    source : Source
    specs : sequence of Spec
        What is asked of each; they have one seed, and hold out the same rows.
    n_init, runner, progress, on_pass, on_checkpoint, limits, allowed
        See `fit_rows`.

    Raises
    ------
    InputError, DataError
        See `fit_rows`.
    """
    trip = Trip(source, runner, progress, on_pass, allowed)
    with ONE_THREAD:
        cohort = cohort_of(trip, specs, n_init)
        _warn(trip.warnings)
        on_checkpoint(trip.checkpoint(cohort))
        return _searched(trip, cohort, on_checkpoint, limits)


def cohort_of(trip: Trip, specs: Sequence[Spec], n_init: int) -> list[Member]:
    """Make the survey, and give the candidates of all specs, a race of their own for each."""
    surveys, labeled = trip.known(specs), trip.answer.knows_labels
    known = zip((knowing(each, labeled=labeled) for each in specs), surveys, strict=True)
    goals = [
        Goal(replace(each, race=race), survey)
        for race, (spec, survey) in enumerate(known)
        for each in spec.candidates(n_init)
    ]
    return [*candidates_of(goals)]


def resume_rows(
    source: Source,
    checkpoint: Checkpoint,
    runner: Runner,
    progress: Progress,
    on_pass: OnPass = lambda record: None,
    on_checkpoint: OnCheckpoint = lambda checkpoint: None,
    limits: Limits = NO_LIMITS,
) -> FitOutcome:
    """Take up what `fit_rows` began; see `resume_all`."""
    taken = resume_all(source, checkpoint, runner, progress, on_pass, on_checkpoint, limits)
    return taken.only


def resume_all(
    source: Source,
    checkpoint: Checkpoint,
    runner: Runner,
    progress: Progress,
    on_pass: OnPass = lambda record: None,
    on_checkpoint: OnCheckpoint = lambda checkpoint: None,
    limits: Limits = NO_LIMITS,
) -> FitOutcomes:
    """Take up what `fit_all` began after one of its passes, and end it with the same bytes.

    Parameters
    ----------
    source : Source
        The same rows, in the same leaves.
    checkpoint : Checkpoint
        What `fit_all` gave after that pass, perhaps in another process.
    runner, progress, on_pass, on_checkpoint, limits
        See `fit_rows`; they hear of the passes that are still to be made.

    Raises
    ------
    DataError
        If the rows are others than those of the passes before.
    """
    trip = Trip(source, runner, progress, on_pass)
    with ONE_THREAD:
        trip.take_up(checkpoint)
        _warn(trip.warnings)
        return _searched(trip, checkpoint.members, on_checkpoint, limits)


def _warn(texts: Sequence[str], stacklevel: int = 4) -> None:
    for text in texts:
        warnings.warn(text, DataWarning, stacklevel=stacklevel)


def _searched(
    trip: Trip, cohort: Sequence[Member], on_checkpoint: OnCheckpoint, limits: Limits
) -> FitOutcomes:
    def keep(members: Sequence[Member]) -> None:
        trip.keep(members)
        on_checkpoint(trip.checkpoint(members))

    def end(members: Sequence[Member]) -> Sequence[Member]:
        made = len(trip.records) + any(isinstance(each, Believing | Uniting) for each in members)
        ended = limited(members, limits.reached(made, trip.seconds, datetime.now(UTC)))
        by = limits.drop_hopeless_by
        return ended if by is None else without_hopeless(ended, trip.answer.summary.mass, by)

    members = carried_out(cohort, trip.run_pass, keep, end)
    races = sorted({each.spec.race for each in members})
    chosen = [_best_of([m for m in members if m.spec.race == race]) for race in races]
    summary = trip.answer.summary
    models = tuple(
        FittedMixture.of(one, summary, dropped_of(all_, one, summary)) for one, all_ in chosen
    )
    dropped = tuple(text for one, _ in chosen for text in _dropped(one))
    _warn(dropped, stacklevel=6)
    return FitOutcomes(models, trip.answer, tuple(trip.records), (*trip.warnings, *dropped))


def _best_of(race: Sequence[Member]) -> tuple[Finished, Sequence[Member]]:
    return best([each for each in race if isinstance(each, Finished)]), race


def _dropped(chosen: Finished) -> tuple[str, ...]:
    asked, left = chosen.spec.n_components, chosen.mixture.n_components
    if left == asked:
        return ()
    return (
        f"{asked - left} of {asked} components were dropped, which had less than one row or were "
        f"the same as others: the model has {left}",
    )
