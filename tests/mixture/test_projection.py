"""What a mixture looks like along a few directions, beside numpy and what is known of normals."""

import numpy as np
import pytest
from scipy.stats import norm

from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.projection import along, condition_numbers, principal_axes

R = np.random.default_rng(5)
FACTORS = R.standard_normal((3, 4, 4))
MIXTURE = Mixture.of(
    [0.5, 0.3, 0.2], 4 * R.standard_normal((3, 4)), FACTORS @ FACTORS.mT + np.eye(4), "full"
)


def in_family(family: str) -> Mixture:
    covariances = {
        "full": MIXTURE.covariances,
        "tied": MIXTURE.covariances[0],
        "diag": np.einsum("kdd->kd", MIXTURE.covariances),
        "spherical": np.array([1.0, 2.0, 3.0]),
    }
    return Mixture.of(MIXTURE.weights, MIXTURE.means, covariances[family], family)


@pytest.mark.parametrize("family", FAMILIES)
def test_condition_numbers_are_those_of_numpy(family: str) -> None:
    mixture = in_family(family)
    wanted = np.linalg.cond(mixture.full_covariances())
    np.testing.assert_allclose(condition_numbers(mixture), wanted, rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_axes_are_those_of_the_correlations_of_many_rows(family: str) -> None:
    mixture = in_family(family)
    generator = np.random.default_rng(1)
    shifts = generator.standard_normal((200_000, 4))
    drawn = generator.choice(3, len(shifts), p=mixture.weights)
    factors = np.linalg.cholesky(mixture.full_covariances())[drawn]
    rows = mixture.means[drawn] + np.einsum("nij,nj->ni", factors, shifts)
    axes = principal_axes(mixture, 2)
    values = np.linalg.eigvalsh(np.corrcoef(rows.T))[::-1]
    np.testing.assert_allclose(axes.shares, values[:2] / 4, atol=0.01)
    np.testing.assert_allclose(np.cov(axes.of_rows(rows).T), np.diag(values[:2]), atol=0.03)


def test_axes_do_not_depend_on_units() -> None:
    scale = np.array([1.0, 1e3, 1e-3, 7.0])
    covariances = MIXTURE.covariances * np.outer(scale, scale)
    scaled = Mixture.of(MIXTURE.weights, MIXTURE.means * scale, covariances, "full")
    seen, wanted = (principal_axes(each, 2).of(each) for each in (scaled, MIXTURE))
    np.testing.assert_allclose(seen.means, wanted.means, atol=1e-9)
    np.testing.assert_allclose(seen.covariances, wanted.covariances, atol=1e-9)


def test_columns_are_taken_in_the_order_that_is_asked_for() -> None:
    view = along(MIXTURE, (2, 0))
    np.testing.assert_array_equal(view.means, MIXTURE.means[:, [2, 0]])
    assert view.covariances[1, 0, 1] == MIXTURE.covariances[1, 2, 0]
    assert view.covariances[1, 0, 0] == MIXTURE.covariances[1, 2, 2]


def test_the_corners_of_an_ellipse_are_so_far_from_its_mean() -> None:
    view = along(MIXTURE, (0, 3))
    apart = view.ellipse(1, 2.0) - view.means[1]
    distances = np.einsum("nd,nd->n", apart @ np.linalg.inv(view.covariances[1]), apart)
    np.testing.assert_allclose(np.sqrt(distances), 2.0)


def test_a_density_is_the_sum_of_those_of_the_components() -> None:
    view, at = along(MIXTURE, (3,)), np.linspace(-9, 9, 31)
    parts = zip(view.weights, view.means[:, 0], view.covariances[:, 0, 0], strict=True)
    wanted = sum(weight * norm(mean, np.sqrt(v)).pdf(at) for weight, mean, v in parts)
    np.testing.assert_allclose(view.density(at), wanted)
