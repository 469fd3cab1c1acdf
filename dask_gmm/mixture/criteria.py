"""Information criteria; smaller is better."""

from typing import Final

import numpy as np

from dask_gmm.mixture.estep import log_constants, log_weights
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import scatter_of
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# Rounding of an entropy, in nats per row, above which nothing is said of it.
LARGEST_ROUNDING: Final = 1e-7


def aic(log_likelihood: float, rows: float, n_parameters: int) -> float:
    """Akaike's criterion (1974) from the mean log-likelihood per row, in nats."""
    return 2 * n_parameters - 2 * log_likelihood * rows


def bic(log_likelihood: float, rows: float, n_parameters: int) -> float:
    """Schwarz's criterion (1978) from the mean log-likelihood per row, in nats."""
    return n_parameters * float(np.log(rows)) - 2 * log_likelihood * rows


def icl(log_likelihood: float, entropy: float, rows: float, n_parameters: int) -> float:
    """The integrated completed likelihood from the same and the mean entropy per row, in nats.

    Biernacki, Celeux and Govaert (2000): Schwarz's criterion, and twice what rows leave open about
    the components that they come from, by their responsibilities.
    """
    return bic(log_likelihood, rows, n_parameters) + 2 * entropy * rows


def entropy(
    statistics: SufficientStatistics, mixture: Mixture, summary: DataSummary
) -> float | None:
    """Give the mean entropy per row of the responsibilities, in nats, from the sums of a pass.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``mixture``.
    mixture : Mixture
        With means about the frame's shift.
    summary : DataSummary
        Of the rows behind the sums.

    Returns
    -------
    float or None
        None where rounding of the sums leaves nothing of it, as for a common covariance that is
        very thin for how far the components are apart, and where a density is no number.

    Notes
    -----
    A responsibility is the ratio of a joint density to the density of the row. The logarithms of
    the former are linear in the features that were summed, but for what is left open about values
    that are missing; those of the latter are the log-likelihood.
    """
    if not np.isfinite(statistics.log_likelihood):
        return None
    factors = mixture.precision_factors()
    known = (mixture.family, log_weights(mixture), mixture.means, factors)
    terms = log_joint_terms(statistics, *known, summary)
    rounding = np.finfo(np.float64).eps * float(np.abs(terms).sum()) / statistics.rows
    filled = 0.0 if statistics.filled is None else statistics.filled.entropy
    found = (statistics.log_likelihood - float(terms.sum()) - filled) / statistics.rows
    return max(0.0, found) if rounding <= LARGEST_ROUNDING else None


def log_joint_terms(
    statistics: SufficientStatistics,
    family: CovarianceFamily,
    log_weights: Array,
    means: Array,
    factors: Array,
    summary: DataSummary,
) -> Array:
    """Give the terms (n,) of the sum of all log joint densities, each times its responsibility.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at the mixture that the others tell of; where these lack the common quadratic term, so
        do the terms.
    family, log_weights, means, factors
        See `dask_gmm.mixture.estep.JointDensity.of_factors`.
    summary : DataSummary
        Of the rows behind the sums.
    """
    frame = statistics.frame
    sums = statistics.sums / family.sum_scales(frame.scale)[:, None]
    centers = 0.0 if statistics.centers is None else statistics.centers
    constants, centered = log_constants(family, log_weights, factors), means - centers
    form = family.linear_form(factors, centered, constants)
    explained = family.explained(family.moments(sums, means.shape[1]), centered, factors)
    terms = np.append((form.T * sums[: form.shape[1]]).ravel(), explained)
    if not family.shared or statistics.lacks_common:
        return terms
    common = factors[0] @ factors[0].T * scatter_of(statistics, summary)
    return np.concatenate([terms, -0.5 * common.ravel()])
