"""The lower bound of the log evidence that a variational posterior comes to, from sums."""

import numpy as np
from scipy.special import betaln, gammaln

from dask_gmm.mixture.criteria import log_joint_terms
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.variational import LOG_2, Variational


def lower_bound(
    statistics: SufficientStatistics, last: Variational, after: Variational, summary: DataSummary
) -> float:
    """Give the lower bound of the log evidence of all rows, in nats, but for what never changes.

    Parameters
    ----------
    statistics : SufficientStatistics
        Sums at ``last``.
    last, after : Variational
        Before and after the step that these sums lead to, about the frame's shift.
    summary : DataSummary
        Of the rows behind the sums.

    Notes
    -----
    What is left out is what scikit-learn leaves out. The entropy of the responsibilities, the only
    part that is about rows, is the log-likelihood less the expected log joint densities.
    """
    factors = last.mixture.precision_factors()
    known = (last.family, last.log_weights, last.means, factors)
    terms = log_joint_terms(statistics, *known, summary)
    entropy = statistics.log_likelihood - float(terms.sum())
    return entropy + beyond_entropy(after)


def beyond_entropy(after: Variational) -> float:
    """Give the lower bound after a step, in nats, but for the entropy of the responsibilities."""
    of_means: float = 0.5 * after.means.shape[1] * np.log(after.mean_precision).sum()
    return -_wishart(after) - _dirichlet(after.concentration) - of_means


def gained_by_order(before: Variational, after: Variational) -> float:
    """Give what the lower bound gains where the same components stand in another order, in nats."""
    return _dirichlet(before.concentration) - _dirichlet(after.concentration)


def _wishart(posterior: Variational) -> float:
    """Logarithms of what makes the distributions of the precisions sum to one, together."""
    n_components, n_features = posterior.means.shape
    degrees = posterior.degrees_of_freedom
    logs = posterior.family.log_determinants(posterior.covariances, n_features)
    halves = (degrees - np.arange(n_features)[:, None]) / 2
    norms = 0.5 * degrees * (logs + n_features * np.log(degrees) - n_features * LOG_2)
    norms = norms - gammaln(halves).sum(axis=0)
    times = n_components if posterior.family.shared else 1
    return times * float(norms.sum())


def _dirichlet(concentration: Array) -> float:
    """The same of the distribution of the weights."""
    if concentration.ndim == 2:
        return -float(betaln(*concentration).sum())
    return float(gammaln(concentration.sum()) - gammaln(concentration).sum())
