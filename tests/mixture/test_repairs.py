"""Where a covariance collapses or a component dies: no failure, and a repair that says so."""

from typing import Final

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from benchmarks.in_memory import Climb, climb, summarize_all
from dask_gmm.mixture.definite import floored_matrix, floored_variances, has_factor
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import VARIANCE_FLOORS
from tests.mixture.examples import FAMILY_NAMES, LAW, blobs, families, seeds, start_of

PRECISIONS: Final = ("float64", "float32")
BASE: Final = blobs(3, 400, 3, 2)


def assert_sound(found: Climb) -> None:
    """Finite throughout, and able to take one more E-step."""
    mixture = found.mixture
    assert np.isfinite(found.log_likelihoods).all()
    assert np.isfinite(mixture.means).all()
    assert mixture.weights.sum() == pytest.approx(1, abs=1e-14)
    assert all(has_factor(covariance) for covariance in mixture.full_covariances())


def said(found: Climb) -> set[str]:
    return {repair for repairs in found.repairs for repair in repairs}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_component_without_rows_keeps_its_parameters_and_says_so(
    name: str, precision: str
) -> None:
    start = start_of(BASE, 3, name)
    means = start.means + np.array([[0], [1e4], [0]])
    far = Mixture.of(start.weights, means, start.covariances, name)
    found = climb(BASE, far, 3, precision=precision)
    assert_sound(found)
    assert found.repairs[0] == ("component 1 has no rows: mean and covariance kept",)
    assert found.mixture.weights[1] == 0
    np.testing.assert_allclose(found.mixture.means[1], far.means[1], rtol=1e-15)
    if not far.family.shared:
        assert np.array_equal(found.mixture.covariances[1], far.covariances[1])
    without = Mixture.of(
        [0.5, 0.5],
        far.means[[0, 2]],
        far.covariances if far.family.shared else far.covariances[[0, 2]],
        name,
    )
    alone = climb(BASE, without, 3, precision=precision)
    gap = abs(alone.log_likelihoods[-1] - found.log_likelihoods[-1])
    assert gap < (1e-12 if precision == "float64" else 1e-6)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
