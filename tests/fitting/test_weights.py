"""A row of weight 2 is the row twice: in the summary, the sums, the objective, and its gradient."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.row_data import RowData
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import SurveyFold
from dask_gmm.fitting.weighing import UNKNOWN
from dask_gmm.mixture.coordinates import gradient, objective
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.mstep import m_step
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.mixture.examples import LAW, families, random_mixture, rows_of, seeds

precisions = st.sampled_from(["float64", "float32"])
N = 300


def answer_of(fold: Fold, source: ArraySource) -> SufficientStatistics:
    (answer,) = ThreadRunner(2).run(source, [fold], Silent())
    assert isinstance(answer, SufficientStatistics)
    return answer


def leafy(rows: Array, weights: Array | None = None) -> ArraySource:
    return ArraySource.of(rows, layout=regular_layout(len(rows), 70), beside=RowData(weights))


def assert_same_summary(found: DataSummary, wanted: DataSummary) -> None:
    deviation = np.sqrt(wanted.variance)
    assert found.mass == pytest.approx(wanted.mass, rel=1e-14)
    np.testing.assert_allclose(found.mean, wanted.mean, atol=1e-13 * deviation.max())
    np.testing.assert_allclose(found.variance, wanted.variance, rtol=1e-12)
    scatter = wanted.scatter_about(wanted.mean)
    np.testing.assert_allclose(
        found.scatter_about(wanted.mean), scatter, atol=1e-12 * np.abs(scatter).max()
    )
    np.testing.assert_array_equal(found.minimum, wanted.minimum)
    np.testing.assert_array_equal(found.maximum, wanted.maximum)


@given(name=families, seed=seeds, precision=precisions, offset=st.sampled_from([0.0, 1e4]))
@LAW
def test_a_weight_is_how_often_a_row_is_there(
    name: str, seed: int, precision: str, offset: float
) -> None:
    rows = rows_of(random_mixture(seed, name, 3, 3), N // 3, seed) + offset
    times = np.random.default_rng(seed).integers(1, 4, len(rows))
    twice = np.repeat(rows, times, axis=0)
    summary, wanted = summarize(rows, weights=times.astype(float)), summarize(twice)
    assert_same_summary(summary, wanted)
    assert (summary.rows, wanted.rows) == (N, times.sum())
    frame, prior = Frame.of(wanted), Prior.of(wanted, family_of(name), 0.5)
    mixture = random_mixture(seed + 1, name, 3, 3)
    fold = EStep.at(mixture, frame, precision)
    weighed = answer_of(fold, leafy(rows, times.astype(float)))
    repeated = answer_of(fold, leafy(twice))
    limit = 1e-10 if precision == "float64" else 1e-3
    assert weighed.rows == repeated.rows
    size = np.abs(repeated.sums).max()
    np.testing.assert_allclose(weighed.sums, repeated.sums, atol=limit * size)
    values = [
        objective(each, mixture, of, prior) for each, of in ((weighed, summary), (repeated, wanted))
    ]
    assert values[0] == pytest.approx(values[1], rel=limit, abs=limit)
    slopes = [
        gradient(each, mixture, of, prior) for each, of in ((weighed, summary), (repeated, wanted))
    ]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=limit * np.abs(slopes[1]).max())
    steps = [
        m_step(each, mixture, of, 0.0, prior=prior).mixture
        for each, of in ((weighed, summary), (repeated, wanted))
    ]
    np.testing.assert_allclose(steps[0].weights, steps[1].weights, atol=limit)
    np.testing.assert_allclose(steps[0].means, steps[1].means, atol=10 * limit * (1 + offset))


@pytest.mark.parametrize("name", ["full", "tied", "diag", "spherical"])
def test_weights_of_one_are_no_weights(name: str) -> None:
    rows = rows_of(random_mixture(3, name, 3, 3), N // 3, 3)
    fold = EStep.at(random_mixture(4, name, 3, 3), Frame.of(summarize(rows)), "float64")
    plain, weighed = answer_of(fold, leafy(rows)), answer_of(fold, leafy(rows, np.ones(N)))
    assert weighed.rows == plain.rows == N
    np.testing.assert_allclose(weighed.sums, plain.sums, rtol=1e-13)
    assert weighed.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-13)


def test_a_survey_of_weighed_rows_has_their_mass_and_their_number() -> None:
    rows = rows_of(random_mixture(3, "full", 3, 3), N // 3, 3)
    rows[7, 1] = np.nan
    weights = np.full(N, 2.5)
    (answer,) = ThreadRunner(1).run(leafy(rows, weights), [SurveyFold(0, 20, N)], Silent())
    summary = answer.summary
    assert (summary.rows, summary.mass, summary.bad_rows) == (N - 1, 2.5 * (N - 1), 1)
    np.testing.assert_allclose(summary.variance, rows[np.arange(N) != 7].var(axis=0), rtol=1e-12)


def test_weights_go_with_the_rows_that_are_chosen() -> None:
    rows, weights = np.arange(12.0).reshape(6, 2), np.arange(1.0, 7.0)
    source = ArraySource.of(rows, rows=slice(2, 5), beside=RowData(weights))
    block = source.open().read(0)
    assert block.weights is not None
    assert block.weights.tolist() == [3, 4, 5]
    assert not block.weights.flags.writeable
    assert ArraySource.of(rows).open().read(0).weights is None


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ([1.0, 2.0], r"each of the 3 rows as weights, found an array of shape \(2,\)"),
        ([[1.0, 1.0], [2, 2], [3, 3]], r"found an array of shape \(3, 2\)"),
        (["a", "b", "c"], r"found an array of shape \(3,\) of <U1"),
        ([[1.0], [2, 3], [3]], r"of which numpy makes an array, found list"),
        (np.ma.masked_array([1.0, 2, 3]), r"found a masked array"),
    ],
)
def test_what_are_no_weights_is_refused(weights: Any, found: str) -> None:
    with pytest.raises(InputError, match=found):
        ArraySource.of(np.zeros((3, 2)), beside=RowData(weights))


@pytest.mark.parametrize(
    ("weights", "found"),
    [
        ([1.0, 1.0, np.inf], r"at least 0, found inf at row 2"),
        ([1.0, np.nan, -1.0], r"found nan at row 1"),
        ([-1e-9, 1.0, 1.0], r"found -1e-09 at row 0"),
    ],
)
def test_a_weight_that_is_wrong_is_named(weights: list[float], found: str) -> None:
    with pytest.raises(DataError, match=found):
        ArraySource.of(np.zeros((3, 2)), beside=RowData(weights))


def test_weights_are_kept_as_they_were_given() -> None:
    given = np.array([1.0, 2.0])
    source = ArraySource.of(np.zeros((2, 2)), beside=RowData(given[:, None]))
    given[:] = 7
    assert source.weights is not None
    assert source.weights.tolist() == [1, 2]


def test_rows_of_weight_zero_are_not_there() -> None:
    rows = rows_of(random_mixture(3, "full", 3, 3), N // 3, 3)
    weights = np.random.default_rng(0).integers(0, 3, N).astype(float)
    weights[140:210] = 0  # a whole leaf
    counted = weights > 0
    rows[~counted] = np.where(np.arange(3) % 2, np.nan, 1e9)
    fold = EStep.at(random_mixture(4, "full", 3, 3), Frame.of(summarize(rows[counted])), "float64")
    weighed = answer_of(fold, leafy(rows, weights))
    without = answer_of(fold, leafy(rows[counted], weights[counted]))
    assert weighed.rows == without.rows
    np.testing.assert_allclose(weighed.sums, without.sums, rtol=1e-12, atol=1e-9)
    survey = SurveyFold(0, 20, N, weighing=UNKNOWN)
    (found,) = ThreadRunner(1).run(leafy(rows, weights), [survey], Silent())
    assert (found.summary.rows, found.weightless) == (counted.sum(), N - counted.sum())
    assert found.summary.bad_rows == 0
    assert found.summary.maximum.max() < 1e9
    assert counted[found.sample.index].all()
