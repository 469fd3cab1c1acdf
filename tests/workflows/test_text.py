"""Tables that people read: aligned, no wider than a page, and true to the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.model import Mixture
from dask_gmm.workflows.text import (
    LINE,
    comparison,
    covariances_table,
    mixture_table,
    numbers,
    table,
)

LABELS = ("true", "estimated")


def mixture(n_components: int, n_features: int, seed: int = 0) -> Mixture:
    """Columns of very different units."""
    generator = np.random.default_rng(seed)
    scale = 10.0 ** generator.integers(-8, 9, n_features)
    means = generator.normal(size=(n_components, n_features)) * scale
    weights = np.full(n_components, 1 / n_components)
    return Mixture.of(weights, means, np.tile(np.diag(scale**2), (n_components, 1, 1)))


def test_cells_stand_under_their_name() -> None:
    assert table([["n", "1", "22"], ["", "a", "bcd"], ["weight", "0.5", ""]]).splitlines() == [
        " n       weight",
        "--  ---  ------",
        " 1  a       0.5",
        "22  bcd",
    ]


@given(st.lists(st.floats(-1e12, 1e12), min_size=1), st.integers(-12, 12))
def test_numbers_are_aligned_and_right_to_a_thousandth_of_the_resolution(
    values: list[float], exponent: int
) -> None:
    cells = numbers(np.array(values), 10.0**exponent)
    assert len({len(cell) for cell in cells}) == 1
    largest = max(map(abs, values))
    nearest = max(0.5e-3 * 10.0**exponent, 1e-14 * largest) + 0.5 * (exponent > 2)
    assert np.abs(np.array(cells, float) - values).max() <= 1.001 * nearest


def test_numbers_of_one_unit_have_as_many_decimals() -> None:
    assert numbers(np.array([-1.25, 10.0, -1e-9]), 0.25) == ["-1.2500", "10.0000", " 0.0000"]
    assert numbers(np.array([123456.7]), 20_000.0) == ["123457"]
    assert numbers(np.array([1.0, -2e-9]), 1e-9) == [" 1.000000000000e+00", "-2.000000000000e-09"]


@pytest.mark.parametrize("n_features", [1, 2, 7, 8, 9, 40])
def test_a_table_is_no_wider_than_a_page(n_features: int) -> None:
    for seed in range(5):
        lines = mixture_table(mixture(3, n_features, seed)).splitlines()
        assert len(lines) == 2 + 2 * 3
        assert max(map(len, lines)) <= LINE


def test_columns_left_out_are_marked() -> None:
    plain = Mixture.of([1.0], np.zeros((1, 9)), np.eye(9)[None])
    header = mixture_table(plain).splitlines()[0]
    assert header.endswith("column 5  ...")
    narrower = Mixture.of([1.0], np.zeros((1, 7)), np.eye(7)[None])
    assert mixture_table(narrower).splitlines()[0].endswith("column 6")


def test_components_left_out_are_counted() -> None:
    lines = mixture_table(mixture(25, 2)).splitlines()
    assert lines[-1] == "(and 5 components more)"
    assert lines[-3].split()[0] == "19"


def test_deviations_are_roots_of_variances() -> None:
    tied = Mixture.of([0.25, 0.75], [[1.0], [2.0]], [[4.0]], "tied")
    assert [line.split() for line in mixture_table(tied).splitlines()[2:]] == [
        ["0", "0.2500", "mean", "1.000"],
        ["deviation", "2.000"],
        ["1", "0.7500", "mean", "2.000"],
        ["deviation", "2.000"],
    ]


def test_two_mixtures_stand_line_under_line_and_side_by_side() -> None:
    truth = Mixture.of([1.0], [[0.0, 1.0]], [[[1.0, 0.5], [0.5, 2.0]]])
    estimate = Mixture.of([1.0], [[0.01, 1.02]], [[[1.1, 0.4], [0.4, 2.1]]])
    assert [line.split() for line in comparison(truth, estimate, LABELS).splitlines()[2:]] == [
        ["0", "1.0000", "true", "mean", "0.000", "1.000"],
        ["1.0000", "estimated", "mean", "0.010", "1.020"],
    ]
    lines = covariances_table(truth, estimate, LABELS).splitlines()
    assert lines[0].split() == ["component", "true", "covariance", "estimated", "covariance"]
    assert [line.split() for line in lines[2:]] == [
        ["0", "1.000", "0.500", "1.100", "0.400"],
        ["0.500", "2.000", "0.400", "2.100"],
    ]
