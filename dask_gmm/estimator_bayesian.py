"""scikit-learn's estimator that knows priors, on data of any size."""

import copy
from typing import Any, ClassVar, Self

import numpy as np
import sklearn.mixture
from distributed import Client
from sklearn.utils._param_validation import StrOptions

from dask_gmm.estimator_base import Estimator
from dask_gmm.estimator_posterior import (
    beliefs_of,
    kept_at,
    parameters_of,
    posterior_in,
    set_attributes,
)
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, State, seed_of
from dask_gmm.mixture.beliefs import PROCESS
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.variational import Inference
from dask_gmm.objects.location import Location
from dask_gmm.workflows.iterates import Iterates, believe
from dask_gmm.workflows.trip import Trip


class BayesianGaussianMixture(Estimator, sklearn.mixture.BayesianGaussianMixture):  # type: ignore[misc]
    """`sklearn.mixture.BayesianGaussianMixture` for rows in memory, on disk and on a cluster.

    Parameters, methods and attributes are scikit-learn's, and so are the iterations: from the
    same start they end at the same posterior. What differs is listed in ``docs/scikit-learn.md``.

    Parameters
    ----------
    n_components : int, default 1
        Number of components K; of more than the rows need, most are left with hardly any weight.
    covariance_type : {"full", "tied", "diag", "spherical"}, default "full"
        Family of the covariances.
    tol : float, default 1e-3
        The fit has converged when an iteration changes the lower bound of the log evidence of all
        rows by less than this, in nats.
    reg_covar : float, default 1e-6
        Added to the diagonal of the covariance of each component's rows, in squared units.
    max_iter : int, default 100
        Largest number of iterations, each of one reading of the rows; 0 gives the start.
    n_init : int, default 1
        Number of starts; they share every reading of the rows, and the one with the highest lower
        bound is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default "kmeans"
        How a start is drawn, as for `GaussianMixture`.
    weight_concentration_prior_type : str, default "dirichlet_process"
        Or ``dirichlet_distribution``: whether weights are broken off a stick one after another, or
        are all alike before any row.
    weight_concentration_prior : float, optional
        The smaller, the fewer components have weight; by default ``1 / K``.
    mean_precision_prior : float, optional
        How many rows the prior of a mean is worth; by default 1.
    mean_prior : array-like of shape (D,), optional
        By default the mean of the rows.
    degrees_of_freedom_prior : float, optional
        How many rows the prior of a covariance is worth, above ``D - 1``; by default D.
    covariance_prior : float or array-like, optional
        Their scatter: (D, D) for ``full`` and ``tied``, (D,) for ``diag``, a number for
        ``spherical``; by default the covariance of the rows.
    random_state : int, RandomState or None
        Of the starts, the sample and `sample`.
    warm_start : bool, default False
        Whether `fit` goes on from the posterior of the last one.
    verbose, verbose_interval : int, default 0 and 10
        Which iterations are printed, as for `GaussianMixture`.
    missing : {"error", "em"}, default "error"
        Whether NaN is an error, or a value that is missing at random, as for `GaussianMixture`.
    solver : {"em", "fast"}, default "em"
        scikit-learn's iterations; or these, and two components made one where that raises the lower
        bound, which takes a tenth of the readings where there are too many. ``fast`` ends when less
        is left to gain than a tenth of the statistical error, and does without ``tol``.
    client : distributed.Client, optional
        Cluster to fit on, as for `GaussianMixture`.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
        Expected weights.
    means_ : ndarray of shape (K, D)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        (K, D, D) for ``full``, (D, D) for ``tied``, (K, D) for ``diag``, (K,) for ``spherical``.
    weight_concentration_ : ndarray of shape (K,), or two of them for ``dirichlet_process``
    mean_precision_ : ndarray of shape (K,)
    degrees_of_freedom_ : ndarray of shape (K,), or a number for ``tied``
    weight_concentration_prior_, mean_precision_prior_, degrees_of_freedom_prior_ : float
    mean_prior_ : ndarray of shape (D,)
    covariance_prior_ : float or ndarray
        The priors, where none was given those that the rows suggest.
    converged_ : bool
    n_iter_ : int
    lower_bound_, lower_bounds_ : float, list of float
        Of the log evidence of all rows, in nats, but for what never changes; after each iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of str, only where the columns have names

    Examples
    --------
    >>> import numpy as np
    >>> from dask_gmm import BayesianGaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [4, 2], [12, 4], [10, 7]])
    >>> bgm = BayesianGaussianMixture(n_components=2, random_state=42).fit(X)
    >>> bgm.means_.round(1)
    array([[2.5, 2.3],
           [8.5, 4.5]])
    >>> bgm.predict([[0, 0], [9, 3]])
    array([0, 1])
    """

    _theirs = sklearn.mixture.BayesianGaussianMixture
    _ours = ("missing", "solver", "client")
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.mixture.BayesianGaussianMixture._parameter_constraints,
        "missing": [StrOptions({"error", "em"})],
        "solver": [StrOptions({"em", "fast"})],
        "client": [Client, None],
    }

    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weight_concentration_prior_type: str = PROCESS,
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: Any = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        missing: str = "error",
        solver: str = "em",
        client: Client | None = None,
    ) -> None:
        super().__init__(
            n_components=n_components,
            covariance_type=covariance_type,
            tol=tol,
            reg_covar=reg_covar,
            max_iter=max_iter,
            n_init=n_init,
            init_params=init_params,
            weight_concentration_prior_type=weight_concentration_prior_type,
            weight_concentration_prior=weight_concentration_prior,
            mean_precision_prior=mean_precision_prior,
            mean_prior=mean_prior,
            degrees_of_freedom_prior=degrees_of_freedom_prior,
            covariance_prior=covariance_prior,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.missing = missing
        self.solver = solver
        self.client = client

    @classmethod
    def from_run(cls, path: str | Location) -> Self:
        """Make one of the posterior that a Bayesian fit kept in a run folder, fitted.

        Parameters
        ----------
        path : str, Path or Address
            The run folder.

        Raises
        ------
        InputError
            If it is not that of a Bayesian fit.
        DataError
            If there is none, or it is damaged.
        """
        inference, ending = kept_at(path)
        made: Self = cls(**parameters_of(inference))
        set_attributes(made, inference)
        for name, value in ending.items():
            setattr(made, name, value)
        return made

    def _asked(self, state: State, *, goes_on: bool, labeled: bool) -> Spec:
        posterior = posterior_in(self) if goes_on else None
        return Spec(
            n_components=self.n_components,
            covariance_type=self.covariance_type,
            tol=None if self.solver == "fast" else self.tol,
            max_iter=self.max_iter,
            reg_covar=self.reg_covar,
            seed=seed_of(state),
            start=None if posterior is None else posterior.mixture,
            init=self.init_params,
            solver=self.solver,
            beliefs=beliefs_of(self),
            posterior=posterior,
            n_labels=self.n_components if labeled else 0,
        )

    def _climb(self, trip: Trip, spec: Spec, draws: Draws, before: float) -> Iterates[Inference]:
        return believe(trip, spec, draws, before)

    def _keep(self, found: Inference) -> None:
        set_attributes(self, found)

    def _log_weights(self) -> Array:
        return posterior_in(self).log_weights

    def _check_parameters(self, X: Array, xp: Any = None) -> None:
        """Check what is given with scikit-learn, which derives the rest of rows without a value."""
        twin = copy.copy(self)
        rows = np.zeros((2, X.shape[1]))
        sklearn.mixture.BayesianGaussianMixture._check_parameters(twin, rows, xp=xp)
