"""Missing values beside weights, rows held out, float32, portions, and rows that lack all."""

from dataclasses import replace

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.finite import FiniteRows
from dask_gmm.fitting.gaussian import correlation_of, filled, gaussian_of
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.tiles import fillings_of, row_log_densities
from dask_gmm.fitting.worst import WorstRows
from dask_gmm.mixture import fillings
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import BadRowError, Tile, Workspace
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.fitting.lacking import EACH, D, K, answer_of, example, known, with_gaps
from tests.mixture.examples import random_mixture, rows_of
from tests.mixture.plain_missing import plain


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_a_weight_is_how_often_a_row_is_there(name: str) -> None:
    mixture, rows = example(name, 5, 0.3)
    times = np.random.default_rng(0).integers(1, 4, len(rows))
    twice = np.repeat(rows, times, axis=0)
    _, frame = known(twice)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    one, other = answer_of(fold, rows, times.astype(float)), answer_of(fold, twice)
    assert one.rows == other.rows
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(one.sums, other.sums, rtol=1e-10, atol=1e-9)
    assert one.filled is not None
    assert other.filled is not None
    assert one.filled.entropy == pytest.approx(other.filled.entropy, rel=1e-10)
    if mixture.family.shared:
        assert one.filled.scatter is not None
        assert other.filled.scatter is not None
        np.testing.assert_allclose(one.filled.scatter, other.filled.scatter, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_rows_held_out_are_judged_by_what_is_there_of_them(name: str) -> None:
    mixture, rows = example(name, 5, 0.3)
    _, frame = known(rows)
    held_out = HeldOut(0.4)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64", held_out)
    answer = answer_of(fold, rows)
    marks = held_out.marks(Tile(rows, 0, Workspace()))
    values = plain(rows, mixture).log_densities
    assert answer.judged is not None
    assert (answer.rows, answer.judged.rows) == ((~marks).sum(), marks.sum())
    assert answer.judged.log_likelihood == pytest.approx(values[marks].sum())
    assert answer.log_likelihood == pytest.approx(values[~marks].sum())


@pytest.mark.parametrize("name", ["full", "tied", "diag"])
def test_float32_is_off_by_its_rounding_alone(name: str) -> None:
    mixture, rows = example(name, 5, 0.3)
    _, frame = known(rows)
    folds = [EStep.at(mixture.moved(-frame.shift), frame, p) for p in ("float64", "float32")]
    double, single = (answer_of(each, rows) for each in folds)
    assert single.sums.dtype == np.float64
    assert single.log_likelihood == pytest.approx(double.log_likelihood, rel=1e-4)
    size = np.abs(double.sums).max()
    np.testing.assert_allclose(single.sums, double.sums, atol=1e-4 * size)


@pytest.mark.parametrize(
    ("name", "limit", "kept"),
    [
        ("full", 40, False),
        ("full", 300, True),
        ("tied", 40, False),
        ("tied", 200, True),
        ("diag", 10, False),
        ("diag", 40, True),
    ],
)
def test_what_is_done_in_portions_is_the_same_but_for_rounding(
    name: str, limit: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portions are kept if there are few, and found again otherwise."""
    mixture, rows = example(name, 5, 0.4)
    _, frame = known(rows)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    whole = answer_of(fold, rows)
    monkeypatch.setattr(fillings, "LARGEST_PORTION", limit)
    parts = answer_of(fold, rows)
    tile = Tile(rows[:20], 0, Workspace(), incomplete=True)
    found = fillings_of(tile, fold.density)
    assert (next(iter(found)) is next(iter(found))) == kept
    assert len(list(found)) > 1
    assert parts.sums.tobytes() != whole.sums.tobytes()
    np.testing.assert_allclose(parts.sums, whole.sums, rtol=1e-12, atol=1e-11)
    assert parts.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-14)


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_tiles_that_lack_nothing_are_summed_as_ever(name: str) -> None:
    mixture = random_mixture(5, name, K, D)
    rows = rows_of(mixture, EACH, 0)
    _, frame = known(rows)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    source = ArraySource.of(rows)
    (usual,) = ThreadRunner(1).run(source, [fold], Silent())
    (found,) = ThreadRunner(1).run(source, [Incomplete(fold)], Silent())
    assert found.sums.tobytes() == usual.sums.tobytes()
    assert found.log_likelihood == usual.log_likelihood


def test_rows_without_any_value_are_left_out_wherever_they_are() -> None:
    mixture, rows = example("tied", 5, 0.3)
    gone = np.zeros(len(rows), bool)
    gone[20:43] = True
    with_empty = np.where(gone[:, None], np.nan, rows)
    _, frame = known(rows)
    fold = EStep.at(mixture.moved(-frame.shift), frame, "float64")
    found, wanted = answer_of(FiniteRows(fold), with_empty), answer_of(fold, rows[~gone])
    assert found.rows == wanted.rows
    assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-13)
    assert found.filled is not None
    assert wanted.filled is not None
    assert found.filled.scatter is not None
    assert wanted.filled.scatter is not None
    np.testing.assert_allclose(found.filled.scatter, wanted.filled.scatter, rtol=1e-12)


def test_an_infinite_value_is_refused_beside_missing_ones() -> None:
    mixture = random_mixture(3, "full", K, D)
    density = scoring_density(mixture.weights, mixture.means, mixture.precisions_cholesky, "full")
    rows = np.array([[0.0, np.nan, 0.0, 0.0], [np.nan, 0.0, np.inf, 0.0]])
    with pytest.raises(BadRowError) as refused:
        row_log_densities(Tile(rows, 7, Workspace(), incomplete=True), density)
    assert (refused.value.row, refused.value.column) == (8, 2)


def test_the_worst_rows_come_with_what_is_expected_of_them() -> None:
    mixture, rows = example("full", 5, 0.3)
    _, frame = known(rows)
    fold = Incomplete(WorstRows.under(mixture.moved(-frame.shift), frame, 9))
    (found,) = ThreadRunner(1).run(ArraySource.of(rows), [fold], Silent())
    wanted = plain(rows, mixture)
    worst = np.argsort(wanted.log_densities)[:9]
    np.testing.assert_array_equal(found.index, worst)
    np.testing.assert_allclose(found.rows, wanted.mean()[worst], rtol=1e-8)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_single_gaussian_is_found_by_what_is_there(share: float) -> None:
    covariance = np.cov(np.random.default_rng(0).normal(size=(3, 9)))
    mixture = Mixture.of([1.0], [[1.0, -2.0, 3.0]], covariance[None])
    rows = with_gaps(rows_of(mixture, 4000, 1), share)
    found = gaussian_of(rows)
    np.testing.assert_allclose(found.means, mixture.means, atol=0.1)
    np.testing.assert_allclose(found.covariances, mixture.covariances, atol=0.1)
    wanted = plain(rows, found).mean()
    np.testing.assert_allclose(filled(rows, found), wanted, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(np.diagonal(correlation_of(found)), 1.0)


def test_a_gaussian_of_rows_without_a_column_says_nothing_of_it() -> None:
    """Those of a sample may lack a column of which few rows of the data have a value."""
    rows = rows_of(random_mixture(3, "full", 1, D), 200, 3)
    rows[:, 2] = np.nan
    known = replace(summarize(rows[:, :1]), mean=np.array([0.0, 0.0, 1e6, 0.0]))
    found = gaussian_of(rows, known=known)
    others = np.flatnonzero(np.arange(D) != 2)
    wanted = gaussian_of(rows[:, others])
    np.testing.assert_allclose(found.means[0, others], wanted.means[0], atol=1e-9)
    np.testing.assert_allclose(correlation_of(found)[2], np.eye(D)[2], atol=1e-9)
    assert filled(rows, found)[:, 2].tolist() == [1e6] * len(rows)
    assert gaussian_of(rows).means[0, 2] == 0
