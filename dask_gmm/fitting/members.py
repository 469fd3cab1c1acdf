"""The members of a cohort: what asks, what has finished and why, and what each pass measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, TypeAlias, TypeGuard, Union

from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import State
from dask_gmm.mixture.criteria import entropy
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, log_likelihood
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.mixture.variational import Inference


class Why(Enum):
    """Why a candidate finished."""

    CONVERGED = "converged: an iteration gained less than tol"
    LITTLE_LEFT = "converged: what is left to gain is below a tenth of the statistical error"
    ROUNDING = "converged: rounding leaves nothing to gain"
    MAX_ITER = "stopped: max_iter iterations were made"
    MAX_PASSES = "stopped: max_passes readings of all rows were made"
    MAX_SECONDS = "stopped: max_seconds had passed"
    DEADLINE = "stopped: the deadline had passed"
    HOPELESS = "stopped: it could not become the best of the candidates"
    HELD_OUT = "stopped: rows held out were described no better in two iterations"

    @property
    def converged(self) -> bool:
        """Whether it means that."""
        return self in (Why.CONVERGED, Why.LITTLE_LEFT, Why.ROUNDING)


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
    kept : bool
        Whether the parameters were kept; a trial that gained too little was not.
    objective : float, optional
        The log-likelihood and the log prior, per row in nats, which is what the solver ``fast``
        maximizes, and any fit with a prior. That of parameters that are kept never falls. Of a
        Bayesian candidate, the lower bound.
    held_out, held_out_error : float, optional
        Mean log density per row of those that were held out, in nats, and its standard error.
    entropy : float, optional
        Mean per row of the responsibilities, in nats; see `dask_gmm.mixture.criteria.entropy`.
    """

    log_likelihood: float
    precision: str
    repairs: tuple[str, ...]
    kept: bool = True
    objective: float | None = None
    held_out: float | None = None
    held_out_error: float | None = None
    entropy: float | None = None

    @property
    def maximized(self) -> float:
        """What the fit maximizes, in nats per row: the log-likelihood alone where no prior is."""
        return self.log_likelihood if self.objective is None else self.objective

    @classmethod
    def of(
        cls, answer: SufficientStatistics, step: MStep, summary: DataSummary, precision: str
    ) -> "Evaluation":
        """Make one of what a pass over the rows of a summary gave at the parameters of a step."""
        value = log_likelihood(answer, step.mixture, summary)
        left_open = entropy(answer, step.mixture, summary)
        found = cls(value, precision, step.repairs, entropy=left_open)
        if answer.judged is None:
            return found
        judged = answer.judged
        return replace(found, held_out=judged.mean, held_out_error=judged.standard_error)


@dataclass(frozen=True, slots=True)
class Climb:
    """The passes of a candidate on one level.

    Parameters
    ----------
    rows : int
        Of the level.
    passes : int
    rejected : int
        Passes whose parameters were not kept.
    """

    rows: int = 0
    passes: int = 0
    rejected: int = 0


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

    @property
    def racing(self) -> bool:
        """Whether others may still be preferred to it, before it is seen by all rows."""
        ...

    def ask(self) -> Question:
        """Give the question that it needs answered next."""
        ...

    def tell(self, answer: Any) -> Sequence[Union["Asking", "Waiting", "Finished"]]:
        """Give what becomes of it, one candidate or several; pure, and never a loop over rows."""
        ...


class Limited(Protocol):
    """A candidate that can finish before its time."""

    def stopped(self, why: Why) -> "Asking | Finished | None":
        """Finish before the next pass, or after it; None where no pass was over all rows."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """A candidate at its end; parameters are in the coordinates of the data.

    Parameters
    ----------
    spec : Spec
    mixture : Mixture
        The parameters that the last pass measured.
    after : Mixture
        Those of the M-step that the last pass led to, which nothing has measured.
    history : tuple of Evaluation
    why : Why
    state : tuple, optional
        Of the random state, after its start was drawn.
    climbs : tuple of Climb
        Its passes, level by level.
    left : float, optional
        Estimate of what is left to gain, in nats per row.
    notes : tuple of str
        Better optima that were found on the way, and why they were looked for.
    inference : Inference, optional
        Of a Bayesian one: the posterior in whose place the mixture is.
    """

    spec: Spec
    mixture: Mixture
    after: Mixture
    history: tuple[Evaluation, ...]
    why: Why
    state: State = None
    climbs: tuple[Climb, ...] = ()
    left: float | None = None
    notes: tuple[str, ...] = ()
    inference: Inference | None = None

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood per row at the mixture, in nats."""
        return last_kept(self.history).log_likelihood

    @property
    def value(self) -> float:
        """What it is chosen by, in nats per row: the log-likelihood, or what was asked to be more.

        That is the log prior that a user has given, added, or a lower bound.
        """
        last, asked_more = last_kept(self.history), self.spec.prior or self.inference
        return last.log_likelihood if asked_more is None else last.maximized


def best_held_out(history: Sequence[Evaluation]) -> int:
    """Give the number of the pass that describes the rows held out best, of those kept.

    The last one, where none are held out; -1 where there is none.
    """
    kept = (i for i, each in enumerate(history) if each.kept)
    return max(kept, key=lambda i: (history[i].held_out or 0.0, i), default=-1)


def back_to(history: tuple[Evaluation, ...], number: int) -> tuple[Evaluation, ...]:
    """Give the history of a candidate that keeps none of the parameters after a pass."""
    after = (replace(each, kept=False) for each in history[number + 1 :])
    return (*history[: number + 1], *after)


def last_kept(history: Sequence[Evaluation]) -> Evaluation:
    """Give the last pass whose parameters were kept."""
    return next(each for each in reversed(history) if each.kept)


class Waiting(Protocol):
    """A candidate that neither asks nor has finished: it waits for others."""

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        ...

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        ...


Member: TypeAlias = Asking | Waiting | Finished


def is_asking(member: object) -> TypeGuard[Asking]:
    """Whether it asks; `isinstance` of a protocol would take its time."""
    return hasattr(member, "ask")


def is_limited(member: object) -> TypeGuard[Limited]:
    """Whether it is one that can finish before its time."""
    return hasattr(member, "stopped")
