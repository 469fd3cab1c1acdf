"""A start from k-means++ and Lloyd's iterations on the sample."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from dask_gmm.data.source import Block
from dask_gmm.fitting.sample import sample_size
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Tile, tile_rows


@dataclass(frozen=True, slots=True, eq=False)
class Clustered:
    """Sufficient statistics of rows each wholly in one cluster, and the summary of these rows."""

    statistics: SufficientStatistics
    summary: DataSummary

    def __add__(self, other: "Clustered") -> "Clustered":
        raise ValueError("clusters of different rows do not add: a sample is a single leaf")


@dataclass(frozen=True, slots=True, eq=False)
class ClusterSample:
    """Asks for the clusters of the sample: scikit-learn's KMeans (Arthur and Vassilvitskii 2007).

    Parameters
    ----------
    n_components : int
    covariance_type : str
        Name of the family whose sums are wanted.
    frame : Frame
    seed : int
        Of the seeding.
    """

    n_components: int
    covariance_type: str
    frame: Frame
    seed: int

    def begin(self, block: Block) -> "_ClusterMeter":
        """Start on the sample."""
        return _ClusterMeter(self, block)

    def tile_bytes(self, n_features: int) -> int:
        """Project the copies of the sample that Lloyd works on, and the features of a tile."""
        rows, size = (
            tile_rows(n_features),
            family_of(self.covariance_type).features(n_features).size,
        )
        sample = sample_size(self.n_components, n_features) * (4 * n_features + 8)
        return 8 * (sample + rows * (size + n_features + self.n_components))


class _ClusterMeter:
    def __init__(self, fold: ClusterSample, block: Block) -> None:
        self._fold = fold
        self._rows = np.asarray(block.rows, dtype=np.float64)

    def add(self, tile: Tile) -> None:
        """Wait for the whole sample, which is at hand from the start."""

    def answer(self) -> Clustered:
        fold, rows = self._fold, self._rows
        labels = _labels(rows, fold.n_components, fold.seed)
        features = family_of(fold.covariance_type).features(rows.shape[1])
        step, sums = tile_rows(rows.shape[1]), np.zeros((features.size, fold.n_components))
        for at in range(0, len(rows), step):
            part = rows[at : at + step]
            z = np.empty(part.shape[::-1])
            built = features.all_of(fold.frame.standardize(part, z, z))
            sums += built @ _one_hot(labels[at : at + step], fold.n_components)
        return Clustered(SufficientStatistics(len(rows), 0.0, sums, fold.frame), summarize(rows))


def _labels(rows: Array, n_clusters: int, seed: int) -> npt.NDArray[np.int32]:
    # OpenMP counts threads by thread: the limit is set where k-means runs.
    with threadpool_limits(limits=1, user_api="openmp"), warnings.catch_warnings():
        # Fewer distinct rows than clusters leave clusters empty: the M-step keeps such a one.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = KMeans(n_clusters, n_init=1, random_state=seed).fit(rows).labels_
    return np.asarray(labels)


def _one_hot(labels: npt.NDArray[np.int32], n_clusters: int) -> Array:
    one_hot = np.zeros((len(labels), n_clusters))
    one_hot[np.arange(len(labels)), labels] = 1
    return one_hot
