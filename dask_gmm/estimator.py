"""The estimator of scikit-learn, on data of any size."""

from typing import Any, ClassVar

import sklearn.mixture
from distributed import Client
from sklearn.utils._param_validation import StrOptions

from dask_gmm.estimator_base import Estimator
from dask_gmm.estimator_criteria import CriterionMethods
from dask_gmm.estimator_families import Families, FamilyMethods
from dask_gmm.estimator_spec import attributes_of, fixed_in, inits_of, last_of, spec_of
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.starts import Draws, State
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.conjugate_prior import MCLUST, MixturePrior
from dask_gmm.mixture.model import Mixture
from dask_gmm.workflows.iterates import Iterates, ascend, iterate
from dask_gmm.workflows.trip import Trip


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

    _theirs = sklearn.mixture.GaussianMixture
    _ours = ("prior", "fixed", "solver", "missing", "client")
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

    def _asked(self, state: State, *, goes_on: bool, labeled: bool) -> Spec:
        given = last_of(self) if goes_on else inits_of(self)
        return spec_of(self, state, given, labeled=labeled)

    def _climb(self, trip: Trip, spec: Spec, draws: Draws, before: float) -> Iterates[Mixture]:
        if self.solver == "fast":
            return ascend(trip, spec, draws.count)
        return iterate(trip, spec, draws, before)

    def _keep(self, found: Mixture) -> None:
        for name, value in attributes_of(found).items():
            setattr(self, name, value)

    def _n_parameters(self) -> int:
        mixture = last_of(self).mixture(self.covariance_type)
        assert mixture is not None  # all of it has been fitted
        return int(super()._n_parameters()) - fixed_in(self).n_parameters(mixture)
