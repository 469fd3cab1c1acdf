"""What both estimators share: the course of a fit, clones, and the way to scikit-learn and back."""

import copy
import sys
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from dask_gmm.data.row_data import RowData
from dask_gmm.data.source import Source
from dask_gmm.errors import InputError
from dask_gmm.estimator_rows import RowMethods
from dask_gmm.estimator_spec import last_of
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, State
from dask_gmm.mixture.covariance import family_of
from dask_gmm.passes.cluster import runner_for
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.progress import Iterations
from dask_gmm.workflows.export import mixture_dataset, refuse_unknown, with_fitted
from dask_gmm.workflows.iterates import Iterates
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.sources import spread
from dask_gmm.workflows.trip import Trip

COLUMNS: Final = ("n_features_in_", "feature_names_in_")
UNCONVERGED: Final = (
    "Best performing initialization did not converge. Try different init parameters, or increase "
    "max_iter, tol, or check for degenerate data."
)


class Estimator(RowMethods):
    """What both estimators share; each says what it asks for, how it climbs and what it keeps."""

    # scikit-learn's estimator of the same name, and the parameters that it does not have.
    _theirs: ClassVar[type[Any]]
    _ours: ClassVar[tuple[str, ...]]

    max_iter: int
    n_init: int
    random_state: Any
    warm_start: bool
    verbose: int
    verbose_interval: int
    converged_: bool
    lower_bound_: float

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, labels: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array-like, data frame, dask array or data frame, zarr array, path, or xarray.DataArray
            Rows of shape (N, D).
        y : ignored
        sample_weight : array-like of shape (N,), optional
            How often each row counts, at least 0: a row of weight 2 is the row twice, and one of
            weight 0 is not there. For stored rows also a zarr array of one axis, or its path; for
            dask collections also a dask array.
        labels : array-like of shape (N,), optional
            The component that each row is known to be of, -1 where it is not known, as such an
            array. Components keep these numbers, and start where their rows are.

        Returns
        -------
        GaussianMixture or BayesianGaussianMixture
            Itself.

        Raises
        ------
        ValueError
            If a parameter is outside its domain, before anything is read, or rows are not finite,
            or weights are negative, not finite, or nearly all zero, or a label is no component.
        DataError
            If stored rows are missing or damaged; the message names the place.
        """
        self._validate_params()
        with self._unchanged_columns_if_it_fails():
            self._fit(X, RowData(sample_weight, labels, self.n_components))
        self._warn_unless_converged()
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Fit the mixture to rows, then label them; see `fit` and `predict`."""
        return self.fit(X, sample_weight=sample_weight).predict(X)

    def to_sklearn(self) -> Any:
        """Give scikit-learn's estimator of the same name and parameters, fitted if this one is."""
        refuse_unknown(family_of(self.covariance_type))
        params = {
            name: value for name, value in self.get_params().items() if name not in self._ours
        }
        return with_fitted(self._theirs(**params), self)

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """Make one of scikit-learn's estimator of the same name, fitted if that one is."""
        if not isinstance(model, cls._theirs):
            raise InputError(
                f"Wanted a sklearn.mixture.{cls._theirs.__name__}, found {type(model).__name__}. "
                "Give the estimator itself."
            )
        known = cls().get_params()
        params = {name: value for name, value in model.get_params().items() if name in known}
        made: Self = with_fitted(cls(**params), model)
        return made

    def to_xarray(self) -> Any:
        """Give the parameters as an `xarray.Dataset`; needs the extra ``xarray``."""
        check_is_fitted(self)
        mixture = last_of(self).mixture(self.covariance_type)
        assert mixture is not None  # all of it has been fitted
        return mixture_dataset(mixture, getattr(self, "feature_names_in_", None))

    @abstractmethod
    def _asked(self, state: State, *, goes_on: bool, labeled: bool) -> Spec:
        """Give what a candidate is asked to be, from the last fit on if this one goes on."""

    @abstractmethod
    def _climb(self, trip: Trip, spec: Spec, draws: Draws, before: float) -> Iterates[Any]:
        """Make the iterations."""

    @abstractmethod
    def _keep(self, found: Any) -> None:
        """Take what the iterations have found as attributes."""

    def _fit(self, X: Any, beside: RowData) -> None:
        source = self._rows_to_fit(X, beside)
        random_state = check_random_state(self.random_state)
        draws = Draws(random_state.get_state(), self.n_init)
        goes_on = self.warm_start and hasattr(self, "converged_")
        spec = self._asked(draws.state, goes_on=goes_on, labeled=beside.labels is not None)
        runner = runner_for(self.client, in_memory=not source.shareable)
        allowed = Allowed(missing=self._allows_missing)
        trip = Trip(spread(source, runner), runner, self._listener(), allowed=allowed)
        before = self.lower_bound_ if goes_on else -np.inf
        iterates = self._climb(trip, spec, draws, before)
        if iterates.state is None:
            random_state.randint(2**31)  # the next fit starts elsewhere
        else:
            random_state.set_state(iterates.state)
        self._keep(iterates.found)
        self.lower_bounds_ = list(iterates.lower_bounds)
        self.lower_bound_ = self.lower_bounds_[-1] if self.lower_bounds_ else -np.inf
        self.n_iter_, self.converged_ = len(self.lower_bounds_), iterates.converged

    def _rows_to_fit(self, X: Any, beside: RowData) -> Source:
        source = self._source(X, beside, reset=True, missing=self._allows_missing)
        rows = source.layout.rows
        if rows < self.n_components:
            raise InputError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, "
                f"n_samples = {rows}. Give more rows, or ask for fewer components."
            )
        return source

    @contextmanager
    def _unchanged_columns_if_it_fails(self) -> Iterator[None]:
        before = {name: getattr(self, name) for name in COLUMNS if hasattr(self, name)}
        try:
            yield
        except BaseException:
            for name in COLUMNS:
                self.__dict__.pop(name, None)
            self.__dict__.update(before)
            raise

    def _listener(self) -> Progress:
        if not self.verbose:
            return Silent()
        return Iterations(sys.stdout, self.verbose_interval, details=int(self.verbose) > 1)

    def _warn_unless_converged(self) -> None:
        if self.max_iter and not self.converged_:
            warnings.warn(UNCONVERGED, ConvergenceWarning, stacklevel=3)

    def __sklearn_clone__(self) -> Self:
        twin: Self = super(Estimator, copy.copy(self)).__sklearn_clone__()
        twin.client = self.client
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "client": None}
