"""Values that are missing from rows: what a fit makes of them, and what is told of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dask_gmm.data.source import Source
from dask_gmm.errors import DataError
from dask_gmm.fitting.finite import FiniteRows
from dask_gmm.fitting.gaussian import correlation_of, filled, gaussian_of
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.sample import SMALLEST_SAMPLE, Sample
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.typical import typical_covariance
from dask_gmm.passes.fold import Fold
from dask_gmm.workflows.left_out import Allowed


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """What is known of incomplete rows from some of them, to begin with.

    Parameters
    ----------
    gaussian : Mixture, optional
        A single Gaussian of rows of the sample; None where nothing is missing.
    """

    gaussian: Mixture | None

    @classmethod
    def of(cls, survey: SurveyAnswer) -> "Guess":
        """Make one of what a survey brought home."""
        if not survey.incomplete:
            return cls(None)
        first = typical_sample(survey.sample)
        return cls(gaussian_of(first.in_row_order(), first.counts, survey.summary))

    @property
    def correlation(self) -> Array | None:
        """Of the columns, (D, D); None where nothing is missing."""
        return None if self.gaussian is None else correlation_of(self.gaussian)

    def completed(self, summary: DataSummary) -> DataSummary:
        """Give the summary of rows as if they lacked nothing."""
        correlation = self.correlation
        return summary if correlation is None else summary.completed(correlation)

    def filled(self, rows: Array) -> Array:
        """Give rows (n, D) with what the Gaussian expects in the place of what is missing."""
        return rows if self.gaussian is None else filled(rows, self.gaussian)

    def typical(self, sample: Sample, summary: DataSummary) -> Array | None:
        """Give the covariance of typical rows of a sample, where the summary of all knows one."""
        first = typical_sample(sample)
        if not summary.has_matrix:
            return None
        return typical_covariance(self.filled(first.in_row_order()), summary, first.counts)


def typical_sample(sample: Sample) -> Sample:
    """Give the rows by which it is known what is typical, in the order of the data."""
    return sample.first(SMALLEST_SAMPLE).in_order


def asked_of(folds: Sequence[Fold], survey: SurveyAnswer) -> list[Fold]:
    """Give folds as they are asked after a survey, of rows that are usable or incomplete."""
    asked = list(folds)
    if survey.leaves_out:
        asked = [FiniteRows(fold) for fold in asked]
    if survey.incomplete:
        asked = [Incomplete(fold) for fold in asked]
    return asked


def largest_asked(fold: Fold, allowed: Allowed) -> Fold:
    """Give a fold as it may have to be asked after a survey that is yet to be made."""
    usable = FiniteRows(fold) if allowed.usable < 1 else fold
    return Incomplete(usable) if allowed.missing else usable


def check_columns(source: Source, survey: SurveyAnswer) -> None:
    """Refuse incomplete rows of which a column has no value at all.

    Raises
    ------
    DataError
    """
    present = survey.summary.present
    if present is not None and not present.all():
        empty = [source.number(int(j)) for j in np.flatnonzero(present == 0)]
        raise DataError(
            f"Wanted a value in every column of {source.name}; found none in column "
            f"{', '.join(map(str, empty))} of {survey.summary.rows:,} rows. Leave the column out."
        )


def told_missing(source: Source, survey: SurveyAnswer) -> Iterator[str]:
    """Say which rows have no value, if any."""
    if survey.summary.empty_rows:
        yield (
            f"{survey.summary.empty_rows:,} of {source.layout.rows:,} rows of {source.name} left "
            "out, of which all values are missing"
        )


def missing_shares(survey: SurveyAnswer) -> list[float] | None:
    """Give the share of the rows that lack each column; None where nothing is missing."""
    summary = survey.summary
    return None if summary.present is None else (1 - summary.present / summary.mass).tolist()
