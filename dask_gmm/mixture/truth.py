"""Random mixtures whose difficulty is asked for, to draw data sets from.

Weights and the eigenvalues of the covariances are given by the imbalance and the condition
number. What is random is where the means lie, and how the covariances are turned; how far the
means lie apart is then found such that the components overlap as asked.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq

from dask_gmm.errors import InputError
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture

SAMPLE_ROWS, FEWEST_SAMPLE_ROWS = 2**16, 2**12
WRONG_ROWS: Final = 400
# Products of one evaluation, and numbers held: they bound time and memory for many components.
MOST_PRODUCTS, MOST_NUMBERS = 2**33, 2**22
CANDIDATES: Final = 16


def random_mixture(
    n_components: int,
    n_features: int,
    *,
    overlap: float,
    imbalance: float,
    condition: float,
    generator: np.random.Generator,
) -> Mixture:
    """Give a random mixture; the same for the same generator.

    Parameters
    ----------
    n_components, n_features : int
        K and D, at least 1.
    overlap : float
        The Bayes error of assignment: share of the mixture's rows that the mixture itself assigns
        to a component from which they were not drawn. Reached within 10% for up to a hundred
        components and down to 1e-4, as the mean of ``1 - largest responsibility`` over a sample
        of rows. A single component has none.
    imbalance : float
        Largest weight over smallest weight; the weights are a geometric sequence.
    condition : float
        Condition number of every covariance. Its eigenvalues are a geometric sequence from 1 down,
        the same for all; its axes are turned at random, by less where components that differ in
        their axes alone would overlap too little already.
    generator : numpy.random.Generator
        Where the random numbers come from.

    Returns
    -------
    Mixture
        Of the family ``full``.

    Raises
    ------
    InputError
        If components with these weights cannot overlap as much.
    """
    weights = imbalance ** -np.linspace(0, 1, n_components)
    weights /= weights.sum()
    _refuse_overlap(overlap, n_components, float(1 - weights[0]))
    axes = _random_axes(n_features, generator)
    variances = condition ** -np.linspace(0, 1, n_features)
    directions = _spread(n_components, n_features, generator)
    shapes = generator.standard_normal((n_components, n_features, n_features))
    if n_components == 1:
        return _mixture(weights, directions, _turned(axes, shapes, 1.0), variances)
    n_rows = _sample_rows(n_components, n_features, overlap) // n_components + 1
    normals = generator.standard_normal((n_components, n_rows, n_features))
    enough = min(2 * overlap, (overlap + 1 - weights[0]) / 2)
    turn = 1.0
    while True:
        turned = _turned(axes, shapes, turn)
        pairs = _Pairs.of(turned, variances, directions, normals)
        if pairs.error(weights, 0.0) >= enough:
            means = _distance(pairs, weights, overlap) * directions
            return _mixture(weights, means, turned, variances)
        turn /= 2


def _refuse_overlap(overlap: float, n_components: int, most: float) -> None:
    if n_components > 1 and not 0 < overlap < most:
        raise InputError(
            f"Wanted an overlap above 0 and below {most:.3g} (with these weights, the share of "
            f"the rows outside the largest of {n_components} components), found {overlap:g}. "
            "Ask for less overlap, less imbalance or more components."
        )


def _sample_rows(n_components: int, n_features: int, overlap: float) -> int:
    """Rows of which enough are assigned wrongly, as far as they can be afforded."""
    wanted = max(SAMPLE_ROWS, int(WRONG_ROWS / overlap))
    affordable = min(
        MOST_NUMBERS // max(n_components, n_features),
        MOST_PRODUCTS // (n_components * n_features**2),
    )
    return min(wanted, max(FEWEST_SAMPLE_ROWS, affordable))


def _random_axes(n_features: int, generator: np.random.Generator) -> Array:
    return _orthogonal(generator.standard_normal((n_features, n_features)))


def _orthogonal(matrices: Array) -> Array:
    """Orthogonal factors (..., D, D), uniform over all rotations for normal matrices."""
    q, r = np.linalg.qr(matrices)
    return np.asarray(q * np.sign(np.einsum("...dd->...d", r))[..., None, :])


def _turned(axes: Array, shapes: Array, turn: float) -> Array:
    """Axes (K, D, D): all the same for turn 0, unrelated for turn 1."""
    return axes @ _orthogonal((1 - turn) * np.eye(len(axes)) + turn * shapes)


def _spread(n_components: int, n_features: int, generator: np.random.Generator) -> Array:
    """Points (K, D) in a cube, each the farthest from the last ones of some candidates."""
    points = generator.uniform(-1, 1, (1, n_features))
    while len(points) < n_components:
        candidates = generator.uniform(-1, 1, (CANDIDATES, n_features))
        squared = np.square(candidates[:, None] - points).sum(axis=2)
        points = np.vstack([points, candidates[squared.min(axis=1).argmax()]])
    return points


def _mixture(weights: Array, means: Array, axes: Array, variances: Array) -> Mixture:
    covariances = (axes * variances) @ axes.transpose(0, 2, 1)
    covariances = (covariances + covariances.transpose(0, 2, 1)) / 2
    return Mixture.of(weights, means, covariances)


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Squared Mahalanobis distances of sampled rows, as polynomials in the scale of the means.

    That of row n of component c from component k is
    ``square[c, n, k] + 2 s cross[c, n, k] + s**2 apart[c, k]`` if the means are scaled by s.
    """

    square: Array
    cross: Array
    apart: Array

    @classmethod
    def of(cls, axes: Array, variances: Array, directions: Array, normals: Array) -> "_Pairs":
        whitening = axes / np.sqrt(variances)
        coloring = (axes * np.sqrt(variances)).transpose(0, 2, 1)
        stacked = np.concatenate(list(whitening), axis=1)
        square, cross, apart = [], [], []
        for direction, color, rows in zip(directions, coloring, normals, strict=True):
            white = (rows @ color @ stacked).reshape(len(rows), *whitening.shape[:2])
            shift = np.einsum("kd,kde->ke", direction - directions, whitening)
            square.append(np.einsum("nke,nke->nk", white, white))
            cross.append(np.einsum("nke,ke->nk", white, shift))
            apart.append(np.einsum("ke,ke->k", shift, shift))
        return cls(np.stack(square), np.stack(cross), np.stack(apart))

    def error(self, weights: Array, scale: float) -> float:
        """Mean of ``1 - largest responsibility``: the covariances have one determinant."""
        distances = self.square + 2 * scale * self.cross + scale**2 * self.apart[:, None]
        logits = np.log(weights) - 0.5 * distances
        others = np.exp(logits - logits.max(axis=2, keepdims=True)).sum(axis=2) - 1
        return float(weights @ (others / (1 + others)).mean(axis=1))


def _distance(pairs: _Pairs, weights: Array, overlap: float) -> float:
    """Scale of the means at which the components overlap so much; they overlap more at 0."""
    low, high = 0.0, 1.0
    while pairs.error(weights, high) > overlap:
        low, high = high, 2 * high
    found: float = brentq(lambda scale: pairs.error(weights, scale) - overlap, low, high, rtol=1e-6)
    return found
