"""What a user knows of a mixture before any row, with mclust's values where nothing is said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dask_gmm.checks import number
from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.definite import has_factor
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import as_float64
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.summary import DataSummary

AUTO: Final = "auto"
MCLUST: Final = "mclust"


@dataclass(frozen=True, slots=True, eq=False)
class MixturePrior:
    """What is known of a mixture before any row: a density of the conjugate kind.

    Weights are Dirichlet; given its covariance a mean is normal; covariances are inverse Wishart,
    variances of ``diag`` and ``spherical`` inverse gamma. What a fit finds is the mode of the
    posterior density. All that is not said is as in mclust (Fraley and Raftery, 2007), whose prior
    this is without any argument.

    Parameters
    ----------
    alpha : float or array-like of shape (K,), default 1
        Of the weights, at least 1: each component is given ``alpha - 1`` rows. mclust has none.
    kappa : float, default 0.01
        As how many rows ``mean`` counts; 0 is no prior of means.
    mean : array-like of shape (D,) or "auto", default "auto"
        Where means are expected; ``auto`` is the mean of the rows.
    nu : float, "auto" or None, default "auto"
        Degrees of freedom of covariances; ``auto`` is D + 2. None is no prior of covariances.
    scatter : float, array-like or "auto", default "auto"
        That of the inverse Wishart, in squared units of the data: (D, D) for ``full`` and
        ``tied``, (D,) for ``diag``, a number for all, which is that times the identity. ``auto`` is
        the covariance of the rows over ``K ** (2 / D)``; for ``diag`` and ``spherical`` the mean of
        its diagonal.

    Raises
    ------
    InputError
        If a value is outside its range.

    Examples
    --------
    >>> from dask_gmm import GaussianMixture, MixturePrior
    >>> rows = [[0.0], [0.1], [0.2], [7.0]]
    >>> model = GaussianMixture(2, prior=MixturePrior(kappa=0, nu=3, scatter=0.5), random_state=0)
    >>> bool(model.fit(rows).covariances_.min() > 0.05)
    True
    """

    alpha: Any = 1.0
    kappa: float = 0.01
    mean: Any = AUTO
    nu: Any = AUTO
    scatter: Any = AUTO

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", _numbers("alpha", self.alpha, 1))
        if not (np.isfinite(self.alpha).all() and (self.alpha >= 1).all()):
            raise _refusal("alpha as finite numbers of at least 1", self.alpha)
        number("kappa", self.kappa, 0.0)
        object.__setattr__(self, "kappa", float(self.kappa))
        if not _is_auto(self.mean):
            object.__setattr__(self, "mean", _numbers("mean", self.mean, 1))
            if not np.isfinite(self.mean).all() or self.kappa == 0:
                raise _refusal("a finite mean with a kappa above 0", (self.mean, self.kappa))
        if self.nu is not None and not _is_auto(self.nu):
            number("nu", self.nu, 0.0, above=True)
            object.__setattr__(self, "nu", float(self.nu))
        if not _is_auto(self.scatter):
            object.__setattr__(self, "scatter", _numbers("scatter", self.scatter, 2))
            if self.nu is None:
                raise _refusal("nu beside a scatter", None)

    @property
    def proper(self) -> bool:
        """Whether it says something of covariances."""
        return self.nu is not None

    @property
    def shapes(self) -> bool:
        """Whether it says something of means or covariances."""
        return self.kappa > 0 or self.proper

    @property
    def numbered(self) -> bool:
        """Whether it says of some components what it does not of others."""
        return bool(self.alpha.ndim)

    @property
    def draws_weights(self) -> bool:
        """Whether weights are drawn elsewhere without a log density: never."""
        return False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        names = ("alpha", "kappa", "mean", "nu", "scatter")
        values = ((name, getattr(self, name)) for name in names)
        return {n: v.tolist() if isinstance(v, np.ndarray) else v for n, v in values}

    def check(self, n_components: int, n_features: int, covariance_type: str) -> None:
        """Refuse it for mixtures of another size or family.

        Raises
        ------
        InputError
        """
        family = family_of(covariance_type)
        if self.alpha.shape not in ((), (n_components,)):
            raise _refusal(f"one alpha, or {n_components} of them", f"{self.alpha.size}")
        if not _is_auto(self.mean) and self.mean.shape not in ((), (n_features,)):
            raise _refusal(f"a mean of {n_features} columns", f"{self.mean.size}")
        if self.proper:
            least = n_features - 1 if _axes(family, n_features) == 2 else 0
            if self._nu(n_features) <= least:
                raise _refusal(f"nu above {least} for {n_features} columns", self.nu)
        if not _is_auto(self.scatter):
            _check_scatter(self.scatter, family, n_features)

    def among(self, summary: DataSummary, covariance_type: str, n_components: int) -> Prior:
        """Give what it says of mixtures of the rows of a summary.

        Parameters
        ----------
        summary : DataSummary
            Of all rows.
        covariance_type : str
            Name of the family.
        n_components : int
        """
        family, n_features = family_of(covariance_type), len(summary.mean)
        mean = summary.mean if _is_auto(self.mean) else self.mean
        scatter, degrees = np.zeros(()), 0.0
        if self.proper:
            axes = _axes(family, n_features)
            scatter = self._scatter(summary, family, n_components)
            # The power of the determinant of a matrix, in that of the variance of each column.
            degrees = self._nu(n_features) + (n_features + 1 if axes == 2 else 2)
            if not axes:
                scatter, degrees = scatter / n_features, degrees / n_features
        return Prior(
            as_float64(scatter),
            as_float64(0.0),
            counts=as_float64(self.alpha - 1),
            pull=self.kappa,
            means=as_float64(np.broadcast_to(mean, (n_features,))),
            normals=float(self.kappa > 0),
            degrees=degrees,
            proper=self.proper,
        )

    def _nu(self, n_features: int) -> float:
        return n_features + 2.0 if _is_auto(self.nu) else float(self.nu)

    def _scatter(self, summary: DataSummary, family: CovarianceFamily, n_components: int) -> Array:
        n_features = len(summary.mean)
        if not _is_auto(self.scatter):
            matrix = self.scatter * np.eye(n_features) if self.scatter.ndim < 2 else self.scatter
            return family.seen(matrix)
        divisor = max(summary.mass - 1, 1.0) * n_components ** (2 / n_features)
        covariance = summary.scatter_about(summary.mean) / divisor
        if _axes(family, n_features) == 2:
            return family.seen(covariance)
        return family.seen(np.eye(n_features) * np.diagonal(covariance).mean())


def prior_of_user(asked: object) -> MixturePrior | None:
    """Give the prior that a user means: mclust's by its name, or one by a mapping of its values.

    Raises
    ------
    InputError
        If it is none.
    """
    if asked is None or isinstance(asked, MixturePrior):
        return asked
    if isinstance(asked, str) and asked == MCLUST:
        return MixturePrior()
    known = MixturePrior.__dataclass_fields__
    if isinstance(asked, Mapping) and set(asked) <= set(known):
        return MixturePrior(**asked)
    raise _refusal(f"{MCLUST}, or values of {', '.join(known)}, as a prior", asked)


def _axes(family: CovarianceFamily, n_features: int) -> int:
    """Of what a family tells of a matrix: two for one, one for variances of columns, or none."""
    return family.seen(np.eye(n_features)).ndim


def _is_auto(value: object) -> bool:
    return isinstance(value, str) and value == AUTO


def _numbers(name: str, value: object, most: int) -> Array:
    """Numbers as a read-only array of at most so many axes."""
    try:
        found = np.asarray(value)
    except ValueError as error:
        raise _refusal(f"numbers as {name}", value) from error
    if found.dtype.kind not in "iuf" or found.ndim > most or not found.size:
        raise _refusal(f"numbers as {name}", value)
    return as_float64(found)


def _check_scatter(scatter: Array, family: CovarianceFamily, n_features: int) -> None:
    shape = family.seen(np.eye(n_features)).shape
    if scatter.shape not in ((), shape):
        raise _refusal(f"a scatter of shape {shape}, or one number", f"{scatter.shape}")
    matrix = scatter * np.eye(n_features) if scatter.ndim < 2 else scatter
    if (
        not np.isfinite(matrix).all()
        or not np.array_equal(matrix, matrix.T)
        or not has_factor(matrix)
    ):
        raise _refusal("a scatter that is finite, symmetric and positive definite", scatter)


def _refusal(wanted: str, found: object) -> InputError:
    return InputError(f"Wanted {wanted}, found {found} in the prior. Give another value.")
