"""What a fitted estimator says of how well it describes rows, for so many parameters."""

from typing import Any

from dask_gmm.estimator_rows import RowMethods
from dask_gmm.mixture.criteria import aic, bic


class CriterionMethods(RowMethods):
    """The methods that say how well a mixture of so many parameters describes rows."""

    def aic(self, X: Any, sample_weight: Any = None) -> float:
        """Give Akaike's information criterion on rows; smaller is better; see `score`."""
        rows, value = self._score(X, sample_weight)
        return aic(value, rows, self._n_parameters())

    def bic(self, X: Any, sample_weight: Any = None) -> float:
        """Give Schwarz's information criterion on rows; smaller is better; see `score`.

        The number of rows in it is the sum of their weights.
        """
        rows, value = self._score(X, sample_weight)
        return bic(value, rows, self._n_parameters())
