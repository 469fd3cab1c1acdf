"""Rows that are not of a mixture: the fast solver ends, and no worse than plain EM."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.errors import InputError
from dask_gmm.fitting.faults import Faults
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import PassRecord
from dask_gmm.workflows.fit_rows import fit_rows

Array = npt.NDArray[np.float64]


def clusters(rows: int, n_features: int, count: int, apart: float = 6.0) -> Array:
    """Rows about random centers."""
    generator = np.random.default_rng(count)
    centers = apart * generator.standard_normal((count, n_features))
    noise = generator.standard_normal((rows, n_features))
    return np.asarray(centers[generator.integers(0, count, rows)] + noise)


def repeated() -> Array:
    """Of which a sixth are one and the same."""
    rows = clusters(3000, 3, 3)
    rows[:500] = rows[0]
    return rows


def constant_column() -> Array:
    """Of which one column has a single value."""
    return np.column_stack([clusters(2000, 3, 3), np.full(2000, 7.0)])


def whole_numbers() -> Array:
    """Of 16 kinds."""
    return np.random.default_rng(0).integers(0, 4, (3000, 2)).astype(np.float64)


def outlier() -> Array:
    """Of which one is a million deviations away."""
    rows = clusters(4000, 1, 2, 3)
    rows[7] = 1e6
    return rows


CASES: Final[dict[str, tuple[Callable[[], Array], int]]] = {
    "repeated rows": (repeated, 4),
    "more components than clusters": (lambda: clusters(2000, 2, 2, 20), 8),
    "as many components as different rows": (lambda: np.repeat(clusters(5, 2, 5), 400, 0), 5),
    "fewer components than different rows": (lambda: np.repeat(clusters(5, 2, 5), 400, 0), 4),
    "constant column": (constant_column, 4),
    "more columns than rows would bear": (lambda: clusters(300, 64, 3), 3),
    "one component": (lambda: clusters(1000, 3, 3), 1),
    "a handful of rows": (lambda: clusters(10, 2, 2), 3),
    "whole numbers": (whole_numbers, 6),
    "an outlier": (outlier, 3),
    "tiny units": (lambda: 1e-5 * clusters(2000, 3, 3), 4),
}


def fitted(rows: Array, spec: Spec, records: list[PassRecord] | None = None) -> FittedMixture:
    told: Any = [] if records is None else records
    source, runner = ArraySource.of(rows), ThreadRunner(1)
    return fit_rows(source, spec, 1, runner, Silent(), told.append).model


@pytest.mark.filterwarnings("ignore:column 3 of the array is constant")
@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("case", CASES)
def test_the_fast_solver_ends_no_worse_than_em(case: str, covariance_type: str) -> None:
    make, n_components = CASES[case]
    rows = make()
    fast = fitted(
        rows, Spec(n_components, covariance_type, solver="fast", init=MERGE, tol=None, max_iter=500)
    )
    em = fitted(rows, Spec(n_components, covariance_type, tol=1e-6, max_iter=1000))
    assert fast.converged
    assert fast.weights.sum() == pytest.approx(1)
    assert np.isfinite(fast.mixture.precision_factors()).all()
    assert fast.log_likelihood > em.log_likelihood - 0.75 * fast.statistical_error


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_more_components_than_different_rows_are_refused_after_the_survey(
    covariance_type: str,
) -> None:
    rows, records = np.repeat(clusters(5, 2, 5), 400, 0), list[PassRecord]()
    with pytest.raises(InputError, match="Wanted at least 6 different rows for 6 components, foun"):
        fitted(rows, Spec(6, covariance_type, solver="fast", init=MERGE, tol=None), records)
    assert [each.name for each in records] == ["survey"]


@pytest.mark.parametrize("different", [1, 3, 10])
@pytest.mark.parametrize("enough", [1, 3, 4])
def test_different_rows_are_counted_until_there_are_enough(different: int, enough: int) -> None:
    rows = np.sort(np.arange(100.0) % different)[:, None]
    sample = Sample(100, np.arange(100, dtype=np.uint64), np.arange(100), rows)
    assert sample.distinct(enough) == min(different, enough)


def test_faults_are_named() -> None:
    covariances = np.array([np.eye(2)] * 4)
    mixture = Mixture.of([0.5, 1e-7, 0.25, 0.25], [[0, 0], [5, 5], [9, 9], [9, 9]], covariances)
    assert Faults.of(mixture, 1000).texts == (
        "component 1 had less than one row",
        "components 2 and 3 were the same",
    )
    assert Faults.of(mixture, 10**9).texts == ("components 2 and 3 were the same",)
