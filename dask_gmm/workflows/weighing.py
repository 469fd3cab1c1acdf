"""The weights of rows, read before the rows themselves: how many count, and for how much."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import Column, RowsBeside
from dask_gmm.data.row_data import RowData
from dask_gmm.data.source import Source
from dask_gmm.errors import DataError
from dask_gmm.fitting.foreseen import survey_of
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyAnswer, SurveyFold
from dask_gmm.fitting.weighing import UNKNOWN, Weigh, Weighing
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.held import Held
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.admission import least_rows
from dask_gmm.workflows.left_out import Allowed

# Sums of weights that are much smaller would be taken for rounding.
SMALLEST_MASS: Final = 1e-6
# Weights are hardly counts whose sum is a smaller share of the rows that would tell as much.
FEW_COUNTED: Final = 0.1


def weights_alone(source: Source) -> Source | None:
    """Give the weights of rows as rows of one column, beside themselves; None where there are none.

    They are checked as they are beside the rows.
    """
    match source:
        case Held():
            return weights_alone(source.source)
        case RowsBeside(weights=column) if column is not None:
            return _twice(source, column)
        case ArraySource(weights=weights) if weights is not None:
            alone = ArraySource.of(weights[:, None], layout=source.layout)
            return replace(alone, weights=weights, first_row=source.first_row)
        case DaskSource(weights=column) if column is not None:
            alone_there = DaskSource.of(column[:, None], beside=RowData(column))
            origin = replace(source.blocks.origin, columns=None)
            return replace(alone_there, blocks=replace(alone_there.blocks, origin=origin))
    return None


def _twice(source: RowsBeside, column: Column) -> Source:
    if not isinstance(column, ArraySource):
        return RowsBeside(column, column, None, 0)
    weights = np.asarray(column.values()[:, 0], dtype=np.float64)
    return replace(column, weights=weights)


def first_pass(specs: Sequence[Spec], source: Source, allowed: Allowed) -> SurveyFold:
    """Give what the first pass asks of rows whose weights, if they have any, are yet to be read."""
    fold = survey_of(specs, source.layout.rows, source.n_features)
    fold = replace(fold, usable=allowed.usable, incomplete=allowed.missing)
    return fold if weights_alone(source) is None else replace(fold, weighing=UNKNOWN)


def weighed(
    fold: SurveyFold, source: Source, specs: Sequence[Spec], runner: Runner, progress: Progress
) -> SurveyFold:
    """Look at weights in a reading of these alone, and give what the first pass asks then.

    Parameters
    ----------
    fold : SurveyFold
    source : Source
        The rows.
    specs : sequence of Spec
        What will be fitted.
    runner : Runner
        Where the reading is made.
    progress : Progress
        Who hears of it.

    Raises
    ------
    DataError
        If one is no weight, too few are above zero, or their sum is no number to compute with.
    InputError
        If their sum is too small for priors that the rows are to suggest.
    """
    alone = weights_alone(source)
    if alone is None:
        return fold
    progress.start_pass("weights", alone.layout.rows)
    (found,) = runner.run(alone, [Weigh()], progress)
    assert isinstance(found, Weighing)
    progress.end_pass(f"{found.rows:,} rows of weight {found.mass:g} together")
    _refuse(found, max(map(least_rows, specs)), least_mass(specs), source.name)
    for beliefs in (each.beliefs for each in specs if each.beliefs is not None):
        beliefs.check_mass(found.mass)
    return replace(fold, weighing=found)


def least_mass(specs: Sequence[Spec]) -> float:
    """Give the smallest sum of weights to which such mixtures can be fitted.

    The solver ``fast`` takes a component of less than one row for one that explains nothing.
    """
    return max(least_rows(each) if each.solver == "fast" else SMALLEST_MASS for each in specs)


def told_weights(source: Source, survey: SurveyAnswer) -> Iterator[str]:
    """Say that rows count much less often than what they tell suggests, if they do."""
    mass, equal = survey.summary.mass, survey.sample.equal_rows
    if equal is not None and mass < FEW_COUNTED * equal:
        yield (
            f"the weights of {source.name} count its rows {mass:.3g} times together, though these "
            f"tell about as much as {equal:,.0f} rows of one weight: criteria, priors, tolerances "
            "and statistical errors are those of so few rows; if weights only say what rows count "
            f"beside each other, multiply them by {equal / mass:.3g}"
        )


def _refuse(found: Weighing, least: int, mass: float, name: str) -> None:
    if found.rows < least:
        raise DataError(
            f"Wanted at least {least:,} rows of weights above zero, found {found.rows:,} in "
            f"{name}. Give other weights, or more rows."
        )
    if not mass <= found.mass < np.inf:
        raise DataError(
            f"Wanted weights that say how often each row counts, with a sum of at least "
            f"{mass:g} that is a number of float64; found a sum of {found.mass:g} of the "
            f"weights of {name}. Multiply them by a constant."
        )
