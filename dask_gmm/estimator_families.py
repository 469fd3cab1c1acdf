"""The families of covariances that scikit-learn does not know, where it asks for them."""

import re
from typing import Any

import numpy as np
import sklearn.mixture
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.family import CovarianceFamily
from dask_gmm.mixture.loadings import drawn
from dask_gmm.mixture.names import EXAMPLES, NAMES


class Families(StrOptions):  # type: ignore[misc]  # it has no types
    """The names of families, of which those of factors are many."""

    def __init__(self) -> None:
        super().__init__(set(EXAMPLES))

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether it is one of them."""
        return isinstance(val, str) and re.fullmatch(NAMES, val) is not None


class FamilyMethods(sklearn.mixture.GaussianMixture):  # type: ignore[misc]  # it has no types
    """The methods of `dask_gmm.GaussianMixture` that differ from family to family."""

    precisions_init: Any

    def sample(self, n_samples: int = 1) -> tuple[Any, Any]:
        """Draw rows from the fitted mixture, component by component.

        Parameters
        ----------
        n_samples : int, default 1

        Returns
        -------
        X : ndarray of shape (n_samples, D)
        y : ndarray of shape (n_samples,)
            The component that each was drawn from.
        """
        if not self._family.factored or n_samples < 1:
            return tuple(super().sample(n_samples))
        check_is_fitted(self)
        state = check_random_state(self.random_state)
        counts = state.multinomial(n_samples, self.weights_)
        parts = zip(self.means_, self.covariances_, counts, strict=True)
        rows = np.vstack([mean + drawn(state, own, count) for mean, own, count in parts])
        return rows, np.repeat(np.arange(len(counts)), counts)

    @property
    def _family(self) -> CovarianceFamily:
        return family_of(self.covariance_type)

    def _n_parameters(self) -> int:
        return self._family.n_parameters(*np.shape(self.means_))

    def _check_parameters(self, X: Any, xp: Any = None) -> None:
        """Check what is given of a start; precisions of factors, which scikit-learn lacks, here."""
        precisions: Any = self.precisions_init
        if precisions is None or not self._family.factored:
            super()._check_parameters(X, xp=xp)
            return
        self.precisions_init = None
        try:
            super()._check_parameters(X, xp=xp)
        finally:
            self.precisions_init = precisions
        wanted, found = self._family.shape(self.n_components, X.shape[1]), np.shape(precisions)
        if found != wanted:
            raise InputError(
                f"Wanted precisions_init of shape {wanted} for {self.covariance_type}, found "
                f"{found}. Give a diagonal and what is subtracted from it, as in precisions_."
            )