def test_a_component_on_copies_of_one_row_is_floored(name: str, precision: str) -> None:
    rows = np.concatenate([BASE, np.repeat([[9.0, -9.0, 9.0]], 100, axis=0)])
    start = start_of(rows, 2, name)
    means = np.array([[0.0, 0.0, 0.0], [9.0, -9.0, 9.0]])
    found = climb(
        rows, Mixture.of(start.weights, means, start.covariances, name), 40, 0.0, precision
    )
    assert_sound(found)
    assert said(found) == {"covariance 1 thinner than rounding resolves: widened to the floor"}
    values = np.array(found.log_likelihoods)
    assert values[-1] > values[0] + 1
    assert (np.diff(values[-5:]) > -1e-2).all()
    np.testing.assert_allclose(found.mixture.means[1], means[1], rtol=1e-5)
    share = found.mixture.full_covariances()[1].diagonal() / rows.var(axis=0)
    assert (share < 100 * VARIANCE_FLOORS[precision]).all()


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["full", "tied"])
@pytest.mark.parametrize(("rank", "n_features"), [(3, 5), (3, 40), (1, 130)])
def test_collinear_columns_are_floored(
    name: str, precision: str, rank: int, n_features: int
) -> None:
    generator = np.random.default_rng(1)
    rows = BASE[:, :rank] @ generator.standard_normal((rank, n_features))
    rows *= np.geomspace(1e-6, 1e6, n_features)
    found = climb(rows, start_of(rows, 3, name), 5, 0.0, precision)
    assert_sound(found)
    shared = {0} if name == "tied" else {0, 1, 2}
    assert said(found) == {
        f"covariance {k} thinner than rounding resolves: widened to the floor" for k in shared
    }
    steps = np.diff(found.log_likelihoods[1:])
    assert steps.min() > -1e-4 * n_features
    assert found.mixture.weights.min() > 0.01


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_a_constant_column_changes_nothing_about_the_others(name: str, precision: str) -> None:
    rows = np.column_stack([BASE, np.full(len(BASE), 0.1)])
    start, wide = start_of(BASE, 2, name), start_of(rows, 2, name)
    found, wanted = (
        climb(each, at, 10, 1e-6, precision) for each, at in ((rows, wide), (BASE, start))
    )
    assert_sound(found)
    assert not said(found)
    assert (found.mixture.means[:, 3] == 0.1).all()
    if name != "spherical":
        np.testing.assert_allclose(found.mixture.means[:, :3], wanted.mixture.means, atol=1e-5)
        height = -0.5 * np.log(2 * np.pi * 1e-6)
        gain = found.log_likelihoods[-1] - wanted.log_likelihoods[-1]
        assert gain == pytest.approx(height, abs=1e-6)
    bare = climb(rows, wide, 10, 0.0, precision)
    assert_sound(bare)
    assert bool(said(bare)) == (name != "spherical")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(np.full((50, 3), 7.7), id="one value"),
        pytest.param(np.repeat([[0.0, 1.0], [3.0, 4.0]], 30, axis=0), id="two rows"),
        pytest.param(BASE[:4], id="barely more rows than components"),
        pytest.param(BASE[:, :1], id="one column"),
        pytest.param(np.round(BASE), id="integers"),
        pytest.param(BASE * 1e-100, id="tiny"),
        pytest.param(BASE * 1e100, id="huge"),
        pytest.param(np.vstack([BASE, [[1e6, -1e5, 3e6]] * 2]), id="outliers"),
    ],
)
def test_it_survives(rows: Array, name: str, precision: str) -> None:
    found = climb(rows, start_of(rows, 3, name), 15, 0.0, precision)
    assert_sound(found)
    assert found.log_likelihoods[-1] > found.log_likelihoods[0] - 1e-3


@pytest.mark.parametrize("name", FAMILY_NAMES)
@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_an_offset_alone_needs_no_repair(name: str, offset: float) -> None:
    """Where scikit-learn fails: float32 rows off by 1e4, float64 rows off by 1e8."""
    single = offset == 1e4
    grid = 2.0**8 if single else 2.0**20
    near = np.round(BASE * grid) / grid
    moved = near + offset
    rows = moved.astype(np.float32) if single else moved
    assert np.array_equal(rows.astype(np.float64) - offset, near)
    precision = "float32" if single else "float64"
    start = start_of(near, 2, name)
    found = climb(rows, start.moved(np.full(3, offset)), 15, 0.0, precision)
    wanted = climb(near, start, 15, 0.0, precision)
    assert_sound(found)
    assert not said(found)
    tolerance = 1e-5 if single else 1e-9
    np.testing.assert_allclose(
        found.log_likelihoods, wanted.log_likelihoods, atol=tolerance, rtol=0
    )
    np.testing.assert_allclose(
        found.mixture.covariances, wanted.mixture.covariances, atol=10 * tolerance
    )


@given(
    name=families,
    seed=seeds,
    k=st.integers(1, 4),
    d=st.integers(1, 4),
    rows=st.integers(1, 12),
    copies=st.integers(1, 3),
    digits=st.integers(-1, 2),
    precision=st.sampled_from(PRECISIONS),
)
@LAW
def test_no_few_rows_make_it_fail(
    name: str, seed: int, k: int, d: int, rows: int, copies: int, digits: int, precision: str
) -> None:
    data = np.round(np.random.default_rng(seed).standard_normal((rows + k, d)) * 3, digits)
    data = np.repeat(data, copies, axis=0)
    assert_sound(climb(data, start_of(data, k, name, seed), 8, 0.0, precision))


