"""The members of a cohort: what asks, what has finished and why, and what each pass measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias, Union

from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import State
from dask_gmm.mixture.model import Mixture


class Why(Enum):
    """Why a candidate finished; only one of them means converged."""

    CONVERGED = "converged: an iteration gained less than tol"
    MAX_ITER = "stopped: max_iter iterations were made"

    @property
    def converged(self) -> bool:
        """Whether it means that."""
        return self is Why.CONVERGED


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

    def tell(self, answer: Any) -> Sequence[Union["Asking", "Finished"]]:
        """Give what becomes of it, one candidate or several; pure, and never a loop over rows."""
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
    """

    spec: Spec
    mixture: Mixture
    after: Mixture
    history: tuple[Evaluation, ...]
    why: Why
    state: State = None

    @property
    def log_likelihood(self) -> float:
        """Mean log-likelihood per row at the mixture, in nats."""
        return self.history[-1].log_likelihood


Member: TypeAlias = Asking | Finished
