"""Parameters that stay as they are: to the byte, and the others at their maximum."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.in_memory import e_step, summarize_all
from dask_gmm.errors import InputError
from dask_gmm.mixture.coordinates import from_vector, gradient, objective, to_vector
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.fixed import NOTHING_FIXED, Fixed, fixed_of
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.parts import PARTS
from dask_gmm.mixture.prior import NO_PRIOR
from tests.mixture.examples import (
    FAMILY_NAMES,
    LAW,
    blobs,
    families,
    random_mixture,
    seeds,
    start_of,
)

K = 3


def some(name: str, seed: int) -> Fixed:
    """Some of everything, at random."""
    generator = np.random.default_rng(seed)
    asked: dict[str, Any] = {
        part: np.flatnonzero(generator.random(K) < 0.5).tolist() for part in PARTS
    }
    if name == "tied":
        asked["covariances"] = "all" if seed % 2 else []
    return fixed_of(asked, K, shared=name == "tied")


class Rows:
    """Rows, and what a pass over them leads to."""

    def __init__(self, seed: int, fixed: Fixed) -> None:
        self.rows, self.fixed = blobs(seed, 40 * K, 2, K), fixed
        self.summary = summarize_all(self.rows)
        self.frame = Frame.of(self.summary)

    def value(self, mixture: Mixture) -> float:
        return objective(e_step(self.rows, mixture, self.frame), mixture, self.summary, NO_PRIOR)

    def gradient(self, mixture: Mixture) -> Array:
        statistics = e_step(self.rows, mixture, self.frame)
        return gradient(statistics, mixture, self.summary, NO_PRIOR, self.fixed)

    def step(self, mixture: Mixture, reg_covar: float = 0.0) -> MStep:
        statistics = e_step(self.rows, mixture, self.frame)
        return m_step(statistics, mixture, self.summary, reg_covar, fixed=self.fixed)


def assert_kept(found: Mixture, start: Mixture, fixed: Fixed) -> None:
    for part in PARTS:
        marks = getattr(fixed, part)
        one, other = getattr(found, part), getattr(start, part)
        if part == "covariances" and found.family.shared:
            marks = slice(None) if marks.all() else slice(0)
        assert one[marks].tobytes() == other[marks].tobytes()


@given(name=families, seed=seeds)
@LAW
def test_what_is_fixed_stays_and_the_likelihood_never_falls(name: str, seed: int) -> None:
    fixed = some(name, seed)
    rows = Rows(seed, fixed)
    start = start_of(rows.rows, K, name, seed).moved(-rows.frame.shift)
    mixture, values = start, []
    for _ in range(8):
        values.append(rows.value(mixture))
        mixture = rows.step(mixture).mixture
        assert_kept(mixture, start, fixed)
        assert mixture.weights.sum() == pytest.approx(1, abs=1e-14)
    assert (np.diff(values) > -1e-11 * np.abs(values[1:])).all()


@given(name=families, seed=seeds)
@LAW
def test_the_gradient_is_that_of_what_is_free(name: str, seed: int) -> None:
    fixed = some(name, seed)
    rows, mixture = Rows(seed, fixed), random_mixture(seed + 1, name, K, 2)
    vector, slope = to_vector(mixture), rows.gradient(mixture)
    assert_kept(from_vector(vector, mixture, fixed), mixture, fixed)
    direction = np.random.default_rng(seed).standard_normal(len(vector))
    direction[slope == 0] = 0
    ends = [from_vector(vector + sign * 1e-5 * direction, mixture, fixed) for sign in (1, -1)]
    change = (rows.value(ends[0]) - rows.value(ends[1])) / 2e-5
    assert slope @ direction == pytest.approx(change, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_with_nothing_fixed_every_byte_is_as_without(name: str) -> None:
    rows = Rows(1, NOTHING_FIXED)
    nobody = Rows(1, fixed_of({}, K, shared=False))
    start = start_of(rows.rows, K, name).moved(-rows.frame.shift)
    one, other = rows.step(start).mixture, nobody.step(start).mixture
    for part in PARTS:
        assert getattr(one, part).tobytes() == getattr(other, part).tobytes()
    assert rows.gradient(start).tobytes() == nobody.gradient(start).tobytes()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_covariances_are_about_means_that_are_fixed(name: str) -> None:
    fixed = fixed_of({"means": "all"}, 1, shared=False)
    rows = Rows(4, fixed)
    start = start_of(rows.rows, 1, name).moved(-rows.frame.shift)
    found = rows.step(start).mixture
    apart = rows.rows - rows.frame.shift - start.means[0]
    wanted = found.family.seen(apart.T @ apart / len(apart))
    np.testing.assert_allclose(found.covariances.reshape(wanted.shape), wanted, rtol=1e-10)


def test_free_weights_share_what_is_left_in_proportion() -> None:
    fixed = fixed_of({"weights": [1]}, K, shared=False)
    free, bound = Rows(2, NOTHING_FIXED), Rows(2, fixed)
    start = start_of(free.rows, K, "full").moved(-free.frame.shift)
    one, other = free.step(start).mixture.weights, bound.step(start).mixture.weights
    assert other[1] == start.weights[1]
    assert other[0] / other[2] == pytest.approx(one[0] / one[2])


def test_free_weights_that_no_row_is_left_to_share_as_before() -> None:
    fixed = fixed_of({"weights": [1]}, K, shared=False)
    given = np.array([0.1, 0.6, 0.3])
    found = fixed.shared(np.array([0.0, 1.0, 0.0]), given)
    np.testing.assert_array_equal(found, given)


def test_a_fixed_covariance_is_not_widened_nor_told_of() -> None:
    fixed = fixed_of({"covariances": [0]}, 2, shared=False)
    rows = Rows(2, fixed)
    start = start_of(rows.rows, 2, "full")
    thin = np.stack([np.eye(2) * 1e-30, start.covariances[1]])
    means = np.stack([rows.rows[0], rows.rows.mean(axis=0)])
    start = Mixture.of([0.5, 0.5], means, thin, "full").moved(-rows.frame.shift)
    step = rows.step(start)
    assert step.mixture.covariances[0].tobytes() == thin[0].tobytes()
    assert not any("covariance 0" in each for each in step.repairs)


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_parameters_that_are_fixed_are_not_free(name: str) -> None:
    mixture = random_mixture(0, name, K, 2)
    everything = fixed_of(dict.fromkeys(PARTS, "all"), K, shared=name == "tied")
    assert everything.n_parameters(mixture) == mixture.n_parameters
    assert NOTHING_FIXED.n_parameters(mixture) == 0
    assert fixed_of({"weights": [0, 1], "means": [2]}, K, shared=False).n_parameters(mixture) == 4


def test_two_are_fixed_together() -> None:
    one, other = (fixed_of({"means": [k]}, K, shared=False) for k in (0, 2))
    assert (one | other).means.tolist() == [True, False, True]
    assert (one | NOTHING_FIXED) is one
    assert (NOTHING_FIXED | one) is one


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("means", "a mapping"),
        ({"mean": [0]}, "what is fixed"),
        ({"means": [3]}, "from 0 to 2"),
        ({"means": [-1]}, "from 0 to 2"),
        ({"means": [0.0]}, "from 0 to 2"),
        ({"means": [True, False, True]}, "from 0 to 2"),
        ({"means": 1}, "from 0 to 2"),
        ({"means": "most"}, "from 0 to 2"),
        ({"means": [[0], [1, 2]]}, "from 0 to 2"),
        ({"means": np.array([[0]])}, "from 0 to 2"),
    ],
    ids=str,
)
def test_what_is_no_parameter_is_refused(asked: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fixed_of(asked, K, shared=False)


def test_a_shared_covariance_is_fixed_as_a_whole() -> None:
    with pytest.raises(InputError, match="for all of them or for none"):
        fixed_of({"covariances": [0]}, K, shared=True)


@given(seed=seeds, which=st.sampled_from(PARTS))
@LAW
def test_what_is_fixed_changes_the_answer(seed: int, which: str) -> None:
    fixed = fixed_of({which: "all"}, K, shared=False)
    free, bound = Rows(seed, NOTHING_FIXED), Rows(seed, fixed)
    start = start_of(free.rows, K, "diag", seed).moved(-free.frame.shift)
    one, other = free.step(start).mixture, bound.step(start).mixture
    assert getattr(one, which).tobytes() != getattr(other, which).tobytes()
