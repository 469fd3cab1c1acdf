"""When a fit has to end, whether it has converged or not."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from dask_gmm.fitting.members import Why


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fit may cost; looked at between passes, so that no model depends on a clock within.

    Parameters
    ----------
    max_passes : int, optional
        Largest number of readings of all rows, the survey included, at least 2.
    max_seconds : float, optional
        After so many seconds no other pass over all rows is begun.
    deadline : datetime, optional
        After this time, which has a zone, no other pass over all rows is begun.
    drop_hopeless_by : {"bic", "aic", "icl"}, optional
        Criterion by which candidates are ended that cannot become the best; see `without_hopeless`.
    """

    max_passes: int | None = None
    max_seconds: float | None = None
    deadline: datetime | None = None
    drop_hopeless_by: str | None = None

    def reached(self, passes: int, seconds: float, now: datetime) -> Why | None:
        """Say which limit does not leave room for another pass, if any."""
        if self.max_passes is not None and passes >= self.max_passes:
            return Why.MAX_PASSES
        if self.max_seconds is not None and seconds >= self.max_seconds:
            return Why.MAX_SECONDS
        if self.deadline is not None and now >= self.deadline:
            return Why.DEADLINE
        return None


NO_LIMITS: Final = Limits()
