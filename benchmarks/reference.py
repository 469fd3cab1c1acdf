"""Expectation maximization written to be right, not fast: extended precision, centered twice.

It shares nothing with the package. Rows are centered exactly, every covariance is summed about
the mean of its component, and every density comes from differences to that mean.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Extended = npt.NDArray[np.longdouble]

IS_EXTENDED: Final = bool(np.finfo(np.longdouble).eps < np.finfo(np.float64).eps)
LOG_2PI: Final = np.log(2 * np.longdouble("3.14159265358979323846264338327950288"))


class Parameters(NamedTuple):
    """Weights (K,), means (K, D) and covariances as matrices (K, D, D), whatever the family."""

    weights: Extended
    means: Extended
    covariances: Extended


class Result(NamedTuple):
    """The last parameters, and the mean log-likelihood per row at the start and after each step."""

    parameters: Parameters
    log_likelihoods: list[float]


def cholesky(matrix: Extended) -> Extended:
    """The lower triangle (D, D) whose product with its transpose is the matrix."""
    lower = np.zeros_like(matrix)
    for j in range(len(matrix)):
        lower[j, j] = np.sqrt(matrix[j, j] - (lower[j, :j] ** 2).sum())
        lower[j + 1 :, j] = (matrix[j + 1 :, j] - lower[j + 1 :, :j] @ lower[j, :j]) / lower[j, j]
    return lower


def log_density(rows: Extended, mean: Extended, covariance: Extended) -> Extended:
    """Logarithm (N,) of a Gaussian's density at rows (N, D)."""
    lower = cholesky(covariance)
    solved = np.zeros_like(rows)
    for j in range(len(mean)):
        known = solved[:, :j] @ lower[j, :j]
        solved[:, j] = (rows[:, j] - mean[j] - known) / lower[j, j]
    log_determinant = 2 * np.log(np.diagonal(lower)).sum()
    result = -(len(mean) * LOG_2PI + log_determinant + (solved**2).sum(axis=1)) / 2
    return np.asarray(result, np.longdouble)


def log_joint(rows: Extended, at: Parameters) -> Extended:
    """Log joint densities (N, K) of rows and components."""
    columns = [
        np.log(w) + log_density(rows, m, c)
        for w, m, c in zip(at.weights, at.means, at.covariances, strict=True)
    ]
    return np.stack(columns, axis=1)


def structured(covariances: Extended, mass: Extended, family: str) -> Extended:
    """The covariances (K, D, D) nearest in likelihood that the family allows."""
    n_features = covariances.shape[1]
    eye: Extended = np.eye(n_features, dtype=np.longdouble)
    if family == "tied":
        shared = (covariances * mass[:, None, None]).sum(axis=0) / mass.sum()
        return np.repeat(shared[None], len(mass), axis=0)
    if family == "diag":
        return np.asarray(covariances * eye, np.longdouble)
    if family == "spherical":
        mean = np.einsum("kdd->k", covariances) / n_features
        return np.asarray(mean[:, None, None] * eye, np.longdouble)
    return covariances


def step(rows: Extended, at: Parameters, family: str, reg_covar: float) -> tuple[Parameters, float]:
    """One iteration: the next parameters, and the mean log-likelihood at those given."""
    logits = log_joint(rows, at)
    peak = logits.max(axis=1, keepdims=True)
    total = peak + np.log(np.exp(logits - peak).sum(axis=1, keepdims=True))
    responsibilities = np.exp(logits - total)
    mass = responsibilities.sum(axis=0)
    means = (responsibilities.T @ rows) / mass[:, None]
    apart = rows[None] - means[:, None]
    weighted = apart * responsibilities.T[:, :, None]
    covariances = weighted.transpose(0, 2, 1) @ apart / mass[:, None, None]
    ridge = reg_covar * np.eye(rows.shape[1], dtype=np.longdouble)
    covariances = structured(covariances, mass, family) + ridge
    return Parameters(mass / mass.sum(), means, covariances), float(total.mean())


def expectation_maximization(
    rows: npt.ArrayLike,
    start: tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike],
    family: str,
    iterations: int,
    reg_covar: float = 0.0,
) -> Result:
    """Do so many iterations from weights, means and covariances (K, D, D) in the data's units."""
    extended: Any = np.asarray(rows, np.longdouble)
    center = extended.mean(axis=0)
    centered = extended - center
    weights, means, covariances = (np.asarray(values, np.longdouble) for values in start)
    at, history = Parameters(weights, means - center, covariances), []
    for _ in range(iterations):
        following, value = step(centered, at, family, reg_covar)
        at = following
        history.append(value)
    history.append(step(centered, at, family, reg_covar)[1])
    return Result(Parameters(at.weights, at.means + center, at.covariances), history)
