"""Parameters of a mixture that stay as they are while all others are fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.checks import one_of
from dask_gmm.errors import InputError
from dask_gmm.mixture.features import Array, freeze
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.parts import ALL, PARTS

Marks = npt.NDArray[np.bool_]
FEW: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, eq=False)
class Fixed:
    """Which parameters stay as they are.

    Parameters
    ----------
    weights, means, covariances : ndarray of bool, shape (K,) or (0,)
        Whether those of each component do; empty where none do.
    """

    weights: Marks
    means: Marks
    covariances: Marks

    def __post_init__(self) -> None:
        freeze(self.weights, self.means, self.covariances)

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return any(getattr(self, name).any() for name in PARTS)

    def __or__(self, other: "Fixed") -> "Fixed":
        if not (self.any and other.any):
            return self if self.any else other
        return Fixed(*(getattr(self, name) | getattr(other, name) for name in PARTS))

    def n_parameters(self, like: Mixture) -> int:
        """Give how many of the free parameters of such a mixture are fixed."""
        family, (k, d) = like.family, like.means.shape
        if not self.any:
            return 0
        weights = min(int(self.weights.sum()), k - 1)
        covariances = int(self.covariances.sum())
        n_free = family.n_free(covariances, d) if covariances else 0
        return int(weights + int(self.means.sum()) * d + n_free)

    def imposed(self, found: Mixture, given: Mixture) -> Mixture:
        """Put the parameters that are fixed, of a mixture that is given, in the place of others.

        Free weights share in proportion what those that are fixed leave.
        """
        if not self.any:
            return found
        weights = self.shared(found.weights, given.weights)
        means = self.placed(found.means, given.means)
        marks = self.of_covariances(found)
        covariances = np.where(marks, given.covariances, found.covariances)
        return Mixture.of(weights, means, covariances, found.covariance_type)

    def placed(self, means: Array, given: Array) -> Array:
        """Give the means (K, D) of which those that are fixed are given."""
        return np.where(self.means[:, None], given, means) if self.means.any() else means

    def shared(self, weights: Array, given: Array) -> Array:
        """Give the weights (K,) of which those that are fixed are given.

        Where no row is left to the others, these share as they did before.
        """
        if not self.weights.any():
            return weights
        left = max(1 - float(given[self.weights].sum()), 0.0)
        free = np.where(self.weights, 0.0, weights)
        total = float(free.sum())
        return np.where(self.weights, given, free * (left / total)) if total > FEW else given

    def of_covariances(self, like: Mixture) -> Marks:
        """Whether each covariance of such a mixture is fixed, in a shape that broadcasts."""
        if like.family.shared:
            return np.asarray(self.covariances.all())
        return self.covariances.reshape(-1, *(1,) * (like.covariances.ndim - 1))


_NONE: Final = np.zeros(0, dtype=bool)
NOTHING_FIXED: Final = Fixed(_NONE, _NONE, _NONE)


def fixed_of(asked: Mapping[str, Any] | None, n_components: int, *, shared: bool) -> Fixed:
    """Give which parameters stay as they are, as a user says it.

    Parameters
    ----------
    asked : mapping, optional
        Of ``weights``, ``means`` and ``covariances``, each to ``"all"`` or to numbers of
        components.
    n_components : int
    shared : bool
        Whether all components share a covariance, which is fixed as a whole then.

    Raises
    ------
    InputError
        If it names anything else, or some of the components that share a covariance.
    """
    if asked is None:
        return NOTHING_FIXED
    if not isinstance(asked, Mapping):
        raise InputError(
            f"Wanted fixed as a mapping of {', '.join(PARTS)} to numbers of components, found "
            f"{asked!r}. Write it such as {{'means': [0, 2], 'covariances': 'all'}}."
        )
    for name in asked:
        one_of("what is fixed", name, PARTS)
    fixed = Fixed(*(_marks(name, asked.get(name, ()), n_components) for name in PARTS))
    if shared and fixed.covariances.any() and not fixed.covariances.all():
        raise InputError(
            "Wanted the covariance that all components share fixed for all of them or for none, "
            f"found it fixed for {np.flatnonzero(fixed.covariances).tolist()}. Fix all, or choose "
            "another family of covariances."
        )
    return fixed


def _marks(name: str, asked: Any, n_components: int) -> Marks:
    if isinstance(asked, str) and asked == ALL:
        return np.ones(n_components, dtype=bool)
    numbers = _numbers(asked)
    marks = np.zeros(n_components, dtype=bool)
    if numbers is None or not all(0 <= each < n_components for each in numbers):
        raise InputError(
            f"Wanted '{ALL}' or numbers of components from 0 to {n_components - 1} as fixed "
            f"{name}, found {asked!r}. Correct them."
        )
    marks[list(numbers)] = True
    return marks


def _numbers(asked: Any) -> Sequence[int] | None:
    """Whole numbers as a list; None for what is none."""
    if not isinstance(asked, Sequence | np.ndarray) or isinstance(asked, str):
        return None
    if not all(isinstance(each, Integral) and not isinstance(each, bool) for each in asked):
        return None
    return [int(each) for each in asked]
