"""Agreement of `dask_gmm.GaussianMixture` with scikit-learn's, from the same random state.

    python -m benchmarks.contract

Each line is the largest difference for one family on one data set, over three kinds of starts: of
the log densities of all rows and of BIC, relative to their size where that is above 1, of the
probabilities, and in the number of iterations.
"""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn.mixture
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from dask_gmm import GaussianMixture, generate_gmm_data
from dask_gmm.mixture.truth import random_mixture

Array = npt.NDArray[np.float64]

FAMILIES = ("full", "tied", "diag", "spherical")
STARTS = ("kmeans", "k-means++", "random")
DATA: Mapping[str, tuple[Callable[[], Array], int]] = {
    "iris": (lambda: load_iris().data, 3),
    "wine": (lambda: load_wine().data, 3),
    "breast cancer": (lambda: load_breast_cancer().data, 2),
    "digits": (lambda: load_digits().data, 10),
    "generated": (lambda: generated(), 5),
}


def generated() -> Array:
    """Draw 16,000 rows of 8 columns, of five components that overlap by 5%."""
    truth = random_mixture(
        5, 8, overlap=0.05, imbalance=3, condition=10, generator=np.random.default_rng(0)
    )
    rows = generate_gmm_data(16_000, truth.weights, truth.means, truth.full_covariances(), seed=0)
    return rows.astype(np.float64)


def differences(rows: Array, **params: Any) -> tuple[float, float, float, int]:
    """Fit both, and give the differences of a line."""
    ours, theirs = GaussianMixture(**params), sklearn.mixture.GaussianMixture(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours.fit(rows)
        theirs.fit(rows)
    expected = theirs.score_samples(rows)
    density = np.abs(ours.score_samples(rows) - expected) / np.maximum(1, np.abs(expected))
    probability = np.abs(ours.predict_proba(rows) - theirs.predict_proba(rows))
    bic = abs(ours.bic(rows) / theirs.bic(rows) - 1)
    return float(density.max()), float(bic), float(probability.max()), ours.n_iter_ - theirs.n_iter_


def main() -> None:
    """Print the table."""
    heads = (f"{'data':<14}", f"{'family':<10}", f"{'log density':>12}", f"{'BIC':>9}")
    print(*heads, f"{'probability':>12}", "iterations")
    for name, (load, n_components) in DATA.items():
        rows = load()
        for family in FAMILIES:
            found = [
                differences(
                    rows,
                    n_components=n_components,
                    covariance_type=family,
                    init_params=start,
                    random_state=0,
                )
                for start in STARTS
            ]
            density, bic, probability, iterations = (
                max(abs(each[i]) for each in found) for i in range(4)
            )
            line = f"{density:12.1e} {bic:9.1e} {probability:12.1e} {iterations:10d}"
            print(f"{name:<14} {family:<10} {line}")


if __name__ == "__main__":
    main()
