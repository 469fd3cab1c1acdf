"""Which component of one mixture is which of another."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture


def bhattacharyya_distances(first: Mixture, second: Mixture) -> Array:
    """Distances (K1, K2) between the components of two mixtures, weights left aside.

    Bhattacharyya (1943): ``d' S^-1 d / 8 + log(|S| / sqrt(|S1| |S2|)) / 2`` with S the mean of
    the two covariances and d the difference of the means.
    """
    covariances = first.full_covariances()[:, None], second.full_covariances()[None]
    between = (covariances[0] + covariances[1]) / 2
    apart = first.means[:, None] - second.means[None]
    solved = np.linalg.solve(between, apart[..., None])[..., 0]
    logs = [np.linalg.slogdet(matrices)[1] for matrices in (between, *covariances)]
    distances = (
        np.einsum("abi,abi->ab", apart, solved) / 8 + (logs[0] - (logs[1] + logs[2]) / 2) / 2
    )
    return np.asarray(distances)


def match(reference: Mixture, other: Mixture) -> npt.NDArray[np.intp]:
    """For each component of the reference, the component of the other that it is matched to.

    The assignment has the least sum of Bhattacharyya distances (K,); both have K components.
    """
    _, columns = linear_sum_assignment(bhattacharyya_distances(reference, other))
    return np.asarray(columns)


def reordered(mixture: Mixture, order: npt.NDArray[np.intp]) -> Mixture:
    """The same mixture with its components in another order."""
    shared = mixture.family.shared
    covariances = mixture.covariances if shared else mixture.covariances[order]
    return Mixture.of(
        mixture.weights[order], mixture.means[order], covariances, mixture.covariance_type
    )
