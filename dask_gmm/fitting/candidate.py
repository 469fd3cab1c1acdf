"""A candidate: a frozen value that asks a question of rows and is told the answer."""

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Protocol, Union

import numpy as np

from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.clusters import Clustered, ClusterSample
from dask_gmm.fitting.questions import EStep, Question, Rows
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, log_likelihood, m_step
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary

# Squares of these, with room for correlations, are numbers of the precision.
FARTHEST_STARTS: Final = {"float64": 1e100, "float32": 1e12}
FLOAT32_NOISE: Final = 1e-6
SEED_STEP: Final = 1_000_003


class Why(Enum):
    """Why a candidate finished; only one of them means converged."""

    CONVERGED = "converged: an iteration gained less than tol"
    MAX_ITER = "stopped: max_iter iterations were made"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One pass of a candidate over all rows.

    Parameters
    ----------
    log_likelihood : float
        Mean per row at the parameters of this pass, in nats.
    precision : str
        Of its products.
    repairs : tuple of str
        What the M-step that led to these parameters had to repair.
    """

    log_likelihood: float
    precision: str
    repairs: tuple[str, ...]


class Asking(Protocol):
    """A candidate that is not finished."""

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        ...

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        ...

    def ask(self) -> Question:
        """Give the question that it needs answered next."""
        ...

    def tell(self, answer: Any) -> Union["Asking", "Finished"]:
        """Give its next self; pure, and never a loop over rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A candidate at its end: parameters in the coordinates of the data, measured there."""

    spec: Spec
    mixture: Mixture
    history: tuple[Evaluation, ...]
    why: Why

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood per row at the mixture, in nats."""
        return self.history[-1].log_likelihood


@dataclass(frozen=True, slots=True, eq=False)
class Initializing:
    """A candidate that waits for the clusters of the sample."""

    spec: Spec
    survey: Survey
    history: tuple[Evaluation, ...] = ()

    def ask(self) -> Question:
        """Ask for clusters; the first restart uses the seed itself, as scikit-learn does."""
        spec = self.spec
        seed = (spec.seed + SEED_STEP * spec.restart) % 2**32
        fold = ClusterSample(spec.n_components, spec.covariance_type, self.survey.frame, seed)
        return Question(Rows.SAMPLE, fold)

    def tell(self, answer: Clustered) -> "Climbing":
        """Start from the M-step of hard assignments."""
        spread = _spread_out(self.spec, answer.summary, self.survey)
        step = m_step(answer.statistics, spread, answer.summary, self.spec.reg_covar)
        return Climbing(self.spec, self.survey, step, (), self.spec.precision)


@dataclass(frozen=True, slots=True, eq=False)
class Climbing:
    """A candidate that makes EM iterations over all rows.

    Parameters
    ----------
    spec : Spec
    survey : Survey
    step : MStep
        Parameters about the frame's shift, not yet measured, and what led to them.
    history : tuple of Evaluation
    precision : str
        Of the next pass; float32 is left for float64 near its noise.
    """

    spec: Spec
    survey: Survey
    step: MStep
    history: tuple[Evaluation, ...]
    precision: str

    def ask(self) -> Question:
        """Ask for the E-step at the current parameters."""
        density = JointDensity.of(self.step.mixture, self.survey.frame, self.precision)
        return Question(Rows.ALL, EStep(density))

    def tell(self, answer: SufficientStatistics) -> "Climbing | Finished":
        """Take the M-step, or finish at the parameters just measured."""
        spec, summary = self.spec, self.survey.summary
        value = log_likelihood(answer, self.step.mixture, summary)
        if not np.isfinite(value):
            raise _not_finite(value, len(self.history))
        history = (*self.history, Evaluation(value, self.precision, self.step.repairs))
        gain = value - self.history[-1].log_likelihood if self.history else np.inf
        precision = self._next_precision(abs(gain))
        if abs(gain) < spec.tol and precision == self.precision:
            return self._finish(history, Why.CONVERGED)
        if len(self.history) == spec.max_iter:
            return self._finish(history, Why.MAX_ITER)
        step = m_step(answer, self.step.mixture, summary, spec.reg_covar, self.precision)
        return replace(self, step=step, history=history, precision=precision)

    def _next_precision(self, change: float) -> str:
        done = change < max(self.spec.tol, FLOAT32_NOISE)
        return "float64" if done else self.precision

    def _finish(self, history: tuple[Evaluation, ...], why: Why) -> Finished:
        mixture = self.step.mixture.moved(self.survey.frame.shift)
        return Finished(self.spec, mixture, history, why)


def candidate(spec: Spec, survey: Survey) -> Initializing | Climbing:
    """Give the first self of a candidate: at given parameters, or before its clusters."""
    if spec.start is None:
        return Initializing(spec, survey)
    centered = spec.start.moved(-survey.frame.shift)
    _refuse_far(centered, survey, spec.precision)
    return Climbing(spec, survey, MStep(centered, ()), (), spec.precision)


def _refuse_far(centered: Mixture, survey: Survey, precision: str) -> None:
    """Refuse a start so far from the rows, or so wide or tight, that its squares overflow."""
    scale = survey.frame.scale
    variances = np.einsum("kdd->kd", centered.full_covariances())
    distances = np.abs(centered.means) * scale
    inverses = 1 / (np.sqrt(variances) * scale)
    with np.errstate(over="ignore"):
        worst = np.maximum(distances, 1.0) * np.maximum(inverses, 1 / inverses)
    if not worst.max() < FARTHEST_STARTS[precision]:
        other = ", or the precision float64" if precision == "float32" else ""
        k, j = np.unravel_index(np.argmax(worst), worst.shape)
        raise InputError(
            f"Wanted a start near the rows, found one whose component {k} in column {j} is "
            f"{distances[k, j]:.3g} of their standard deviations from their mean, and "
            f"{1 / inverses[k, j]:.3g} of them wide: too much for the squares of {precision}. "
            f"Give another start{other}."
        )


def _spread_out(spec: Spec, summary: DataSummary, survey: Survey) -> Mixture:
    """What a cluster without rows becomes: the data's mean and variances."""
    n_features = len(summary.mean)
    family = family_of(spec.covariance_type)
    variance = np.where(summary.variance > 0, summary.variance, 1.0)
    zero: Array = np.zeros(family.shape(spec.n_components, n_features))
    covariances = family.add_to_diagonal(zero, variance)
    means = np.zeros((spec.n_components, n_features))
    weights = np.full(spec.n_components, 1 / spec.n_components)
    return Mixture.of(weights, means, covariances, spec.covariance_type)


def _not_finite(value: float, passes: int) -> DataError:
    return DataError(
        f"Wanted a finite log-likelihood, found {value} in pass {passes + 1} of EM, though all "
        "rows were finite in the first. Check whether the rows changed during the run, and "
        "whether their values are so far apart that their squares overflow."
    )
