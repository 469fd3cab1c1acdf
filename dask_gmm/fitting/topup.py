"""More rows of components that are rare in the sample, drawn in the first pass over all rows.

The largest sample says how the objective bends; of a component with a few rows in it, it says
little. The first pass over all rows therefore draws rows as well, with a chance in proportion to
their responsibility for such components. They and the sample, each row weighed by one over its
chance, take the place of the sample from then on. All rows are read no more often for it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Block
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.known import prior_of
from dask_gmm.fitting.levels import Level
from dask_gmm.fitting.members import Evaluation, Finished, Why
from dask_gmm.fitting.newton import Newton, Solving
from dask_gmm.fitting.questions import EStep, Question, Rows, Summarize
from dask_gmm.fitting.rare import Drawn
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary
from dask_gmm.passes.fold import Fold, Tile, tile_rows

# Rows of a component in the sample, per column: with fewer it is rare, and so many are drawn.
RARE: Final = 20
ENOUGH: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """The sums of a pass, and the rows that were drawn in it; such answers add."""

    statistics: SufficientStatistics
    drawn: Drawn

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.statistics + other.statistics, self.drawn + other.drawn)


@dataclass(frozen=True, slots=True, eq=False)
class TopUp:
    """Asks for the sums of an E-step, and for rows of some of its components.

    Parameters
    ----------
    e_step : EStep
    seed : int
        Of the uniform sample.
    size : int
        Number of rows at most.
    total : float
        Number of rows of the data, each as often as its weight says.
    factors : ndarray of shape (K,)
        The chance of a row for each share of responsibility of a component.
    uniform : float
        That of a row of the sample, or of one that counts once: rows that are not likelier are not
        drawn.
    """

    e_step: EStep
    seed: int
    size: int
    total: float
    factors: Array
    uniform: float

    def begin(self, block: Block) -> "_TopUpMeter":
        """Start on one block."""
        return _TopUpMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project those of the E-step, what is made of a tile, and an addition of drawn rows."""
        rows = 3 * tile_rows(n_features) + 4 * (self.size + 1)
        return self.e_step.tile_bytes(n_features) + 8 * (n_features + 3) * rows


class _TopUpMeter:
    def __init__(self, fold: TopUp, block: Block) -> None:
        self._fold = fold
        self._e_step = fold.e_step.begin(block)
        weights = None if block.weights is None else block.weights[:0]
        self._drawn = self._taken(np.empty(0, np.int64), block.rows[:0], np.empty(0), weights)

    def add(self, tile: Tile) -> None:
        fold = self._fold
        responsibilities = self._e_step.measured(tile)
        chances = fold.factors.astype(responsibilities.dtype) @ responsibilities
        uniform: float | Array = fold.uniform
        if tile.weights is not None:
            uniform = -np.expm1(-fold.uniform * tile.weights)
        likelier = chances > uniform
        if likelier.any():
            chances = np.where(likelier, np.minimum(chances, 1.0), 0.0)
            self._drawn += self._taken(tile.numbers, tile.rows, chances, tile.weights)

    def _taken(
        self,
        numbers: npt.NDArray[np.int64],
        rows: npt.NDArray[np.floating],
        chances: npt.NDArray[np.floating],
        weights: Array | None,
    ) -> Drawn:
        fold = self._fold
        return Drawn.of(fold.size, fold.total, fold.seed, numbers, rows, chances, weights)

    def answer(self) -> Counted:
        return Counted(self._e_step.answer(), self._drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A candidate in its first pass over all rows, some components of which are rare.

    Parameters
    ----------
    home : Ascending
        What makes the pass.
    """

    home: Ascending

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
        """Ask what the pass asks, and for rows of rare components."""
        asked = self.home.ask()
        assert isinstance(asked.fold, EStep)
        return Question(asked.rows, self._with_rows(asked.fold))

    def _with_rows(self, e_step: EStep) -> Fold:
        home, rare = self.home, rare_components(self.home)
        mixture, sampled, rows = home.step.mixture, _sample(home).summary.rows, home.summary.mass
        # All rare components together get no more rows than the sample has.
        wanted = min(ENOUGH * mixture.n_features, sampled // len(rare))
        factors = np.zeros(mixture.n_components)
        factors[rare] = wanted / (rows * np.maximum(mixture.weights[rare], 1 / sampled))
        size = 2 * wanted * len(rare)
        return TopUp(e_step, self.spec.seed, size, rows, factors, sampled / rows)

    def tell(self, answer: Counted) -> "tuple[Topping | Solving | Ascending | Ascended]":
        """Add what was drawn to the sample, if there is anything, before the sample is asked."""
        (told,) = self.home.tell(answer.statistics)
        if not isinstance(told, Solving) or not len(answer.drawn.ranks):
            return (told,)
        assert isinstance(told.at, Ascending)
        rows = Rows(_sample(self.home).rows.size, drawn=answer.drawn)
        return (Topping(told.at, told.newton, rows),)


@dataclass(frozen=True, slots=True, eq=False)
class Topping:
    """A candidate that has made its first pass over all rows, and adds to its sample.

    Parameters
    ----------
    home : Ascending
        What made the pass.
    newton : Newton
        The search that follows.
    rows : Rows
        The sample, and what was drawn besides.
    """

    home: Ascending
    newton: Newton
    rows: Rows

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
        """False: it has been seen by all rows."""
        return False

    def stopped(self, why: Why) -> Finished | None:
        """Finish before the next pass."""
        return self.home.stopped(why)

    def ask(self) -> Question:
        """Ask for the summary of the rows."""
        return Question(self.rows, Summarize())

    def tell(self, answer: DataSummary) -> tuple[Solving]:
        """Go on with these rows in the place of the sample."""
        home, (*below, sample, last) = self.home, self.home.survey.levels
        level = Level(self.rows, answer.completed(home.survey.summary.correlation))
        note = _note(home, answer.rows - sample.summary.rows)
        survey = replace(home.survey, levels=(*below, level, last))
        there = replace(home, survey=survey, notes=(*home.notes, note))
        prior = prior_of(home.spec, survey, answer)
        return (Solving(there, replace(self.newton, sample=level, prior=prior)),)


def topped(member: Ascending | Finished) -> Drawing | Ascending | Finished:
    """Draw rows of rare components in the first pass over all rows, if there are any.

    What is drawn knows no labels: where there are some, nothing is.
    """
    if isinstance(member, Finished) or member.spec.n_labels or not _climbed_samples(member):
        return member
    return Drawing(member) if len(rare_components(member)) else member


def rare_components(member: Ascending) -> npt.NDArray[np.intp]:
    """Give the components of which there are few rows in the largest sample."""
    mixture = member.step.mixture
    few = mixture.weights * _sample(member).summary.mass < RARE * mixture.n_features
    return np.flatnonzero(few)


def _climbed_samples(member: Ascending) -> bool:
    return member.on_all_rows and member.level > 0 and member.base is None


def _sample(member: Ascending) -> Level:
    return member.survey.levels[-2]


def _note(home: Ascending, more: int) -> str:
    sampled, weights = _sample(home).summary.rows, home.step.mixture.weights
    each = (f"component {k} had {sampled * weights[k]:,.0f}" for k in rare_components(home))
    return f"{', '.join(each)} of {sampled:,} sampled rows: {more:,} more drawn"
