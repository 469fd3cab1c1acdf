"""A start that is given, perhaps yesterday's model: small samples must not spoil it.

An optimum of all rows is none of a sample. On each level the start is climbed from, to see whether
the sample can tell it from where that leads. As long as it cannot, the next level begins at the
start itself; from the first that can, the climb goes on as any other.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.members import Evaluation, Finished
from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.fitting.survey import Survey
from dask_gmm.fitting.topup import Drawing, topped
from dask_gmm.mixture.mstep import MStep

# Statistical errors of a sample, so few of which do not tell a start from the sample's optimum.
UNTOLD: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Warming:
    """A candidate at given parameters that climbs a sample to see whether it is to be left.

    Parameters
    ----------
    start : MStep
        The parameters, about the frame's shift.
    path : Ascending
        What climbs from there.
    value : float, optional
        Of the objective at the start on the level of the path, in nats per row; None before the
        first pass.
    """

    start: MStep
    path: Ascending
    value: float | None = None

    @classmethod
    def begun(cls, spec: Spec, survey: Survey, start: MStep) -> "Warming | Ascending":
        """Begin on the smallest sample, or on all rows where there are no samples."""
        path = Ascending(spec, survey, 0, start)
        return path if path.on_all_rows else cls(start, path)

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.path.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """None: it is on a sample."""
        return ()

    @property
    def racing(self) -> bool:
        """False: a given start races no other."""
        return False

    def ask(self) -> Question:
        """Ask what the path asks."""
        return self.path.ask()

    def tell(self, answer: Any) -> "tuple[Warming | Drawing | Ascending | Ascended | Finished]":
        """Climb on, or leave the level: from the start, if it still stands."""
        (told,) = self.path.tell(answer)
        if isinstance(told, Ascended):
            return (self._left(told),)
        assert isinstance(told, Ascending)  # Newton's step is made on all rows alone
        value = told.base.value if self.value is None and told.base else self.value
        return (replace(self, path=told, value=value),)

    def _left(self, ended: Ascended) -> "Warming | Drawing | Ascending | Ascended | Finished":
        error = statistical_error(self.start.mixture.n_parameters, ended.at.summary.mass)
        value = ended.value if self.value is None else self.value
        if ended.value - value > UNTOLD * error:
            return ended
        at, climbs = ended.at, (*ended.at.climbs, ended.at.climb)
        onward = Ascending(at.spec, at.survey, at.level + 1, self.start, climbs=climbs)
        return topped(onward) if onward.on_all_rows else Warming(self.start, onward)
