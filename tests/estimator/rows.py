"""Rows that estimators are compared on."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import sklearn.mixture
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine

from dask_gmm import GaussianMixture

Array = npt.NDArray[np.float64]

FAMILIES: Final = ("full", "tied", "diag", "spherical")


def groups(rows: int = 1200, columns: int = 3, seed: int = 0) -> Array:
    """Rows of three groups that overlap a little."""
    random = np.random.default_rng(seed)
    centers = 4 * random.standard_normal((3, columns))
    shapes = random.standard_normal((3, columns, columns)) / 2 + np.eye(columns)
    labels = random.integers(0, 3, rows)
    noise = random.standard_normal((rows, columns))
    return np.asarray(centers[labels] + np.einsum("nd,nde->ne", noise, shapes[labels]))


# Name: rows, components, and kinds of starts that do not begin with exponents of 1e8, of which no
# two implementations have the same digits.
DATA_SETS: Final[Mapping[str, tuple[Callable[[], Array], int, tuple[str, ...]]]] = {
    "iris": (lambda: load_iris().data, 3, ("kmeans", "k-means++", "random", "random_from_data")),
    "wine": (lambda: load_wine().data, 3, ("kmeans", "k-means++", "random", "random_from_data")),
    "breast cancer": (
        lambda: load_breast_cancer().data,
        2,
        ("kmeans", "k-means++", "random", "random_from_data"),
    ),
    "digits": (lambda: load_digits().data, 10, ("kmeans", "k-means++", "random")),
    "generated": (groups, 3, ("kmeans", "k-means++", "random", "random_from_data")),
}


def both(rows: Any, **params: Any) -> tuple[GaussianMixture, Any]:
    """Fit ours and theirs with the same parameters."""
    ours, theirs = GaussianMixture(**params), sklearn.mixture.GaussianMixture(**params)
    return ours.fit(rows), theirs.fit(rows)
