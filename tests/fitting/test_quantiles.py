"""Quantiles of log densities are numpy's, and are left out where too few rows are below them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.fitting.bounds import SHARES, name_of
from dask_gmm.fitting.quantiles import FEWEST_BELOW, DensityQuantiles

VALUES = np.random.default_rng(0).standard_normal(30_000)


@given(st.integers(1, 30_000), st.booleans())
def test_they_are_those_of_numpy_where_enough_rows_are_below(n: int, ties: bool) -> None:
    values = np.round(VALUES[:n], 1) if ties else VALUES[:n]
    found = DensityQuantiles.of(values)
    assert found.rows == n
    for share in SHARES:
        wanted = float(np.quantile(values, share))
        enough = np.sum(values < wanted) >= FEWEST_BELOW
        assert found.at(share) == (wanted if enough else None)


def test_a_rare_quantile_needs_many_rows() -> None:
    assert DensityQuantiles.of(VALUES[:1000]).at(0.001) is None
    assert DensityQuantiles.of(VALUES[:1000]).at(0.01) is not None
    assert DensityQuantiles.of(VALUES).at(0.0001) is None
    assert DensityQuantiles.of(VALUES).at(0.001) is not None


def test_the_order_of_the_rows_does_not_matter() -> None:
    assert DensityQuantiles.of(VALUES[::-1]).values == DensityQuantiles.of(VALUES).values


def test_they_are_written_under_their_shares_and_read_again() -> None:
    written = json.loads(json.dumps(DensityQuantiles.of(VALUES).to_json()))
    assert list(written["log_density_quantiles"]) == ["0.0001", "0.001", "0.01", "0.05", "0.5"]
    assert list(written["log_density_quantiles"]) == [name_of(share) for share in SHARES]
    read = DensityQuantiles.from_json(written)
    assert read is not None
    assert (read.rows, read.values) == (30_000, DensityQuantiles.of(VALUES).values)
    assert DensityQuantiles.from_json({}) is None


@pytest.mark.parametrize(
    "damage",
    [
        {"log_density_quantiles": {}},
        {"log_density_quantiles": 3},
        {"log_density_quantiles": dict.fromkeys(map(name_of, SHARES), "low")},
        {"log_density_quantiles": dict.fromkeys(map(name_of, SHARES), float("nan"))},
        {"log_density_rows": 0},
    ],
)
def test_something_else_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        DensityQuantiles.from_json({**DensityQuantiles.of(VALUES).to_json(), **damage})
