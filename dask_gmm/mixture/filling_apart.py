"""What is expected of missing values where no two columns of a component depend on each other."""

import numpy as np
import numpy.typing as npt

from dask_gmm.mixture.estep import LOG_2PI
from dask_gmm.mixture.features import Array, Floats
from dask_gmm.mixture.filling import Filling, Lacked


class Apart(Filling):
    """That of a mixture of components whose columns do not depend on each other."""

    @staticmethod
    def costs(lacking: npt.NDArray[np.intp], n_components: int, n_features: int) -> Array:
        """As many as a row has columns and the mixture components."""
        return np.full(len(lacking), float(n_components + n_features))

    def _prepare(self) -> None:
        inverses = np.einsum("kdd->kd", self._factors)
        self._means, self._precisions = self._offsets / inverses, inverses**2
        self._missing = self.gaps.missing.astype(np.float64)
        self._freed = 0.5 * (LOG_2PI - np.log(self._precisions)) - self._log_scale
        without = self._freed + 0.5 * self._precisions * self._means**2
        self._gained = without @ self._missing
        for k in self._doubtful:
            self._look_closely(k)

    def _look_closely(self, component: int) -> None:
        """Find the density of a component whose linear form is in doubt, about its own mean."""
        k = component
        apart = (self._z - self._means[k][:, None]) * (1 - self._missing)
        squares = self._precisions[k] @ np.square(apart)
        self._gained[k] = self._constants[k] + self._freed[k] @ self._missing - 0.5 * squares

    def expected(self, component: int) -> Array:
        return np.asarray(self._means[component][self.gaps.columns])

    def spread(self, responsibilities: Floats, component: int) -> Array:
        mass = self._missing @ responsibilities[self.gaps.rows]
        return np.asarray(mass / self._precisions[component])

    def lacked(self, responsibilities: Floats) -> Lacked:
        mass = self._taken(responsibilities) @ self._missing.T
        squares = self._means**2 + 1 / self._precisions
        entropy = float((mass * (0.5 + self._freed)).sum())
        return Lacked(mass * squares, mass * self._means, entropy)
