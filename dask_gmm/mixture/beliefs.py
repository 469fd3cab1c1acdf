"""What is believed of the parameters of a mixture before any row: conjugate priors."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dask_gmm.checks import number, one_of
from dask_gmm.errors import InputError
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.model import Mixture, as_float64, refuse_unusable
from dask_gmm.mixture.summary import DataSummary

# Of weights: broken off a stick one after another, or all alike.
PROCESS, DISTRIBUTION = "dirichlet_process", "dirichlet_distribution"
WEIGHT_PRIORS: Final = (PROCESS, DISTRIBUTION)
POSITIVE: Final = ("weight_concentration_prior", "mean_precision_prior", "degrees_of_freedom_prior")


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """What a user says of the priors, in scikit-learn's words; None is what the rows suggest.

    Parameters
    ----------
    weight_concentration_prior_type : {"dirichlet_process", "dirichlet_distribution"}
    weight_concentration_prior : float, optional
        Of the weights: the smaller, the fewer components have any; by default ``1 / K``.
    mean_precision_prior : float, optional
        How many rows the prior of a mean is worth; by default 1.
    mean_prior : ndarray of shape (D,), optional
        By default the mean of the rows.
    degrees_of_freedom_prior : float, optional
        How many rows the prior of a covariance is worth, above ``D - 1``; by default D.
    covariance_prior : ndarray, optional
        Scatter of these, in the shape of one covariance of the family; by default that of the rows
        over their number less one.

    Raises
    ------
    InputError
        If a value is outside its domain.
    """

    weight_concentration_prior_type: str = PROCESS
    weight_concentration_prior: float | None = None
    mean_precision_prior: float | None = None
    mean_prior: Array | None = None
    degrees_of_freedom_prior: float | None = None
    covariance_prior: Array | None = None

    def __post_init__(self) -> None:
        kind = self.weight_concentration_prior_type
        one_of("weight_concentration_prior_type", kind, WEIGHT_PRIORS)
        for name in POSITIVE:
            if (value := getattr(self, name)) is not None:
                number(name, value, 0.0, above=True)
                object.__setattr__(self, name, float(value))
        for name in ("mean_prior", "covariance_prior"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _numbers(name, value))

    def check(self, family: CovarianceFamily, n_features: int) -> None:
        """Refuse what does not fit rows of so many columns.

        Raises
        ------
        InputError
            If a shape is another, there are too few degrees of freedom, the covariance is not
            positive definite, or the family is one of factors, which has no such prior.
        """
        if family.factored:
            raise InputError(
                "Wanted covariances that have a Wishart prior (full, tied, diag, spherical), found "
                f"{family.name}. Choose another family, or fit without priors of all parameters."
            )
        if self.degrees_of_freedom_prior is not None:
            least = n_features - 1
            number("degrees_of_freedom_prior", self.degrees_of_freedom_prior, least, above=True)
        if self.mean_prior is not None:
            _check_shape("mean_prior", self.mean_prior, (n_features,))
        if self.covariance_prior is not None:
            shape = family.seen(np.eye(n_features)).shape
            _check_shape("covariance_prior", self.covariance_prior, shape)
            _check_covariance(self.covariance_prior, family, n_features)

    def check_mass(self, mass: float) -> None:
        """Refuse rows that weigh so little that they have no covariance, where none is given.

        Raises
        ------
        InputError
        """
        if self.covariance_prior is None and not mass > 1:
            raise InputError(
                "Wanted rows that weigh more than 1 together, or a covariance_prior, found rows "
                f"that weigh {mass:.6g}. Give weights that say how often each row counts, or a "
                "covariance_prior."
            )

    def known(
        self, summary: DataSummary, shift: Array, family: CovarianceFamily, n_components: int
    ) -> "Hyperparameters":
        """Give the priors for rows of a summary, with the mean about ``shift``.

        Raises
        ------
        InputError
            If the rows weigh so little that they have no covariance, and none is given.
        """
        concentration = self.weight_concentration_prior
        precision, degrees = self.mean_precision_prior, self.degrees_of_freedom_prior
        return Hyperparameters(
            self.weight_concentration_prior_type == PROCESS,
            1 / n_components if concentration is None else concentration,
            1.0 if precision is None else precision,
            as_float64(self._mean(summary, shift)),
            float(len(shift)) if degrees is None else degrees,
            as_float64(self._covariance(summary, family)),
        )

    def _mean(self, summary: DataSummary, shift: Array) -> Array:
        if self.mean_prior is not None:
            return self.mean_prior - shift
        return (summary.mean - shift) + summary.remainder / summary.mass

    def _covariance(self, summary: DataSummary, family: CovarianceFamily) -> Array:
        if self.covariance_prior is not None:
            return self.covariance_prior
        self.check_mass(summary.mass)
        about = summary.mean + summary.remainder / summary.mass
        return family.seen(summary.scatter_about(about) / (summary.mass - 1))


@dataclass(frozen=True, slots=True, eq=False)
class Hyperparameters:
    """The priors of a mixture, of which nothing is left open.

    Parameters
    ----------
    process : bool
        Whether weights are broken off a stick one after another; otherwise all are alike.
    concentration : float
        Of the weights.
    mean_precision : float
        How many rows the prior of a mean is worth.
    mean : ndarray of shape (D,)
        About the frame's shift.
    degrees_of_freedom : float
        How many rows the prior of a covariance is worth.
    covariance : ndarray
        The scatter of these, in the shape of one covariance of the family.
    """

    process: bool
    concentration: float
    mean_precision: float
    mean: Array
    degrees_of_freedom: float
    covariance: Array

    def __post_init__(self) -> None:
        freeze(self.mean, self.covariance)

    def moved(self, by: Array) -> "Hyperparameters":
        """Give the same with the mean moved by (D,)."""
        return replace(self, mean=as_float64(self.mean + by))


def _numbers(name: str, value: npt.ArrayLike) -> Array:
    try:
        found = as_float64(value)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Wanted real numbers as {name}, found {value!r}. Give an array of numbers."
        ) from error
    if not np.isfinite(found).all():
        raise InputError(f"Wanted finite numbers as {name}, found {value!r}. Correct it.")
    return found


def _check_shape(name: str, found: Array, wanted: tuple[int, ...]) -> None:
    if found.shape != wanted:
        raise InputError(
            f"Wanted {name} of shape {wanted}, as the columns of the rows and the covariances ask "
            f"for, found shape {found.shape}. Give one of that shape."
        )


def _check_covariance(found: Array, family: CovarianceFamily, n_features: int) -> None:
    covariances = found.reshape(family.shape(1, n_features))
    try:
        refuse_unusable(Mixture.of([1.0], np.zeros((1, n_features)), covariances, family.name))
    except InputError as error:
        raise InputError(
            f"Wanted a covariance_prior that is a covariance itself: {error}."
        ) from error
