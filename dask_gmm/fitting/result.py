"""What a fit gives."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dask_gmm.fitting.members import Climb, Evaluation, Finished, Member, last_kept
from dask_gmm.fitting.quantiles import DensityQuantiles
from dask_gmm.fitting.race import Lost
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.mixture.criteria import aic, bic, icl
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.variational import Inference


@dataclass(frozen=True, slots=True)
class Dropped:
    """A candidate that another was preferred to.

    Parameters
    ----------
    origin : str
        Where it began: how its start was drawn, or components of others.
    restart : int
        Its number among the starts that were drawn so.
    rows : int
        Of the level at whose end it was dropped.
    value : float
        Of the objective there, in nats per row.
    below : float
        How much better the other was there, in statistical errors of these rows.
    """

    origin: str
    restart: int
    rows: int
    value: float
    below: float


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
    climbs : tuple of Climb
        Passes of the solver ``fast``, level by level; the last level is all rows.
    left : float, optional
        Estimate of what was left to gain at the end, in nats per row; by the solver ``fast``.
    notes : tuple of str
        Better optima that the solver ``fast`` found on the sample, and why it looked for them.
    dropped : tuple of Dropped
        The other candidates, and how far below they were.
    quantiles : DensityQuantiles, optional
        Of the log densities of a sample of these rows, where that was looked at.
    mass : float, optional
        Sum of the weights of these rows, where that is not their number.
    rows_read : int, optional
        Of a model that an incremental step led to, the number of rows that it read: the
        log-likelihoods are theirs, before the step and after it, or NaN if there are none.
    inference : Inference, optional
        Of a Bayesian fit: the posterior in whose place the mixture is.
    n_fixed : int
        Number of parameters that were fixed.
    """

    mixture: Mixture
    history: tuple[Evaluation, ...]
    converged: bool
    reason: str
    rows: int
    climbs: tuple[Climb, ...] = ()
    left: float | None = None
    notes: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    quantiles: DensityQuantiles | None = None
    rows_read: int | None = None
    inference: Inference | None = None
    n_fixed: int = 0
    mass: float | None = None

    @classmethod
    def of(
        cls, finished: Finished, summary: DataSummary, dropped: tuple[Dropped, ...] = ()
    ) -> "FittedMixture":
        """Take what a candidate ended with on the rows of a summary, and which were dropped."""
        why, rows = finished.why, summary.rows
        return cls(
            finished.mixture,
            finished.history,
            why.converged,
            why.value,
            rows,
            finished.climbs,
            finished.left,
            finished.notes,
            dropped,
            inference=finished.inference,
            n_fixed=finished.spec.fixed.n_parameters(finished.mixture),
            mass=None if summary.mass == rows else summary.mass,
        )

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
    def counted(self) -> float:
        """Number of rows, each as often as its weight says."""
        return self.rows if self.mass is None else self.mass

    @property
    def incremental(self) -> bool:
        """Whether an incremental step led to it, whose log-likelihood is of some rows alone."""
        return self.rows_read is not None

    @property
    def log_likelihoods(self) -> tuple[float, ...]:
        """Mean log-likelihood per row in nats: at the start, and after each iteration."""
        return tuple(each.log_likelihood for each in self.history)

    @property
    def rejected(self) -> int:
        """Number of passes over all rows whose parameters were not kept."""
        return sum(not each.kept for each in self.history)

    @property
    def last(self) -> Evaluation:
        """The pass at the mixture."""
        return last_kept(self.history)

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood per row at the mixture, in nats."""
        return self.last.log_likelihood

    @property
    def objective(self) -> float | None:
        """What was maximized at the mixture, in nats per row: log-likelihood and log prior.

        The log prior is up to a constant. Of a Bayesian fit it is the lower bound of the log
        evidence. None where the log-likelihood alone was maximized.
        """
        return self.last.objective

    @property
    def n_parameters(self) -> int:
        """Number of parameters that were free."""
        return self.mixture.n_parameters - self.n_fixed

    @property
    def statistical_error(self) -> float:
        """What the fit gains over the true parameters by chance, on average, in nats per row."""
        return statistical_error(self.n_parameters, self.counted)

    @property
    def n_iter(self) -> int:
        """Number of EM iterations that led to the mixture."""
        return len(self.history) - 1

    @property
    def repairs(self) -> tuple[tuple[int, str], ...]:
        """What had to be repaired, each with its iteration; components as numbered in the fit."""
        return tuple((i, text) for i, each in enumerate(self.history) for text in each.repairs)

    @property
    def aic(self) -> float:
        """Akaike's criterion on the rows of the fit; smaller is better; NaN if incremental."""
        return (
            np.nan
            if self.incremental
            else aic(self.log_likelihood, self.counted, self.n_parameters)
        )

    @property
    def bic(self) -> float:
        """Schwarz's criterion on the rows of the fit; smaller is better; NaN if incremental."""
        return (
            np.nan
            if self.incremental
            else bic(self.log_likelihood, self.counted, self.n_parameters)
        )

    @property
    def icl(self) -> float | None:
        """The integrated completed likelihood on the rows of the fit; smaller is better.

        None for a model that was read from a file, and where rounding of the sums leaves nothing of
        the entropy.
        """
        last, n_parameters = self.last, self.n_parameters
        if last.entropy is None:
            return None
        return icl(last.log_likelihood, last.entropy, self.counted, n_parameters)


def dropped_of(
    members: Sequence[Member], chosen: Finished, summary: DataSummary
) -> tuple[Dropped, ...]:
    """Give the record of all candidates but the one that was chosen on the rows of a summary."""
    return tuple(_dropped(members, chosen, summary))


def _dropped(
    members: Sequence[Member], chosen: Finished, summary: DataSummary
) -> Iterator[Dropped]:
    for each in members:
        spec = each.spec
        if isinstance(each, Lost):
            yield Dropped(each.origin, spec.restart, each.rows, each.value, each.below)
        elif isinstance(each, Finished) and each is not chosen:
            fitted = FittedMixture.of(each, summary)
            below = (chosen.value - each.value) / fitted.statistical_error
            yield Dropped(spec.init, spec.restart, summary.rows, each.value, below)
