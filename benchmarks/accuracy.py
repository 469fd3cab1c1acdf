"""How near the parameters are to scikit-learn's, and to the truth where scikit-learn is not.

    python -m benchmarks.accuracy [--iterations N]

All start from the same parameters and make the same number of iterations. Differences are the
largest of all weights, of all means in standard deviations of their column, of all covariances
(first table: over the largest of them; second: in units of the covariance itself, in its thinnest
direction as in the others), and of the mean log-likelihood per row, in nats.

The second table is of thin clusters far from zero. The truth is computed in extended precision on
centered rows; where scikit-learn refuses to go on, its column says so.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from benchmarks.reference import IS_EXTENDED, Extended, cholesky, expectation_maximization
from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

DATA_SETS: Final[dict[str, Callable[..., Any]]] = {
    "iris": load_iris,
    "wine": load_wine,
    "breast cancer": load_breast_cancer,
}
CONDITION: Final = 1e8
OFFSET: Final = 1e6
N_CLUSTERS: Final = 3
CLUSTER_ROWS: Final = 1_000
N_COLUMNS: Final = 4


class Differences(NamedTuple):
    """The largest differences of two fits."""

    weights: float
    means: float
    covariances: float
    log_likelihood: float

    def __str__(self) -> str:
        return "  ".join(f"{value:11.1e}" for value in self)


def ours(rows: Array, start: Mixture, iterations: int, reg_covar: float) -> FittedMixture:
    """Fit with this package."""
    spec = Spec(
        start.n_components,
        start.covariance_type,
        tol=0,
        max_iter=iterations,
        reg_covar=reg_covar,
        start=start,
    )
    return fit_rows(ArraySource.of(rows), spec, 1, ThreadRunner(2), Silent()).model


def theirs(rows: Array, start: Mixture, iterations: int, reg_covar: float) -> GaussianMixture:
    """Fit with scikit-learn."""
    model = GaussianMixture(
        start.n_components,
        covariance_type=start.covariance_type,
        tol=0,
        max_iter=iterations,
        reg_covar=reg_covar,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=start.precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows)


def in_family(full: Array, name: str) -> Array:
    """Covariances (K, D, D) as the family keeps them."""
    variances = np.einsum("kdd->kd", full)
    by_name: dict[str, Array] = {
        "full": full,
        "tied": full.mean(axis=0),
        "diag": variances,
        "spherical": variances.mean(axis=1),
    }
    return by_name[name]


def mild_rows() -> Iterator[tuple[str, Array, Mixture]]:
    """Data sets in standard units, and a start of each family on rows of each."""
    generator = np.random.default_rng(0)
    for data, load in DATA_SETS.items():
        rows = load().data
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
        means = rows[generator.choice(len(rows), N_CLUSTERS, replace=False)]
        units = np.stack([np.eye(rows.shape[1])] * N_CLUSTERS)
        for name in FAMILIES:
            weights = np.full(N_CLUSTERS, 1 / N_CLUSTERS)
            yield data, rows, Mixture.of(weights, means, in_family(units, name), name)


def compare_with_scikit_learn(iterations: int) -> None:
    """Print the first table."""
    print(f"Agreement with scikit-learn, same start, {iterations} iterations, reg_covar 1e-6")
    print("data           family         weights        means  covariances  log-likelihood")
    for data, rows, start in mild_rows():
        mine, model = ours(rows, start, iterations, 1e-6), theirs(rows, start, iterations, 1e-6)
        found = Differences(
            np.abs(mine.mixture.weights - model.weights_).max(),
            np.abs((mine.mixture.means - model.means_) / rows.std(axis=0)).max(),
            np.abs(mine.mixture.covariances - model.covariances_).max()
            / np.abs(model.covariances_).max(),
            abs(mine.log_likelihood - model.score(rows)),
        )
        print(f"{data:<13}  {start.covariance_type:<9}  {found}")


def thin_rows(name: str) -> tuple[Array, Mixture]:
    """Clusters as thin as their family can be, a million deviations from zero, and a start."""
    generator = np.random.default_rng(1)
    thickness = np.geomspace(1, CONDITION**-0.5, N_COLUMNS)
    axes = np.linalg.qr(generator.standard_normal((N_CLUSTERS, N_COLUMNS, N_COLUMNS))).Q
    if name == "tied":
        axes[:] = axes[0]
    if name == "diag":
        axes[:] = np.eye(N_COLUMNS)
    if name == "spherical":
        thickness[:] = thickness[-1]
    normals = np.asarray(generator.standard_normal((N_CLUSTERS, CLUSTER_ROWS, N_COLUMNS)))
    runs = normals * thickness @ axes.transpose(0, 2, 1)
    runs += generator.standard_normal((N_CLUSTERS, 1, N_COLUMNS))
    centered = runs - runs.mean(axis=1, keepdims=True)
    covariances = 2 * centered.transpose(0, 2, 1) @ centered / CLUSTER_ROWS
    rows = runs.reshape(-1, N_COLUMNS)
    rows = rows + OFFSET * rows.std(axis=0)
    means = 0.9 * rows.reshape(runs.shape).mean(axis=1) + 0.1 * rows.mean(axis=0)
    start = Mixture.of([0.3, 0.3, 0.4], means, in_family(covariances, name), name)
    return np.asarray(rows), start


def in_own_units(found: Array, wanted: Extended) -> float:
    """The largest error of covariances (K, D, D), in units in which the right ones are 1."""
    errors = []
    for have, want in zip(found, wanted, strict=True):
        whitening = np.linalg.inv(cholesky(want).astype(np.float64))
        errors.append(np.abs(whitening @ (have - want).astype(np.float64) @ whitening.T).max())
    return float(max(errors))


def scikit_learn_error(rows: Array, start: Mixture, iterations: int, truth: float) -> str:
    """Error of scikit-learn's log-likelihood per row, or that it failed."""
    try:
        value = theirs(rows, start, iterations, 0.0).score(rows)
    except ValueError:
        return "fails"
    return f"{abs(value - truth):.1e}"


def compare_with_the_truth(iterations: int) -> None:
    """Print the second table."""
    print(
        f"\nError at condition {CONDITION:.0e}, {OFFSET:.0e} standard deviations from zero, "
        f"{iterations} iterations, reg_covar 0"
    )
    print("family         weights        means  covariances  log-likelihood  (scikit-learn's)")
    for name in FAMILIES:
        rows, start = thin_rows(name)
        parameters = (start.weights, start.means, start.full_covariances())
        right, values = expectation_maximization(rows, parameters, name, iterations)
        mine = ours(rows, start, iterations, 0.0)
        found = Differences(
            float(np.abs(mine.mixture.weights - right.weights).max()),
            float(np.abs((mine.mixture.means - right.means) / rows.std(axis=0)).max()),
            in_own_units(mine.mixture.full_covariances(), right.covariances),
            abs(mine.log_likelihood - values[-1]),
        )
        other = scikit_learn_error(rows, start, iterations, values[-1])
        print(f"{name:<9}  {found}     {other:>14}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--iterations", type=int, default=100)
    iterations = parser.parse_args().iterations
    compare_with_scikit_learn(iterations)
    if IS_EXTENDED:
        compare_with_the_truth(iterations // 5)
    else:
        print("\nNo second table: long double is no longer than double here.")


if __name__ == "__main__":
    main()
