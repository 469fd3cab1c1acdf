"""What a fit gives."""

from dataclasses import dataclass

from dask_gmm.fitting.members import Evaluation, Finished
from dask_gmm.mixture.criteria import aic, bic
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture


@dataclass(frozen=True, slots=True, eq=False)
class FittedMixture:
    """A mixture, how it came about, and how good it is.

    Parameters
    ----------
    mixture : Mixture
    history : tuple of Evaluation
        One per pass of EM over all rows; the last was made at ``mixture``.
    converged : bool
    reason : str
        Why it stopped.
    rows : int
        Number of rows it was fitted to.
    """

    mixture: Mixture
    history: tuple[Evaluation, ...]
    converged: bool
    reason: str
    rows: int

    @classmethod
    def of(cls, finished: Finished, rows: int) -> "FittedMixture":
        """Take what a candidate ended with."""
        why = finished.why
        return cls(finished.mixture, finished.history, why.converged, why.value, rows)

    @property
    def weights(self) -> Array:
        """Weights of the components (K,)."""
        return self.mixture.weights

    @property
    def means(self) -> Array:
        """Means (K, D)."""
        return self.mixture.means

    @property
    def covariances(self) -> Array:
        """Covariances, in the shape of their family."""
        return self.mixture.covariances

    @property
    def precisions(self) -> Array:
        """Inverses of the covariances, in their shape."""
        return self.mixture.precisions

    @property
    def log_likelihoods(self) -> tuple[float, ...]:
        """Mean log-likelihood per row in nats: at the start, and after each iteration."""
        return tuple(each.log_likelihood for each in self.history)

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood per row at the mixture, in nats."""
        return self.history[-1].log_likelihood

    @property
    def n_iter(self) -> int:
        """Number of EM iterations that led to the mixture."""
        return len(self.history) - 1

    @property
    def repairs(self) -> tuple[tuple[int, str], ...]:
        """What had to be repaired, each with the number of its iteration."""
        return tuple((i, text) for i, each in enumerate(self.history) for text in each.repairs)

    @property
    def aic(self) -> float:
        """Akaike's criterion on the rows of the fit; smaller is better."""
        return aic(self.log_likelihood, self.rows, self.mixture.n_parameters)

    @property
    def bic(self) -> float:
        """Schwarz's criterion on the rows of the fit; smaller is better."""
        return bic(self.log_likelihood, self.rows, self.mixture.n_parameters)
