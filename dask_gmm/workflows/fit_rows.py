"""Fit mixtures to a source: survey, search, and the best of all restarts."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from dask_gmm.data.source import Source
from dask_gmm.fitting.candidate import candidate
from dask_gmm.fitting.cohort import best, search
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.trip import PassRecord, Trip


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


def fit_rows(
    source: Source,
    spec: Spec,
    n_init: int,
    runner: Runner,
    progress: Progress,
    on_pass: Callable[[PassRecord], None] = lambda record: None,
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

    Raises
    ------
    InputError
        If there are fewer rows than components, or the start has other columns.
    DataError
        If rows are not finite, damaged, or change during the run. That all chunks are there is
        looked at before any is read.
    """
    trip = Trip(source, runner, progress, on_pass)
    with ONE_THREAD:
        known = trip.known(spec)
        for text in trip.warnings:
            warnings.warn(text, DataWarning, stacklevel=3)
        starts = spec.tries * n_init if spec.start is None else 1
        specs = [replace(spec, restart=restart) for restart in range(starts)]
        finished = search([candidate(each, known) for each in specs], trip.run_pass, trip.keep)
    model = FittedMixture.of(best(finished), known.summary.rows)
    return FitOutcome(model, trip.answer, tuple(trip.records), trip.warnings)
