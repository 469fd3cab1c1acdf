"""What becomes of components that explain nothing: set on rows that nothing explains, or dropped.

A component that has less than one row, or is the same as another, is free to explain others: it is
set on a group of those rows of a level that the mixture explains worst.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from dask_gmm.fitting.ascent import EMPTY, Ascended, Ascending
from dask_gmm.fitting.faults import Faults
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.questions import Question
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.spec import DROP, RESEED, Spec
from dask_gmm.fitting.trial import Reached
from dask_gmm.fitting.worst import WorstRows
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep

# How many of the worst rows are taken for each column and each component that is free, and the
# share of all rows that these may be.
ROWS_PER_COLUMN: Final = 20
LARGEST_SHARE: Final = 0.1
# What all groups on which components are set may weigh together, as a share of all rows.
LARGEST_WEIGHT: Final = 0.5
# Groups that are made of them for each such component: an outlier is a group of its own, and what
# was overlooked is a large one.
GROUPS: Final = 4
ROUNDS: Final = 5


@dataclass(frozen=True, slots=True, eq=False)
class Reseeding:
    """A candidate that sets its spare components on the worst-explained rows of a level it ended.

    Parameters
    ----------
    home : Ascended
        What has some.
    """

    home: Ascended

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
        """Ask for the worst-explained rows of the level."""
        at, mixture = self.home.at, self.home.base.step.mixture
        free = len(Faults.of(mixture, at.summary.mass).spare)
        share = int(LARGEST_SHARE * at.summary.rows)
        size = max(min(ROWS_PER_COLUMN * mixture.n_features * free, share), free)
        fold = WorstRows.under(mixture, at.survey.frame, size)
        return Question(at.survey.levels[at.level].rows, fold)

    def tell(self, answer: Sample) -> tuple[Ascending]:
        """Climb the level anew."""
        at, frame = self.home.at, self.home.at.survey.frame
        worst = np.asarray(answer.rows, dtype=np.float64) - frame.shift
        mixture, mass = self.home.base.step.mixture, at.summary.mass
        start = without_faults(mixture, mass, worst, frame.scale, answer.weights)
        return (Ascending(self.spec, at.survey, at.level, MStep(start, ())),)


def reseeding(home: Ascended) -> Reseeding | None:
    """Give what sets spare components elsewhere, if there are any and that is asked for."""
    if home.spec.repair != RESEED:
        return None
    faults = Faults.of(home.base.step.mixture, home.at.summary.mass)
    return Reseeding(home) if faults.spare else None


def dropped(ended: Ascended) -> Ascending | None:
    """Give what measures all rows without spare components, if there are any and that is asked for.

    Nothing is dropped on a sample, of which a component that is rare may have no row.
    """
    at, mixture = ended.at, ended.base.step.mixture
    if ended.spec.repair != DROP or at.level < len(at.survey.levels) - 1:
        return None
    faults = Faults.of(mixture, at.summary.mass)
    if not faults.spare:
        return None
    step = MStep(_without(mixture, faults), tuple(f"{each}: dropped" for each in faults.texts))
    return replace(
        at, step=step, reached=Reached.START, base=None, needed=-np.inf, memory=EMPTY, quiet=0
    )


def _without(mixture: Mixture, faults: Faults) -> Mixture:
    """Give the mixture of all components but the spare ones."""
    kept = np.delete(np.arange(mixture.n_components), faults.spare)
    weights = faults.weights_without(mixture, faults.spare)[kept]
    covariances = mixture.covariances if mixture.family.shared else mixture.covariances[kept]
    means, kind = mixture.means[kept], mixture.covariance_type
    return Mixture.of(weights / weights.sum(), means, covariances, kind)


def without_faults(
    mixture: Mixture, rows: float, worst: Array, scale: Array, counts: Array | None = None
) -> Mixture:
    """Give a mixture whose spare components are set on groups of the worst-explained rows.

    Each has the mean of a group, as much weight as its rows, at least one more than columns, and
    its covariance, towards the mean one of the mixture as if so many more rows had that. Where the
    rows are of fewer groups, the other components stay as they are; together the groups get no more
    than half of the weight.

    Parameters
    ----------
    mixture : Mixture
    rows : float
        Of the level, each as often as its weight says.
    worst : ndarray of shape (n, D)
        In the coordinates of the mixture, the worst of them first.
    scale : ndarray of shape (D,)
        Rows are grouped in units of one over these.
    counts : ndarray of shape (n,), optional
        How often each of the worst counts; without them, once.
    """
    faults = Faults.of(mixture, rows)
    counts = np.ones(len(worst)) if counts is None else counts
    groups = [(worst[at], counts[at]) for at in _groups(worst * scale, len(faults.spare))]
    moved = faults.spare[: len(groups)]
    weights, means = faults.weights_without(mixture, moved), mixture.means.copy()
    taken = _taken([float(mass.sum()) for _, mass in groups], mixture.n_features + 1, rows)
    weights *= (1 - taken.sum()) / weights.sum()
    covariances, within = mixture.covariances.copy(), _within(mixture)
    for k, (group, mass), weight in zip(moved, groups, taken, strict=True):
        weights[k], means[k] = weight, np.average(group, axis=0, weights=mass)
        if not mixture.family.shared:
            covariances[k] = _about(group - means[k], mass, mixture, within)
    return Mixture.of(weights, means, covariances, mixture.covariance_type)


def _taken(masses: Sequence[float], least: int, rows: float) -> Array:
    """Give the weights of groups of so many rows each, of all of them."""
    taken = np.maximum(masses, least) / rows
    return np.asarray(taken * min(1.0, LARGEST_WEIGHT / taken.sum()))


def _within(mixture: Mixture) -> Array:
    """The mean covariance, in the shape of one."""
    if mixture.family.shared:
        return mixture.covariances
    return np.tensordot(mixture.weights, mixture.covariances, axes=1)


def _about(apart: Array, counts: Array, mixture: Mixture, within: Array) -> Array:
    """The covariance of some rows (n, D) about 0, and ``within`` as that of one more than columns.

    Rows count so often (n,); it is as the family sees it.
    """
    more = apart.shape[1] + 1
    own = np.einsum("n,n...->...", counts, mixture.family.spread(apart, counts))
    return np.asarray((own + more * within) / (counts.sum() + more))


def _groups(points: Array, wanted: int) -> list[npt.NDArray[np.intp]]:
    """Give the largest of groups of near points (n, D), as many as are wanted or there are."""
    centers = _far_apart(points, GROUPS * wanted)
    labels = np.zeros(len(points), np.intp)
    for _ in range(ROUNDS):
        labels = cdist(points, centers, "sqeuclidean").argmin(axis=1)
        centers = np.stack(
            [points[labels == g].mean(axis=0) if g in labels else c for g, c in enumerate(centers)]
        )
    groups = [np.flatnonzero(labels == g) for g in np.unique(labels)]
    return sorted(groups, key=len, reverse=True)[:wanted]


def _far_apart(points: Array, wanted: int) -> Array:
    """Give the first point, then the one that is farthest from those given, and so on."""
    chosen, distances = [0], np.full(len(points), np.inf)
    while len(chosen) < wanted:
        to_last = cdist(points, points[chosen[-1:]], "sqeuclidean")[:, 0]
        distances = np.minimum(distances, to_last)
        if not distances.max() > 0:
            break
        chosen.append(int(distances.argmax()))
    return points[chosen]
