"""The estimator of scikit-learn, on data of any size."""

from typing import Any, ClassVar, Final, Self

import numpy as np
import sklearn.mixture
from distributed import Client
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from dask_gmm.data.row_data import RowData
from dask_gmm.errors import InputError
from dask_gmm.estimator_base import Estimator
from dask_gmm.estimator_criteria import CriterionMethods
from dask_gmm.estimator_families import Families, FamilyMethods
from dask_gmm.estimator_spec import fixed_in, inits_of, last_of, spec_of
from dask_gmm.fitting.starts import Draws
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.conjugate_prior import MCLUST, MixturePrior
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.cluster import runner_for
from dask_gmm.workflows.export import mixture_dataset, refuse_unknown, with_fitted
from dask_gmm.workflows.iterates import Iterates, ascend, iterate
from dask_gmm.workflows.left_out import Allowed
from dask_gmm.workflows.sources import spread

OURS: Final = ("prior", "fixed", "solver", "missing", "client")


class GaussianMixture(Estimator, CriterionMethods, FamilyMethods):
    """`sklearn.mixture.GaussianMixture` for rows in memory, on disk and on a cluster.

    Parameters, methods and attributes are scikit-learn's, and so are the iterations: from the
    same start they end at the same parameters. What differs is listed in
    ``docs/scikit-learn.md``.

    Parameters
    ----------
    n_components : int, default 1
        Number of components K.
    covariance_type : {"full", "tied", "diag", "spherical", "lowrank-RANK"}, default "full"
        Family of the covariances. ``lowrank-5`` is five factors and a noise for each column, for
        columns in the hundreds; it needs the solver ``em``.
    tol : float, default 1e-3
        The fit has converged when an iteration gains less than this, in nats per row, of the
        log-likelihood and the log prior.
    reg_covar : float, default 1e-6
        Added to the diagonal of each covariance, in squared units of the data; not where a prior
        says something of covariances.
    max_iter : int, default 100
        Largest number of EM iterations, each of one reading of the rows; 0 gives the start.
    n_init : int, default 1
        Number of starts; they share every reading of the rows, and the likeliest is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default "kmeans"
        How a start is drawn. It is drawn as in scikit-learn while there are at most 20,000 rows,
        or 50 per component and column if that is more; beyond, from a sample of so many.
    weights_init : array-like of shape (K,), optional
        Weights to start from.
    means_init : array-like of shape (K, D), optional
        Means to start from.
    precisions_init : array-like, optional
        Inverse covariances to start from, in the shape of ``precisions_``.
    random_state : int, RandomState or None
        Of the starts, the sample and `sample`.
    warm_start : bool, default False
        Whether `fit` goes on from the parameters of the last one.
    verbose : int, default 0
        1 prints every ``verbose_interval``-th iteration, 2 adds log-likelihood and seconds.
    verbose_interval : int, default 10
        Iterations between two lines.
    prior : "mclust", MixturePrior or Background, optional
        What is known before any row, by mclust's defaults or others; or a model of other rows,
        which is the start, and is adapted. What is found maximizes the posterior density then.
    fixed : dict, optional
        Of ``weights``, ``means`` and ``covariances``, each to ``"all"`` or numbers of components:
        what stays, to the byte, as it is in the start. Covariances are the inverses of
        ``precisions_init``. ``n_parameters`` of `aic` and `bic` are those that are free.
    solver : {"em", "fast"}, default "em"
        scikit-learn's iterations; or accelerated ascent from a merged start on a sample to all
        rows, which needs a tenth of the readings and ends when less is left to gain than a tenth
        of the statistical error. ``fast`` does without ``init_params``, ``tol`` and ``reg_covar``;
        ``max_iter`` is the largest number of readings after the first.
    missing : {"error", "em"}, default "error"
        Whether NaN is an error, or stands for a value that is missing at random. Then the fit is
        that of what is there, exactly, and all methods say what follows from it; a row without any
        value has no part in the fit, the weights as probabilities and the log density 0.
    client : distributed.Client, optional
        Cluster to fit on. By default rows in memory are fitted in this process, and stored rows
        and dask collections on the current client if there is one. Clones share it; pickles go
        without.

    Attributes
    ----------
    weights_ : ndarray of shape (K,)
    means_ : ndarray of shape (K, D)
    covariances_, precisions_, precisions_cholesky_ : ndarray
        (K, D, D) for ``full``, (D, D) for ``tied``, (K, D) for ``diag``, (K,) for ``spherical``,
        (K, D, 1 + RANK) for ``lowrank-RANK``; float64, whatever the rows are. Of the last, column 0
        of a component's covariance is the variances of the noise and the others are its loadings;
        a precision is the diagonal in column 0 less the product of the others with their
        transpose; ``precisions_cholesky_`` is one over the deviations of the noise, and the
        loadings in units of these deviations.
    converged_ : bool
    n_iter_ : int
    lower_bound_ : float
        Mean log-likelihood per row in nats before the last M-step, with a prior the log prior over
        the number of rows, up to a constant, added; `score` measures the parameters themselves.
    lower_bounds_ : list of float
        The same of every iteration.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only where the columns have names.

    Examples
    --------
    >>> import numpy as np
    >>> from dask_gmm import GaussianMixture
    >>> X = np.array([[1, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
    >>> gm = GaussianMixture(n_components=2, random_state=0).fit(X)
    >>> gm.means_.round(6)
    array([[10.,  2.],
           [ 1.,  2.]])
    >>> gm.predict([[0, 0], [12, 3]])
    array([1, 0])
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **sklearn.mixture.GaussianMixture._parameter_constraints,
        "covariance_type": [Families()],
        "prior": [StrOptions({MCLUST}), MixturePrior, Background, None],
        "fixed": [dict, None],
        "solver": [StrOptions({"em", "fast"})],
        "missing": [StrOptions({"error", "em"})],
        "client": [Client, None],
    }

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        prior: Any = None,
        fixed: Any = None,
        solver: str = "em",
        missing: str = "error",
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
            weights_init=weights_init,
            means_init=means_init,
            precisions_init=precisions_init,
            random_state=random_state,
            warm_start=warm_start,
            verbose=verbose,
            verbose_interval=verbose_interval,
        )
        self.prior = prior
        self.fixed = fixed
        self.solver = solver
        self.missing = missing
        self.client = client

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, labels: Any = None) -> Self:
        """Fit the mixture to rows by expectation maximization.

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
        GaussianMixture
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
            return self._fit(X, RowData(sample_weight, labels, self.n_components))

    def _fit(self, X: Any, beside: RowData) -> Self:
        source = self._rows_to_fit(X, beside)
        random_state = check_random_state(self.random_state)
        draws = Draws(random_state.get_state(), self.n_init)
        goes_on = self.warm_start and hasattr(self, "converged_")
        given = last_of(self) if goes_on else inits_of(self)
        spec = spec_of(self, draws.state, given, labeled=beside.labels is not None)
        runner = runner_for(self.client, in_memory=not source.shareable)
        rows, listener = spread(source, runner), self._listener()
        allowed = Allowed(missing=self._allows_missing)
        if self.solver == "fast":
            iterates = ascend(rows, spec, self.n_init, runner, listener, allowed)
            random_state.randint(2**31)  # the next fit starts elsewhere
        else:
            before = self.lower_bound_ if goes_on else -np.inf
            iterates = iterate(rows, spec, draws, runner, listener, before, allowed)
            random_state.set_state(iterates.state)
        self._take(iterates)
        return self

    def to_sklearn(self) -> Any:
        """Give a `sklearn.mixture.GaussianMixture` with these parameters, fitted if this one is."""
        refuse_unknown(family_of(self.covariance_type))
        params = {name: value for name, value in self.get_params().items() if name not in OURS}
        return with_fitted(sklearn.mixture.GaussianMixture(**params), self)

    @classmethod
    def from_sklearn(cls, model: Any) -> Self:
        """Make one of a `sklearn.mixture.GaussianMixture`, fitted if that one is."""
        if not isinstance(model, sklearn.mixture.GaussianMixture):
            raise InputError(
                f"Wanted a sklearn.mixture.GaussianMixture, found {type(model).__name__}. Give the "
                "estimator itself."
            )
        known = cls().get_params()
        params = {name: value for name, value in model.get_params().items() if name in known}
        made: Self = with_fitted(cls(**params), model)
        return made

    def to_xarray(self) -> Any:
        """Give the parameters as an `xarray.Dataset`; needs the extra ``xarray``."""
        check_is_fitted(self)
        mixture = Mixture.of(self.weights_, self.means_, self.covariances_, self.covariance_type)
        return mixture_dataset(mixture, getattr(self, "feature_names_in_", None))

    def _n_parameters(self) -> int:
        mixture = Mixture.of(self.weights_, self.means_, self.covariances_, self.covariance_type)
        return int(super()._n_parameters()) - fixed_in(self).n_parameters(mixture)

    def _take(self, iterates: Iterates) -> None:
        mixture = iterates.mixture
        self.weights_, self.means_ = np.array(mixture.weights), np.array(mixture.means)
        self.covariances_ = np.array(mixture.covariances)
        self.precisions_cholesky_ = mixture.precisions_cholesky
        self.precisions_ = mixture.precisions
        self.lower_bounds_ = list(iterates.lower_bounds)
        self.lower_bound_ = self.lower_bounds_[-1] if self.lower_bounds_ else -np.inf
        self.n_iter_, self.converged_ = len(self.lower_bounds_), iterates.converged
        self._warn_unless_converged()
