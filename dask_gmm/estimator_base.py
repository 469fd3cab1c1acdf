"""What both estimators are beside what they fit: clones, copies, and what is told of a fit."""

import copy
import sys
import warnings
from typing import Any, Final, Self

from sklearn.exceptions import ConvergenceWarning

from dask_gmm.estimator_rows import RowMethods
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.progress import Iterations

UNCONVERGED: Final = (
    "Best performing initialization did not converge. Try different init parameters, or increase "
    "max_iter, tol, or check for degenerate data."
)


class Estimator(RowMethods):
    """What both estimators share."""

    verbose: int
    verbose_interval: int
    max_iter: int
    converged_: bool

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the mixture to rows, then label them; see `fit` and `predict`."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def _listener(self) -> Progress:
        if not self.verbose:
            return Silent()
        return Iterations(sys.stdout, self.verbose_interval, details=int(self.verbose) > 1)

    def _warn_unless_converged(self) -> None:
        if self.max_iter and not self.converged_:
            warnings.warn(UNCONVERGED, ConvergenceWarning, stacklevel=4)

    def __sklearn_clone__(self) -> Self:
        twin: Self = super(Estimator, copy.copy(self)).__sklearn_clone__()
        twin.client = self.client
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}
