"""Information criteria, and the entropy that one of them needs, from the sums of a pass alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import solve_triangular
from scipy.special import entr, softmax

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.row_data import RowData
from dask_gmm.fitting.questions import EStep
from dask_gmm.mixture.criteria import bic, entropy, icl
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.mixture.examples import FAMILY_NAMES, LAW, families, random_mixture, rows_of, seeds


def entropy_of(rows: Array, mixture: Mixture, weights: Array | None = None) -> float | None:
    """The entropy at a mixture, by one pass over rows (N, D)."""
    summary = summarize(rows, weights=weights)
    frame = Frame.of(summary)
    centered = mixture.moved(-frame.shift)
    source = ArraySource.of(rows, layout=regular_layout(len(rows), 70), beside=RowData(weights))
    fold = EStep.at(centered, frame, "float64")
    (sums,) = ThreadRunner(1).run(source, [fold], Silent())
    assert isinstance(sums, SufficientStatistics)
    return entropy(sums, centered, summary)


def textbook_entropies(rows: Array, mixture: Mixture) -> Array:
    """The entropy (N,) of the responsibilities of each row, one component after the other."""
    logs = []
    for weight, mean, covariance in zip(
        mixture.weights, mixture.means, mixture.full_covariances(), strict=True
    ):
        factor = np.linalg.cholesky(covariance)
        white = solve_triangular(factor, (rows - mean).T, lower=True)
        logs.append(np.log(weight) - np.log(np.diag(factor)).sum() - (white**2).sum(axis=0) / 2)
    shares: Array = softmax(np.stack(logs), axis=0)
    return np.asarray(entr(shares).sum(axis=0))


@given(
    name=families,
    seed=seeds,
    k=st.integers(1, 5),
    d=st.integers(1, 4),
    offset=st.sampled_from([0.0, 1e4]),
    condition=st.sampled_from([1.0, 100.0, 1e4]),
)
@LAW
def test_the_entropy_is_that_of_the_responsibilities(
    name: str, seed: int, k: int, d: int, offset: float, condition: float
) -> None:
    mixture = random_mixture(seed, name, k, d, condition).moved(np.full(d, offset))
    rows = rows_of(mixture, 40, seed)
    other = random_mixture(seed, name, k, d, 2 * condition).moved(np.full(d, offset + 0.01))
    for at in (mixture, other):
        wanted = textbook_entropies(rows, at).mean()
        assert entropy_of(rows, at) == pytest.approx(wanted, abs=1e-9)


def thin_and_far(name: str, apart: float) -> Mixture:
    """Two components that overlap, a long way from a third for how thin they are."""
    drawn = random_mixture(3, name, 3, 3, 1e4)
    means = drawn.means * np.array([[2e-6], [2e-6], [apart]])
    return Mixture.of(drawn.weights, means, 1e-4 * drawn.covariances, name)


@pytest.mark.parametrize("name", [name for name in FAMILY_NAMES if name != "tied"])
def test_thin_components_far_away_have_the_entropy_of_their_responsibilities(name: str) -> None:
    mixture = thin_and_far(name, 1e3)
    rows = rows_of(mixture, 100, 0)
    wanted = textbook_entropies(rows, mixture).mean()
    assert wanted > 0.005
    assert entropy_of(rows, mixture) == pytest.approx(wanted, abs=1e-9)


def test_of_a_common_covariance_that_is_too_thin_nothing_is_said() -> None:
    near, far = thin_and_far("tied", 0.3), thin_and_far("tied", 10.0)
    rows = rows_of(near, 100, 0)
    wanted = textbook_entropies(rows, near).mean()
    assert entropy_of(rows, near) == pytest.approx(wanted, abs=1e-7)
    assert entropy_of(rows_of(far, 100, 0), far) is None


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_entropy_counts_a_row_as_often_as_its_weight_says(name: str) -> None:
    mixture = random_mixture(5, name, 3, 2)
    rows = rows_of(mixture, 50, 5)
    times = np.random.default_rng(5).integers(1, 4, len(rows))
    wanted = entropy_of(np.repeat(rows, times, axis=0), mixture)
    assert entropy_of(rows, mixture, times.astype(float)) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_the_entropy_is_zero_where_nothing_is_open_and_largest_where_all_is(name: str) -> None:
    one = random_mixture(7, name, 1, 2)
    rows = rows_of(one, 100, 7)
    assert entropy_of(rows, one) == pytest.approx(0.0, abs=1e-12)
    like = random_mixture(7, name, 4, 2)
    same = Mixture.of(np.full(4, 0.25), np.zeros((4, 2)), np.ones_like(like.covariances), name)
    if name in ("full", "tied"):
        same = Mixture.of(same.weights, same.means, like.covariances * 0 + np.eye(2), name)
    assert entropy_of(rows, same) == pytest.approx(np.log(4), abs=1e-12)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_weight_leaves_nothing_open(name: str) -> None:
    mixture = random_mixture(9, name, 2, 2)
    rows = rows_of(mixture, 50, 9)
    three = random_mixture(9, name, 3, 2)
    means = np.concatenate([mixture.means, [[1e3, 1e3]]])
    shared = name == "tied"
    covariances = (
        mixture.covariances
        if shared
        else np.concatenate([mixture.covariances, three.covariances[:1]])
    )
    more = Mixture.of([*mixture.weights, 0.0], means, covariances, name)
    assert entropy_of(rows, more) == pytest.approx(entropy_of(rows, mixture), abs=1e-9)


def test_icl_is_bic_and_what_is_left_open() -> None:
    assert icl(-2.0, 0.0, 100, 5) == bic(-2.0, 100, 5)
    assert icl(-2.0, 0.3, 100, 5) == pytest.approx(bic(-2.0, 100, 5) + 60)
