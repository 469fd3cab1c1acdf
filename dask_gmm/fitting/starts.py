"""Starts that are drawn from the sample, as scikit-learn draws them."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.random import RandomState
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dask_gmm.data.source import Block
from dask_gmm.fitting.first_step import FirstStep
from dask_gmm.fitting.labeled import StartRows
from dask_gmm.fitting.sample import sample_size
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.fold import Tile, tile_rows

STANDARDIZED: Final = "standardized kmeans"
# What `RandomState.get_state` gives; never changed.
State: TypeAlias = Any


def seeded(seed: int) -> State:
    """Give the state of a `numpy.random.RandomState` that has just been seeded."""
    return RandomState(seed % 2**32).get_state()


def seed_of(state: State) -> int:
    """Give a seed that is a function of the state, which stays as it is."""
    copied = RandomState()
    copied.set_state(state)
    return int(copied.randint(2**31))


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Starts drawn one after another from one random state.

    Parameters
    ----------
    state : tuple
        Of a `numpy.random.RandomState`, before the first.
    count : int
        How many.
    """

    state: State
    count: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStart:
    """One start, and the random state after it was drawn."""

    step: MStep
    state: State


@dataclass(frozen=True, slots=True, eq=False)
class DrawnStarts:
    """The starts, in the order in which they were drawn."""

    starts: tuple[DrawnStart, ...]

    def __add__(self, other: "DrawnStarts") -> "DrawnStarts":
        raise ValueError("starts of different rows do not add: a sample is a single leaf")


@dataclass(frozen=True, slots=True, eq=False)
class DrawStarts:
    """Asks for starts on the sample.

    Parameters
    ----------
    init : str
        Which kind of start, a key of `KINDS`.
    first_step : FirstStep
        What is made of each.
    draws : Draws
    centers : ndarray of shape (L, D), optional
        See `StartRows`.
    """

    init: str
    first_step: FirstStep
    draws: Draws
    centers: Array | None = None

    def begin(self, block: Block) -> "_StartMeter":
        """Start on the sample."""
        return _StartMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project the sample's copies and responsibilities, and the features of a tile."""
        rows, n_components = tile_rows(n_features), self.first_step.n_components
        family = self.first_step.family
        size, columns = family.features(n_features).size, family.start_columns(n_features)
        copies = sample_size(n_components, columns) * (4 * n_features + 3 * n_components + 8)
        numbers = (n_features + 1) * (1 + min(n_features, 2 * columns))
        mixtures = self.draws.count * n_components * numbers
        return 8 * (copies + mixtures + rows * (size + n_features))


class _StartMeter:
    def __init__(self, fold: DrawStarts, block: Block) -> None:
        self._fold = fold
        rows = np.asarray(block.rows, dtype=np.float64)
        self._given = StartRows(rows, block.weights, block.labels, fold.centers)

    def add(self, tile: Tile) -> None:
        """Wait for the whole sample, which is at hand from the start."""

    def answer(self) -> DrawnStarts:
        random_state = RandomState()
        random_state.set_state(self._fold.draws.state)
        kind, first_step = KINDS[self._fold.init], self._fold.first_step
        starts = []
        for _ in range(self._fold.draws.count):
            step = kind(self._given, first_step, random_state)
            starts.append(DrawnStart(step, random_state.get_state()))
        return DrawnStarts(tuple(starts))


def _clusters(given: StartRows, first_step: FirstStep, random_state: RandomState) -> MStep:
    """Each row is wholly in its cluster of k-means (Arthur and Vassilvitskii 2007)."""
    return _of_clusters(_labels(given, first_step.n_components, random_state), given, first_step)


def _standardized_clusters(
    given: StartRows, first_step: FirstStep, random_state: RandomState
) -> MStep:
    """The same, of rows whose columns vary alike."""
    frame = first_step.frame
    z = given.about(frame.shift, frame.scale)
    return _of_clusters(_labels(z, first_step.n_components, random_state), given, first_step)


def _of_clusters(labels: npt.NDArray[np.int32], given: StartRows, first_step: FirstStep) -> MStep:
    one_hot = given.responsibilities(_one_hot(labels, first_step.n_components))
    return first_step.of_responsibilities(given.rows, one_hot, given.weights)


def _labels(
    given: StartRows, n_components: int, random_state: RandomState
) -> npt.NDArray[np.int32]:
    rows, weights = given.rows, given.weights
    # OpenMP counts threads by thread: the limit is set where k-means runs.
    with threadpool_limits(limits=1, user_api="openmp"), warnings.catch_warnings():
        # Fewer distinct rows than clusters leave clusters empty: the M-step keeps such a one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(n_components, n_init=1, random_state=random_state)
        found.fit(rows, sample_weight=weights)
        if len(given.known):
            seeds = given.seeds(found.cluster_centers_)
            found = KMeans(n_components, init=seeds, n_init=1).fit(rows, sample_weight=weights)
    return np.asarray(found.labels_)


def _one_hot(labels: npt.NDArray[np.int32], n_components: int) -> Array:
    one_hot = np.zeros((len(labels), n_components))
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot


def _random(given: StartRows, first_step: FirstStep, random_state: RandomState) -> MStep:
    """Each row has responsibilities drawn at random."""
    drawn = random_state.uniform(size=(len(given.rows), first_step.n_components))
    drawn /= drawn.sum(axis=1, keepdims=True)
    responsibilities = given.responsibilities(drawn)
    return first_step.of_responsibilities(given.rows, responsibilities, given.weights)


def _random_rows(given: StartRows, first_step: FirstStep, random_state: RandomState) -> MStep:
    """Each component is one row, drawn at random, by weight."""
    weights, size = given.weights, first_step.n_components
    chances = None if weights is None else weights / weights.sum()
    chosen = random_state.choice(len(given.rows), size=size, replace=False, p=chances)
    return _of_rows(chosen, given, first_step)


def _spread_rows(given: StartRows, first_step: FirstStep, random_state: RandomState) -> MStep:
    """Each component is one row, drawn far from those before it: the seeding of k-means."""
    weights, size = given.weights, first_step.n_components
    with threadpool_limits(limits=1, user_api="openmp"):
        _, chosen = kmeans_plusplus(
            given.rows, size, sample_weight=weights, random_state=random_state
        )
    return _of_rows(chosen, given, first_step)


def _of_rows(chosen: npt.NDArray[np.intp], given: StartRows, first_step: FirstStep) -> MStep:
    if len(given.known):
        chosen = chosen[given.places(given.rows[chosen])]
    step = first_step.of_rows(given.rows, chosen, given.weights)
    return given.moved(step, first_step.frame.shift)


Kind: TypeAlias = Callable[[StartRows, FirstStep, RandomState], MStep]
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "kmeans": _clusters,
        STANDARDIZED: _standardized_clusters,
        "k-means++": _spread_rows,
        "random": _random,
        "random_from_data": _random_rows,
    }
)
