"""The parameters that a start on the sample leads to."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import pairwise_distances_argmin

from dask_gmm.mixture.centers import Centers
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.family import CovarianceFamily, FactoredFamily
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import SMALLEST_MASS, VARIANCE_FLOORS, MStep, m_step, repairs
from dask_gmm.mixture.prior import NO_PRIOR, Prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import tile_rows


@dataclass(frozen=True, slots=True, eq=False)
class FirstStep:
    """What is made of a start: a mixture about the shift of the frame.

    Parameters
    ----------
    n_components : int
    covariance_type : str
        Name of the family.
    reg_covar : float
        Added to the diagonal of each covariance, in squared units of the data.
    frame : Frame
    prior : Prior
        Of clusters; where it says something of covariances, ``reg_covar`` is not added to them.
    """

    n_components: int
    covariance_type: str
    reg_covar: float
    frame: Frame
    prior: Prior = NO_PRIOR

    @property
    def family(self) -> CovarianceFamily:
        """The family of the covariances."""
        return family_of(self.covariance_type)

    def of_responsibilities(
        self, rows: Array, responsibilities: Array, weights: Array | None = None
    ) -> MStep:
        """Take the M-step of responsibilities (n, K) for rows (n, D), which count so often (n,).

        It is taken again about the means of components that turn out to be thin.
        """
        if weights is not None:
            responsibilities = responsibilities * weights[:, None]
        if isinstance(self.family, FactoredFamily):
            return self._of_variation(self.family, rows, responsibilities, weights)
        summary = summarize(rows, weights=weights)
        last, nowhere = self._spread_out(summary), Centers(np.empty(0, np.intp), rows[:0])
        statistics = self._statistics(rows, responsibilities, nowhere)
        ridge = 0.0 if self.prior.proper else self.reg_covar
        step = m_step(statistics, last, summary, ridge, prior=self.prior)
        centers = Centers.of(step.mixture, JointDensity.of(step.mixture, self.frame))
        if centers.any:
            statistics = self._statistics(rows, responsibilities, centers)
            step = m_step(statistics, last, summary, ridge, prior=self.prior)
        return step

    def _of_variation(
        self, family: FactoredFamily, rows: Array, responsibilities: Array, weights: Array | None
    ) -> MStep:
        """Begin with what the rows of each component vary along most."""
        summary = summarize(rows, weights=weights, matrix=False)
        last, mass = self._spread_out(summary), responsibilities.sum(axis=0)
        empty, centered = mass <= SMALLEST_MASS, rows - self.frame.shift
        means = (responsibilities.T @ centered) / np.maximum(mass, SMALLEST_MASS)[:, None]
        means[empty] = last.means[empty]
        covariances = family.begun(centered, responsibilities, means, self.frame.scale)
        covariances = family.add_to_diagonal(covariances, np.full(len(means[0]), self.reg_covar))
        covariances[empty] = last.covariances[empty]
        floor = VARIANCE_FLOORS["float64"]
        covariances, thin = family.floored(covariances, summary.variance, floor)
        mixture = Mixture.of(mass / mass.sum(), means, covariances, self.covariance_type)
        return MStep(mixture, repairs(empty, thin))

    def _statistics(
        self, rows: Array, responsibilities: Array, centers: Centers
    ) -> SufficientStatistics:
        features, step = self.family.features(rows.shape[1]), tile_rows(rows.shape[1])
        sums = np.zeros((features.size, self.n_components))
        about_centers = np.zeros((features.size, len(centers.components)))
        for at in range(0, len(rows), step):
            part, weights = rows[at : at + step], responsibilities[at : at + step]
            z = np.empty(part.shape[::-1])
            self.frame.standardize(part, z, z)
            sums += features.all_of(z) @ weights
            centers.add_sums(features, z, weights.T, np.empty_like(z), about_centers)
        sums[:, centers.components] = about_centers
        about = centers.of_all(self.frame, self.n_components)
        return SufficientStatistics(len(rows), 0.0, sums, self.frame, centers=about)

    def of_rows(
        self, rows: Array, chosen: npt.NDArray[np.intp], counts: Array | None = None
    ) -> MStep:
        """Give each component one of the rows (n, D), ``chosen`` (K,), as its mean.

        As in scikit-learn, its covariance is ``reg_covar`` alone, a common covariance is that of
        all rows about zero less the chosen ones, and weights are shares of all rows, which count
        so often (n,): without counts they sum to K / n, until the first M-step. Those of a factored
        family need more rows than one: each component has those that are nearest to its own.
        """
        if self.family.factored:
            nearest = np.eye(len(chosen))[pairwise_distances_argmin(rows, rows[chosen])]
            return self.of_responsibilities(rows, nearest, counts)
        summary = summarize(rows, weights=counts)
        family, means = self.family, rows[chosen]
        covariances = family.estimate_rows(means, summary.scatter_about(np.zeros(rows.shape[1])))
        covariances = family.add_to_diagonal(covariances, np.full(means.shape[1], self.reg_covar))
        floor = VARIANCE_FLOORS["float64"]
        covariances, thin = family.floored(covariances, summary.variance, floor)
        shares = np.full(len(means), 1.0) if counts is None else counts[chosen]
        weights = shares / summary.mass
        mixture = Mixture.of(weights, means - self.frame.shift, covariances, self.covariance_type)
        return MStep(mixture, repairs(np.zeros(len(means), dtype=bool), thin))

    def _spread_out(self, summary: DataSummary) -> Mixture:
        """What a component without rows becomes: the data's mean and variances."""
        n_features = len(summary.mean)
        variance = np.where(summary.variance > 0, summary.variance, 1.0)
        zero: Array = np.zeros(self.family.shape(self.n_components, n_features))
        covariances = self.family.add_to_diagonal(zero, variance)
        means = np.zeros((self.n_components, n_features))
        weights = np.full(self.n_components, 1 / self.n_components)
        return Mixture.of(weights, means, covariances, self.covariance_type)
