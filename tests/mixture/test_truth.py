"""A random mixture is as difficult as was asked for."""

import numpy as np
import numpy.typing as npt
import pytest

from dask_gmm.errors import InputError
from dask_gmm.mixture.model import Mixture, checked_mixture
from dask_gmm.mixture.sampling import Bench, Sampler
from dask_gmm.mixture.truth import random_mixture

Array = npt.NDArray[np.float64]


def make(
    n_components: int = 3,
    n_features: int = 2,
    overlap: float = 0.01,
    imbalance: float = 1.0,
    condition: float = 10.0,
    seed: int = 0,
) -> Mixture:
    return random_mixture(
        n_components,
        n_features,
        overlap=overlap,
        imbalance=imbalance,
        condition=condition,
        generator=np.random.default_rng(seed),
    )


def assigned_wrongly(mixture: Mixture, at_least: int) -> float:
    """Share of drawn rows whose likeliest component is not the one that they were drawn from."""
    sampler = Sampler.of(mixture)
    bench, generator = Bench(sampler), np.random.default_rng(99)
    wrong = rows = 0
    while rows < at_least:
        sampler.draw(generator, bench)
        densities = _log_densities(mixture, bench.rows)
        wrong += int(np.count_nonzero(densities.argmax(axis=0) != bench.components))
        rows += len(bench.rows)
    return wrong / rows


def _log_densities(mixture: Mixture, rows: Array) -> Array:
    densities = []
    for weight, mean, covariance in zip(
        mixture.weights, mixture.means, mixture.covariances, strict=True
    ):
        lower = np.linalg.cholesky(covariance)
        white = np.linalg.inv(lower) @ (rows - mean).T
        densities.append(
            np.log(weight) - np.log(np.diagonal(lower)).sum() - 0.5 * np.square(white).sum(axis=0)
        )
    return np.array(densities)


@pytest.mark.parametrize(
    ("n_components", "n_features", "overlap", "imbalance", "condition"),
    [
        (3, 2, 0.01, 1, 10),
        (2, 1, 0.05, 3, 10),
        (8, 4, 0.2, 20, 1000),
        (5, 3, 0.002, 1, 1),
        (2, 2, 0.45, 1, 10),
        (4, 64, 0.01, 1, 100),  # axes turned fully would leave no overlap at all
    ],
)
def test_components_overlap_as_asked(
    n_components: int, n_features: int, overlap: float, imbalance: float, condition: float
) -> None:
    mixture = make(n_components, n_features, overlap, imbalance, condition)
    n_rows = max(50_000, int(1_500 / overlap))
    error = 3 / np.sqrt(n_rows * overlap)
    assert assigned_wrongly(mixture, n_rows) == pytest.approx(overlap, rel=0.05 + error)


def test_weights_condition_and_axes_are_those_asked_for() -> None:
    mixture = make(5, 4, imbalance=20, condition=1000)
    assert mixture.weights.sum() == pytest.approx(1)
    ratios = mixture.weights[:-1] / mixture.weights[1:]
    assert ratios == pytest.approx(np.full(4, 20 ** (1 / 4)))
    values = np.linalg.eigvalsh(mixture.covariances)
    assert values == pytest.approx(np.broadcast_to(np.geomspace(1e-3, 1, 4), (5, 4)))
    off_axes = mixture.covariances[:, ~np.eye(4, dtype=bool)]
    assert np.abs(off_axes).max() > 0.05
    between = np.abs(mixture.covariances[1:] - mixture.covariances[:1]).max(axis=(1, 2))
    assert between.min() > 0.05


@pytest.mark.parametrize("n_features", [2, 4, 30])
def test_covariances_of_the_largest_condition_are_usable(n_features: int) -> None:
    mixture = make(3, n_features, condition=1e12)
    for covariance, factor in zip(mixture.covariances, mixture.precision_factors(), strict=True):
        np.testing.assert_allclose(np.linalg.cond(covariance), 1e12, rtol=1e-3)
        np.testing.assert_allclose(
            factor.T @ covariance @ factor, np.eye(n_features), rtol=0, atol=1e-3
        )


def test_every_knob_changes_the_mixture() -> None:
    usual = _bytes(make())
    knobs = [
        make(overlap=0.02),
        make(imbalance=2),
        make(condition=20),
        make(seed=1),
        make(n_components=4),
        make(n_features=3),
    ]
    assert len({usual, *map(_bytes, knobs)}) == 1 + len(knobs)
    assert usual == _bytes(make())


def test_more_overlap_is_means_closer_together() -> None:
    far, near = make(overlap=0.001).means, make(overlap=0.1).means
    ratio = far / near
    assert ratio == pytest.approx(np.full_like(ratio, ratio[0, 0]))
    assert ratio[0, 0] > 1.5


@pytest.mark.parametrize(("n_components", "n_features"), [(1, 1), (1, 5), (2, 1), (40, 2)])
def test_it_is_a_mixture_of_any_size(n_components: int, n_features: int) -> None:
    mixture = make(n_components, n_features)
    checked_mixture(mixture.weights, mixture.means, mixture.covariances)
    assert mixture.means.shape == (n_components, n_features)
    assert len(np.unique(mixture.means, axis=0)) == n_components


def test_a_single_component_takes_any_overlap() -> None:
    assert _bytes(make(1, overlap=0.5)) == _bytes(make(1, overlap=0.01))


@pytest.mark.parametrize(
    ("overlap", "imbalance", "most"), [(0.5, 1.0, "0.5"), (0.01, 1000.0, "0.000999")]
)
def test_overlap_that_the_weights_do_not_allow_is_refused(
    overlap: float, imbalance: float, most: str
) -> None:
    with pytest.raises(InputError, match=rf"below {most} .* 2 components\), found {overlap}\. Ask"):
        make(2, overlap=overlap, imbalance=imbalance)


def _bytes(mixture: Mixture) -> bytes:
    parts: tuple[Array, ...] = (mixture.weights, mixture.means, mixture.covariances)
    return b"".join(part.tobytes() for part in parts)
