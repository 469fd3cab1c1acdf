"""Directions of negative curvature, by which saddles are left where nothing else leads away.

Where all is symmetric, as at two components that are the same, no gradient leads out of a saddle,
and no ascent ends elsewhere. The curvature shows it: directions in which it is least are found from
a few gradients on a sample, of which no product is known before.
"""

from dataclasses import dataclass, replace
from typing import Final

from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.newton import Solving
from dask_gmm.fitting.questions import EStep, Question
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.trial import BOLDEST, Trial
from dask_gmm.mixture.coordinates import (
    boldest_move,
    gradient,
    metric_norm,
    precondition,
    random_gradient,
)
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.krylov import Bend, Krylov, Metric
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.passes.seeds import generator

MOST_PRODUCTS: Final = 12
# With few rows, of which each costs less.
MOST_OF_FEW: Final = 40
# What a curvature, in units of the metric, must be below: products of differences are not exact.
NEGATIVE: Final = -1e-3
# The chance at most that a negative curvature is overlooked where fewer products are made.
OVERLOOKED: Final = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Probing:
    """A candidate that looks for the directions of least curvature on the sample that it ended.

    Parameters
    ----------
    home : Ascended
    krylov : Krylov
    slope : ndarray of shape (n,), optional
        The gradient at home; None before it is known in float64.
    """

    home: Ascended
    krylov: Krylov
    slope: Array | None

    @classmethod
    def of(cls, home: Ascended) -> "Probing":
        """Begin with a direction at random, a function of the seed."""
        mixture = home.base.step.mixture
        drawn = random_gradient(mixture, generator(home.spec.seed, "directions of curvature"))
        known = home.spec.precision == "float64" and not home.at.on_all_rows
        krylov = Krylov.begin(drawn, _metric(mixture))
        return cls(home, krylov, home.base.gradient if known else None)

    @staticmethod
    def sample_of(home: Ascended) -> Level:
        """Give the rows that show the curvature: those that it ended, in this process."""
        at = home.at
        return at.survey.loose if at.on_all_rows else at.survey.levels[at.level]

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.home.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        return self.home.history

    @property
    def racing(self) -> bool:
        """False: its race is over."""
        return False

    def ask(self) -> Question:
        """Ask for the E-step near home."""
        question = EStep.at(self._near()[0], self.home.at.survey.frame, "float64")
        return Question(Probing.sample_of(self.home).rows, question)

    def tell(self, answer: SufficientStatistics) -> "tuple[Probing | Following | Ascended]":
        """Take in a gradient; follow a direction of negative curvature, or go back home."""
        summary, (mixture, share) = Probing.sample_of(self.home).summary, self._near()
        prior = prior_of(self.spec, self.home.at.survey, summary)
        slope = gradient(answer, mixture, summary, prior)
        if self.slope is None:
            return (replace(self, slope=slope),)
        metric = _metric(self.home.base.step.mixture)
        krylov = self.krylov.grown((self.slope - slope) / share, metric)
        if not self._knows_enough(krylov):
            return (replace(self, krylov=krylov),)
        least = krylov.bends()[0]
        return (follow(self.home, least) if least.curvature < NEGATIVE else self.home,)

    def _near(self) -> tuple[Mixture, float]:
        base = self.home.base
        if self.slope is None:
            return base.step.mixture, 1.0
        return base.near(self.krylov.directions[-1])

    def _knows_enough(self, krylov: Krylov) -> bool:
        most = MOST_OF_FEW if self.home.at.on_all_rows else MOST_PRODUCTS
        if krylov.exhausted or len(krylov.changes) == most:
            return True
        n_directions = self.home.base.step.mixture.n_parameters
        return krylov.chance_below(0.0, n_directions) < OVERLOOKED


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """A candidate that climbs from both sides of a saddle, one after the other.

    Parameters
    ----------
    home : Ascended
        The saddle.
    curvature : float
        Of the direction that is followed, in units of the metric.
    path : Ascending or Solving
        What asks in its place.
    found : Ascended
        The best so far.
    other : MStep, optional
        Where the other side begins, if that is still to be climbed.
    """

    home: Ascended
    curvature: float
    path: Ascending | Solving
    found: Ascended
    other: MStep | None

    @property
    def spec(self) -> Spec:
        """What it is asked to be."""
        return self.home.spec

    @property
    def history(self) -> tuple[Evaluation, ...]:
        """Its passes over all rows so far."""
        return self.home.history

    @property
    def racing(self) -> bool:
        """False: its race is over."""
        return False

    def ask(self) -> Question:
        """Ask what the path asks."""
        return self.path.ask()

    def tell(self, answer: SufficientStatistics) -> "tuple[Following | Ascended]":
        """Climb on; at the end of both sides, give the better one, or home if neither is."""
        (told,) = self.path.tell(answer)
        if isinstance(told, Ascending | Solving):
            return (replace(self, path=told),)
        assert isinstance(told, Ascended)  # nothing else follows
        found = told if told.value > self.found.value else self.found
        if self.other is None:
            return (found,)
        return (replace(self, path=_from(self.home, self.other), found=found, other=None),)


def follow(home: Ascended, bend: Bend) -> Following:
    """Climb from both sides of home along a direction, as far off as a trial may go."""
    base, precision = home.base, home.spec.precision
    step = bend.step * (BOLDEST / boldest_move(base.step.mixture, bend.step))
    one, other = (Trial.along(base, each, precision).step for each in (step, -step))
    return Following(home, bend.curvature, _from(home, one), home, other)


def _from(home: Ascended, step: MStep) -> Ascending:
    at = home.at
    return Ascending(home.spec, at.survey, at.level, step, strict=at.strict)


def _metric(mixture: Mixture) -> Metric:
    return Metric(
        lambda slope: precondition(mixture, slope), lambda step: metric_norm(mixture, step)
    )