@given(
    seed=seeds,
    d=st.integers(1, 40),
    width=st.floats(-13, 8),
    exponents=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    share=st.sampled_from([1e-13, 1e-11, 5e-7]),
)
@example(seed=7387, d=12, width=4.0, exponents=(3.25, 1.0), share=1e-13)
@LAW
def test_a_floored_matrix_has_a_factor_whatever_its_width_and_units(
    seed: int, d: int, width: float, exponents: tuple[float, float], share: float
) -> None:
    generator = np.random.default_rng(seed)
    deviation = np.geomspace(10 ** exponents[0], 10 ** exponents[1], d)
    half = generator.standard_normal((d, generator.integers(1, d + 1))) * deviation[:, None]
    covariance = half @ half.T * 10.0**width
    covariance = (covariance + covariance.T) / 2
    mended = floored_matrix(covariance, deviation**2, share)
    assert has_factor(covariance if mended is None else mended)
    if mended is not None:
        unit = np.outer(deviation, deviation)
        apart = np.linalg.eigvalsh((mended - covariance) / unit)
        size = np.abs(covariance / unit).max()
        assert apart.min() > -1e-12 * max(size, share)
        assert np.array_equal(mended, mended.T)


@pytest.mark.parametrize("name", ["full", "diag", "spherical"])
@pytest.mark.parametrize("columns", [[0, 1], [1]])
def test_one_extreme_row_does_not_widen_the_others(name: str, columns: list[int]) -> None:
    rows = np.random.default_rng(0).standard_normal((10_001, 2))
    rows[-1, columns] = 1e9
    judge = GaussianMixture(2, covariance_type=name, random_state=0, max_iter=20).fit(rows)
    by_family = {
        "full": np.stack([np.eye(2)] * 2),
        "diag": np.ones((2, 2)),
        "spherical": np.ones(2),
    }
    means = np.vstack([np.zeros(2), rows[-1]])
    start = Mixture.of([0.5, 0.5], means, by_family[name], name)
    found = climb(rows, start, 5, 1e-6).mixture
    wanted = Mixture.of(judge.weights_, judge.means_, judge.covariances_, name)
    variances, judged = (
        mixture.full_covariances()[mixture.weights.argmax()].diagonal()
        for mixture in (found, wanted)
    )
    np.testing.assert_allclose(found.weights.max(), wanted.weights.max(), rtol=1e-12)
    np.testing.assert_allclose(variances, 1, rtol=0.1)
    np.testing.assert_allclose(variances, judged, rtol=0.05)


def test_only_what_is_thinner_than_the_floor_is_floored() -> None:
    variance = np.array([4.0, 1.0])
    assert floored_matrix(np.diag([4e-12, 1e-12]), variance, 1e-13) is None
    mended = floored_matrix(np.diag([4.0, 1e-14]), variance, 1e-13)
    assert mended is not None
    np.testing.assert_allclose(mended, np.diag([4.0, 2e-13]), rtol=1e-9)
    variances, thin = floored_variances(np.array([[4e-12, 1e-12], [4.0, 1e-14]]), variance, 1e-13)
    assert thin == (1,)
    assert variances.tolist() == [[4e-12, 1e-12], [4.0, 2e-13]]


def test_the_floor_depends_on_the_precision_and_the_ridge_comes_before_it() -> None:
    rows = np.column_stack([BASE[:, 0], BASE[:, 0] + 1e-4 * BASE[:, 1]])
    start = start_of(rows, 2, "full")
    assert not said(climb(rows, start, 3, 0.0, "float64"))
    assert said(climb(rows, start, 3, 0.0, "float32"))
    assert not said(climb(rows, start, 3, 1e-3, "float32"))


def test_what_was_repaired_can_be_asked_for_its_density() -> None:
    rows = np.repeat(BASE[:2], 20, axis=0)
    found = climb(rows, start_of(rows, 2, "full"), 5, 0.0)
    frame = Frame.of(summarize_all(rows))
    density = JointDensity.of(found.mixture.moved(-frame.shift), frame)
    assert len(density.suspects) == 2
