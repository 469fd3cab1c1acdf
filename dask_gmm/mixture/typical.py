"""The covariance of typical rows: of all but those that are far from the others in some column."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.summary import DataSummary, summarize

# A column's body lies between its quartiles; where half of its values are one, between others.
TAILS: Final = (0.25, 0.05, 0.01)
# How far beyond its body a value is typical, in units of the width of the body.
FAR: Final = 30.0
# Eigenvalues of a correlation matrix that rounding cannot tell from zero.
NOTHING: Final = 1e-10


def typical_covariance(rows: Array, summary: DataSummary, weights: Array | None = None) -> Array:
    """Give a covariance (D, D) that no few rows decide, however far from the others they are.

    Parameters
    ----------
    rows : ndarray of shape (n, D)
        A sample of the rows.
    summary : DataSummary
        Of all rows. Its covariance takes the place where most rows of the sample are far from
        others in some column, and in directions in which the typical ones do not vary.
    weights : ndarray of shape (n,), optional
        How often each row counts.
    """
    whole, marks = _covariance(summary), _are_typical(rows, weights)
    counts = np.ones(len(rows)) if weights is None else weights
    if 2 * counts[marks].sum() < counts.sum():
        return whole
    found = _covariance(summarize(rows[marks], weights=None if weights is None else weights[marks]))
    return found + _where_it_vanishes(found, whole)


def _covariance(summary: DataSummary) -> Array:
    varying = ~summary.constant
    covariance = summary.scatter_about(summary.mean) / (summary.mass or 1.0)
    return np.asarray(covariance * np.outer(varying, varying))


def _are_typical(rows: Array, weights: Array | None) -> npt.NDArray[np.bool_]:
    typical = np.ones(len(rows), dtype=bool)
    for column in rows.T:
        below, above = _body(column, weights)
        reach = FAR * (above - below) if above > below else np.inf
        typical &= (column >= below - reach) & (column <= above + reach)
    return typical


def _body(column: Array, weights: Array | None) -> tuple[float, float]:
    tails = np.array(TAILS)
    at = np.stack([tails, 1 - tails])
    if weights is None:
        below, above = np.quantile(column, at)
    else:
        below, above = np.quantile(column, at, method="inverted_cdf", weights=weights)
    widest = int(np.argmax(above > below))
    return float(below[widest]), float(above[widest])


def _where_it_vanishes(found: Array, whole: Array) -> Array:
    """Give what a covariance is in directions in which that of some of the rows is none."""
    variance = np.where(np.diagonal(found) > 0, np.diagonal(found), np.diagonal(whole))
    deviation = np.sqrt(np.where(variance > 0, variance, 1.0))
    units = np.outer(deviation, deviation)
    values, vectors = np.linalg.eigh(found / units)
    flat = vectors[:, values < NOTHING]
    projector = flat @ flat.T
    return np.asarray(units * (projector @ (whole / units) @ projector))
