"""The single Gaussian of some rows with missing values, by which they are filled in for a start."""

from dataclasses import replace
from typing import Final

import numpy as np

from dask_gmm.data.source import Block
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.tiles import completed_rows
from dask_gmm.mixture.coordinates import objective
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.scoring import complete_density
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Workspace, measure, tiles

# It is for starts alone: so many iterations at most, or until one gains less, in nats per row.
ITERATIONS: Final = 30
ENOUGH: Final = 1e-3


def gaussian_of(
    rows: Array, counts: Array | None = None, known: DataSummary | None = None
) -> Mixture:
    """Give a Gaussian to which EM leads from the means and variances of what is there.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        NaN stand for values that are missing.
    counts : ndarray of shape (n,), optional
        How often each row counts, above 0; without them, once.
    known : DataSummary, optional
        Of all rows, if these are some of them: it has the mean of a column of which nothing is
        here. Without it that is 0.
    """
    n_features = rows.shape[1]
    summary = summarize(rows, weights=counts, incomplete=True)
    if known is not None and summary.present is not None:
        mean = np.where(summary.present > 0, summary.mean, known.mean)
        summary = replace(summary, mean=mean)
    summary = summary.completed(np.eye(n_features))
    frame, block = Frame.of(summary), _block(rows, counts)
    variances = np.where(summary.variance > 0, summary.variance, 1.0)
    mixture = Mixture.of([1.0], np.zeros((1, n_features)), np.diag(variances)[None])
    prior, before, workspace = Prior.of(summary, mixture.family), -np.inf, Workspace()
    for _ in range(ITERATIONS):
        fold = Incomplete(EStep.at(mixture, frame, "float64"))
        statistics: SufficientStatistics = measure([fold], block, workspace)[0]
        value = objective(statistics, mixture, summary, prior)
        if not value > before + ENOUGH:
            break
        before = value
        mixture = m_step(statistics, mixture, summary, 0.0, prior=prior).mixture
    return mixture.moved(frame.shift)


def correlation_of(mixture: Mixture) -> Array:
    """Give the correlations (D, D) of the columns of a single Gaussian."""
    (covariance,) = mixture.full_covariances()
    deviations = np.sqrt(np.diagonal(covariance))
    return np.asarray(covariance / np.outer(deviations, deviations))


def filled(rows: Array, mixture: Mixture) -> Array:
    """Give rows (n, D) with what a mixture expects in the place of NaN."""
    summary = summarize(rows, incomplete=True).completed(np.eye(rows.shape[1]))
    frame, workspace = Frame.of(summary), Workspace()
    density = complete_density(mixture.moved(-frame.shift), frame)
    parts = (each.as_incomplete() for each in tiles(_block(rows), workspace))
    return np.concatenate([completed_rows(each, density) for each in parts])


def _block(rows: Array, counts: Array | None = None) -> Block:
    return Block(0, 0, len(rows), rows, np.empty(0, np.uint32), counts)
