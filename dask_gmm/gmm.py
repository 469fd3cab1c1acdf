"""The two names of the original script, on data of any size."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from distributed import Client

from dask_gmm.checks import whole
from dask_gmm.data.row_data import RowData
from dask_gmm.errors import NotFittedError
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.names import rank_of
from dask_gmm.passes.cluster import runner_for
from dask_gmm.passes.progress import Silent
from dask_gmm.records.model_file import save_model
from dask_gmm.workflows.fit_rows import fit_rows
from dask_gmm.workflows.sources import source_of, spread


class GaussianMixtureModel:
    """A Gaussian mixture fitted by expectation maximization, with rows on disk or in memory.

    Parameters
    ----------
    num_components : int
        Number of components K.
    num_iters : int, default 100
        Largest number of EM iterations.
    tol : float, default 1e-3
        The fit stops earlier when an iteration gains less than this, in nats per row; 0 runs
        all iterations.
    covariance_type : {"full", "tied", "diag", "spherical", "lowrank-RANK"}, default "full"
        Family of the covariances.
    n_init : int, default 1
        Number of starts; they share every reading of the rows, and the likeliest is kept.
    reg_covar : float, default 1e-6
        Added to the variance of every column after each iteration, in squared units of the data.
    seed : int, default 0
        Of the starts; same seed, same model.
    precision : {"float64", "float32"}, default "float64"
        Type in which a pass computes.
    solver : {"em", "fast"}, default "em"
        Plain EM on all rows; or accelerated ascent from a merged start on a sample to all rows,
        which ends when less is left to gain than a tenth of the statistical error, and does without
        ``tol`` and ``reg_covar``. ``num_iters`` is then the largest number of readings of the rows
        after the first.
    start : Mixture, optional
        Parameters to start from, as `checked_mixture` or a fitted model's ``mixture`` gives them;
        by default k-means on a sample of the rows.
    client : distributed.Client, optional
        Cluster to compute on. By default rows in memory are fitted in this process, and stored
        rows on the current client if there is one.

    Attributes
    ----------
    weights : ndarray of shape (K,)
    means : ndarray of shape (K, D)
    covariances : ndarray of shape (K, D, D)
        Full matrices, whatever the family; only those of ``lowrank-RANK``, of which none are made,
        are noise and loadings (K, D, 1 + RANK).
    result : FittedMixture
        Everything else: history, convergence, precisions, criteria.

    Examples
    --------
    >>> import numpy as np
    >>> from dask_gmm import GaussianMixtureModel, generate_gmm_data
    >>> data = generate_gmm_data(600, [0.6, 0.4], [[0, 0], [9, 9]], [np.eye(2), np.eye(2)], seed=0)
    >>> model = GaussianMixtureModel(num_components=2, num_iters=100).fit(data)
    >>> sorted(model.weights.round(1).tolist())
    [0.4, 0.6]
    """

    def __init__(
        self,
        num_components: int,
        num_iters: int = 100,
        *,
        tol: float = 1e-3,
        covariance_type: str = "full",
        n_init: int = 1,
        reg_covar: float = 1e-6,
        seed: int = 0,
        precision: str = "float64",
        solver: str = "em",
        start: Mixture | None = None,
        client: Client | None = None,
    ) -> None:
        self.num_components = num_components
        self.num_iters = num_iters
        self.tol = tol
        self.covariance_type = covariance_type
        self.n_init = n_init
        self.reg_covar = reg_covar
        self.seed = seed
        self.precision = precision
        self.solver = solver
        self.start = start
        self.client = client
        self._result: FittedMixture | None = None

    def fit(
        self,
        data: Any,
        *,
        array: str | None = None,
        columns: Sequence[int | str] | None = None,
        rows: slice | None = None,
        missing_chunks: str = "error",
        sample_weight: Any = None,
        labels: Any = None,
    ) -> Self:
        """Fit the mixture to rows.

        Parameters
        ----------
        data : array-like, dask array, zarr array, or path of zarr or parquet
            Rows of shape (N, D), float64, float32 or integers, chunked in any way.
        array : str, optional
            Name of the array inside a group; by default ``x``, else the only one with two axes.
        columns : sequence of int or str, optional
            Columns to use, in this order; those of parquet files also by their names.
        rows : slice, optional
            Rows to use, in steps of 1.
        missing_chunks : {"error", "fill"}, default "error"
            Whether a chunk that is not stored is an error, or reads as the fill value of its array.
        sample_weight : array-like of shape (N,), optional
            How often each row of the data counts; for stored rows also a zarr array, or its path.
        labels : array-like of shape (N,), optional
            The component that each row is known to be of, -1 where it is not known, so too.

        Returns
        -------
        GaussianMixtureModel
            Itself.

        Raises
        ------
        InputError
            If a parameter or the data's shape or type is wrong.
        DataError
            If rows are not finite, missing or damaged; the message names the place.
        """
        n_labels = 0 if labels is None else self.num_components
        spec, n_init = self._spec(n_labels), whole("n_init", self.n_init, 1)
        source = source_of(
            data,
            array=array,
            columns=columns,
            rows=rows,
            missing_chunks=missing_chunks,
            beside=RowData(sample_weight, labels, self.num_components),
            client=self.client,
        )
        runner = runner_for(self.client, in_memory=not source.shareable)
        outcome = fit_rows(spread(source, runner), spec, n_init, runner, Silent())
        self._result = outcome.model
        return self

    @property
    def result(self) -> FittedMixture:
        """The fitted mixture: parameters, history, convergence, criteria."""
        if self._result is None:
            raise NotFittedError(
                "Wanted a fitted GaussianMixtureModel, found one before its fit. Call fit first."
            )
        return self._result

    @property
    def weights(self) -> Array:
        """Weights of the components (K,)."""
        return self.result.weights

    @property
    def means(self) -> Array:
        """Means of the components (K, D)."""
        return self.result.means

    @property
    def covariances(self) -> Array:
        """Covariances of the components as matrices (K, D, D); those of factors as they are."""
        found = self.result.mixture
        return found.covariances if found.family.factored else found.full_covariances()

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the fitted mixture as a zarr group; see `save_model`."""
        save_model(self.result, path, overwrite=overwrite)

    def __repr__(self) -> str:
        state = "not fitted" if self._result is None else self._result.reason
        return (
            f"GaussianMixtureModel(num_components={self.num_components}, "
            f"num_iters={self.num_iters}): {state}"
        )

    def _spec(self, n_labels: int) -> Spec:
        rank_of(self.covariance_type, "covariance_type")
        fast = self.solver == "fast"
        return Spec(
            n_components=whole("num_components", self.num_components, 1),
            covariance_type=self.covariance_type,
            tol=None if fast else self.tol,
            max_iter=whole("num_iters", self.num_iters, 1),
            solver=self.solver,
            init=MERGE if fast else "kmeans",
            reg_covar=self.reg_covar,
            precision=self.precision,
            seed=whole("seed", self.seed, 0),
            start=self.start,
            n_labels=n_labels,
        )
