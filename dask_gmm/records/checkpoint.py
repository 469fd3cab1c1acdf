"""A fit between two passes: all that it needs to go on."""

from dataclasses import dataclass
from typing import Any

from dask_gmm.data.source import Layout
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.passes.cost import Cost


@dataclass(frozen=True, slots=True)
class PassRecord:
    """One pass, as the history keeps it.

    Parameters
    ----------
    number : int
        From 1; passes over the sample are not counted.
    name : str
    seconds : float
    rows_per_second : float
    log_likelihoods : tuple of float
        Of each candidate after the pass, mean per row in nats; none before the first E-step.
    change : float, optional
        Of the best of them since the pass before that had any.
    cost : Cost
    objectives : tuple of float
        Of those that maximize more than the log-likelihood, that and the log prior, per row.
    """

    number: int
    name: str
    seconds: float
    rows_per_second: float
    log_likelihoods: tuple[float, ...]
    change: float | None
    cost: Cost
    objectives: tuple[float, ...] = ()

    @property
    def best(self) -> float | None:
        """The largest of the log-likelihoods."""
        return max(self.log_likelihoods, default=None)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "pass": self.number,
            "name": self.name,
            "seconds": round(self.seconds, 6),
            "rows_per_second": round(self.rows_per_second),
            "log_likelihood": self.best,
            "change": self.change,
            "log_likelihoods": list(self.log_likelihoods),
            "objective": max(self.objectives, default=None),
            **self.cost.to_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A fit after one of its passes, the survey or a later one, over all rows or over the sample.

    Parameters
    ----------
    survey : SurveyAnswer
        The same after every pass.
    members : tuple of members
        The cohort, as the last pass has left it.
    passes : tuple of PassRecord
        Those over all rows so far.
    layout : Layout
        The leaves of the rows, on which the bytes of every sum depend.
    """

    survey: SurveyAnswer
    members: tuple[Member, ...]
    passes: tuple[PassRecord, ...]
    layout: Layout
