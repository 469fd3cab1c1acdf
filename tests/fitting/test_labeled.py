"""Sums over rows whose components are known, of which values may be missing."""

from itertools import pairwise

import numpy as np
import pytest

from dask_gmm.fitting.labeled import Labeled
from dask_gmm.passes.fold import Tile, Workspace

GENERATOR = np.random.default_rng(0)
N = 60
ROWS = GENERATOR.normal(3, 1, (N, 3))
ROWS[np.arange(N), GENERATOR.integers(0, 3, N)] = np.nan  # so that none is complete
ROWS[:4] = [[np.nan] * 3, [np.inf, 1, 1], [np.nan, -np.inf, 1], [1, np.nan, np.nan]]
LABELS = GENERATOR.integers(-1, 3, N)
LABELS[:4] = [0, 0, 1, 2]
WEIGHTS = GENERATOR.uniform(0.5, 2, N)
USUAL = np.array([7.0, 8.0, 9.0])


def tile(rows: slice = slice(None), *, weighed: bool = True, incomplete: bool = True) -> Tile:
    weights = WEIGHTS[rows] if weighed else None
    space = Workspace()
    return Tile(ROWS[rows], 0, space, weights, labels=LABELS[rows], incomplete=incomplete)


@pytest.mark.parametrize("weighed", [True, False])
def test_rows_with_gaps_count_for_the_columns_that_they_have(weighed: bool) -> None:
    found = Labeled.of(tile(weighed=weighed), 4)
    usable = (np.arange(N) > 2) & (LABELS >= 0)
    assert found.rows == usable.sum()
    weights = WEIGHTS if weighed else np.ones(N)
    for k in range(3):
        of_it = usable & (k == LABELS)
        assert found.mass[k] == pytest.approx(weights[of_it].sum())
        for j in range(3):
            there = of_it & ~np.isnan(ROWS[:, j])
            mean = np.average(ROWS[there, j], weights=weights[there])
            assert found.centers(USUAL)[k, j] == pytest.approx(mean)
    assert found.mass[3] == 0
    assert np.isnan(found.centers(USUAL)[3]).all()


def test_parts_add_to_the_whole() -> None:
    parts = Labeled.none(3, 3)
    for a, b in pairwise([0, 7, 30, N]):
        parts += Labeled.of(tile(slice(a, b)), 3)
    whole = Labeled.of(tile(), 3)
    assert parts.rows == whole.rows
    for name in ("mass", "present", "sums"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-13)


def test_a_column_without_a_value_has_the_usual_mean() -> None:
    (found,) = Labeled.of(tile(slice(3, 4)), 3).centers(USUAL)[2:]
    assert found.tolist() == [1, 8, 9]


def test_where_nothing_may_be_missing_rows_with_nan_are_left_out() -> None:
    assert Labeled.of(tile(incomplete=False), 3).rows == 0
