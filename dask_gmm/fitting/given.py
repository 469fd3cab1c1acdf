"""Some of the parameters of a start, as a user gives them."""

from dataclasses import dataclass
from typing import Final

import numpy.typing as npt

from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture, as_float64


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Some of the parameters of a start, in the shapes and coordinates of a `Mixture`."""

    weights: Array | None = None
    means: Array | None = None
    covariances: Array | None = None

    @classmethod
    def of(
        cls,
        weights: npt.ArrayLike | None,
        means: npt.ArrayLike | None,
        covariances: npt.ArrayLike | None,
    ) -> "Given":
        """Make one of read-only copies."""
        parts = (weights, means, covariances)
        return cls(*(None if part is None else as_float64(part) for part in parts))

    def mixture(self, covariance_type: str) -> Mixture | None:
        """Give the mixture, if nothing is missing."""
        if self.weights is None or self.means is None or self.covariances is None:
            return None
        return Mixture(self.weights, self.means, self.covariances, covariance_type)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given."""
        return self.weights is None and self.means is None and self.covariances is None

    def in_place(self, drawn: Mixture, shift: Array) -> Mixture:
        """Put what is given in the place of what was drawn, with means about ``shift``."""
        return Mixture.of(
            drawn.weights if self.weights is None else self.weights,
            drawn.means if self.means is None else self.means - shift,
            drawn.covariances if self.covariances is None else self.covariances,
            drawn.covariance_type,
        )


NOTHING_GIVEN: Final = Given()
