"""What a fitted estimator says of rows, wherever they are."""

from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from distributed import Client
from sklearn.base import BaseEstimator
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from dask_gmm.checks import whole
from dask_gmm.data.row_data import NOTHING_BESIDE, RowData
from dask_gmm.data.source import Source
from dask_gmm.errors import InputError
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.objects.location import Location
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.cluster import runner_for
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.describe import (
    density_of,
    describe_lazily,
    describe_rows,
    score_rows,
)
from dask_gmm.workflows.describe_store import describe_store
from dask_gmm.workflows.inputs import Kind, as_array, feature_names, kind_of
from dask_gmm.workflows.sources import source_of, spread

NOT_ROUTED: Final = {"out": UNUSED, "overwrite": UNUSED}


class RowMethods(BaseEstimator):  # type: ignore[misc]  # it has no types
    """The methods of both estimators that ask for rows after the fit.

    Answers follow the rows: arrays for rows in memory, lazy dask arrays for dask collections and
    for stored rows. With ``out``, they are written to a zarr group, chunk by chunk, and the
    method gives its path; what an interrupted call finished is kept when it is made again.
    """

    n_components: int
    covariance_type: str
    client: Client | None
    missing: str

    # These are about where an answer goes, no metadata of the rows.
    __metadata_request__predict: ClassVar[dict[str, str]] = NOT_ROUTED
    __metadata_request__predict_proba: ClassVar[dict[str, str]] = NOT_ROUTED

    def predict(self, X: Any, *, out: str | Path | None = None, overwrite: bool = False) -> Any:
        """Give the most probable component of each row.

        Parameters
        ----------
        X : array-like, data frame, dask array or data frame, zarr array, path, or xarray.DataArray
            Rows of shape (N, D).
        out : path, optional
            Folder of a zarr group to write ``labels`` to.
        overwrite : bool, default False
            Whether to replace such a group of other rows or another model.

        Returns
        -------
        labels : array of shape (N,), or Path or Address
            Numbers of components.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            Before `fit`.
        ValueError
            If the number of columns is not that of the fit, or rows are not finite.
        OutputExistsError
            If ``out`` is there and is about something else.
        """
        wanted = Wanted(labels=True)
        return self._written(X, wanted, out, overwrite) or self._described(X, wanted)["labels"]

    def predict_proba(
        self, X: Any, *, out: str | Path | None = None, overwrite: bool = False
    ) -> Any:
        """Give the probability of each component for each row (N, K).

        ``out`` gets the array ``probabilities``; parameters and errors as in `predict`.
        """
        wanted = Wanted(probabilities=True)
        written = self._written(X, wanted, out, overwrite)
        return written or self._described(X, wanted)["probabilities"]

    def score_samples(
        self, X: Any, *, out: str | Path | None = None, overwrite: bool = False
    ) -> Any:
        """Give the log density of each row (N,), in nats.

        ``out`` gets the array ``log_density``; parameters and errors as in `predict`.
        """
        wanted = Wanted(log_density=True)
        written = self._written(X, wanted, out, overwrite)
        return written or self._described(X, wanted)["log_density"]

    def predict_top(self, X: Any, n_top: int = 2) -> tuple[Any, Any]:
        """Give the most probable components of each row, and their probabilities.

        Parameters
        ----------
        X : see `predict`
        n_top : int, default 2
            How many, from 1 to K.

        Returns
        -------
        components : array of shape (N, n_top)
            By falling probability; of equal ones, the first.
        probabilities : array of shape (N, n_top)
        """
        found = self._described(X, Wanted(top=whole("n_top", n_top, 1)))
        return found["top_components"], found["top_probabilities"]

    def annotate(
        self,
        X: Any,
        out: str | Path,
        *,
        labels: bool = True,
        probabilities: bool = False,
        log_density: bool = True,
        n_top: int = 0,
        overwrite: bool = False,
    ) -> Location:
        """Write several answers in one reading of the rows.

        Parameters
        ----------
        X : see `predict`
        out : path
            Folder of the zarr group.
        labels, probabilities, log_density : bool
            Whether to write the arrays of these names.
        n_top : int, default 0
            If more than 0, ``top_components`` and ``top_probabilities`` of so many are written.
        overwrite : bool, default False
            Whether to replace a group of other answers.

        Returns
        -------
        Path or Address
            That of the group.
        """
        wanted = Wanted(labels, probabilities, log_density, n_top)
        return self._store(X, wanted, out, overwrite)

    def impute(self, X: Any, *, out: str | Path | None = None, overwrite: bool = False) -> Any:
        """Give the rows with what the mixture expects in the place of NaN, all else as it is.

        ``out`` gets the array ``x``; parameters and errors as in `predict`.

        Returns
        -------
        rows : array of shape (N, D), or Path or Address
            Float32 where the rows are, float64 otherwise.
        """
        wanted = Wanted(imputed=True)
        if out is not None:
            return self._store(X, wanted, out, overwrite, missing=True)
        return self._described(X, wanted, missing=True)["x"]

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Give the mean log density per row, in nats; stored rows are read once, now.

        Parameters
        ----------
        X : see `predict`
        y : ignored
        sample_weight : array-like of shape (N,), optional
            How often each row counts; see `fit`.
        """
        return self._score(X, sample_weight)[1]

    def _described(self, X: Any, wanted: Wanted, *, missing: bool = False) -> dict[str, Any]:
        density, missing = self._density(), missing or self._allows_missing
        kind = kind_of(X)
        if kind is Kind.DASK:
            return describe_lazily(self._dask_rows(X), density, wanted, missing=missing)
        source = self._source(X, missing=missing)
        if kind is Kind.STORED:
            return describe_lazily(source, density, wanted, missing=missing)
        return describe_rows(source, density, wanted, ThreadRunner(), missing=missing)

    def _written(self, X: Any, wanted: Wanted, out: str | Path | None, overwrite: bool) -> Any:
        return None if out is None else self._store(X, wanted, out, overwrite)

    def _store(
        self, X: Any, wanted: Wanted, out: str | Path, overwrite: bool, *, missing: bool = False
    ) -> Location:
        missing = missing or self._allows_missing
        density, source = self._density(), self._source(X, missing=missing)
        runner = runner_for(self.client, in_memory=not source.shareable)
        rows = spread(source, runner)
        told = density, wanted, out, runner
        return describe_store(rows, *told, overwrite=overwrite, missing=missing).path

    def _score(self, X: Any, sample_weight: Any) -> tuple[float, float]:
        missing, beside = self._allows_missing, RowData(sample_weight)
        density, source = self._density(), self._source(X, beside, missing=missing)
        runner = runner_for(self.client, in_memory=not source.shareable)
        return score_rows(spread(source, runner), density, runner, missing=missing)

    @property
    def _allows_missing(self) -> bool:
        return self.missing == "em"

    def _density(self) -> JointDensity:
        check_is_fitted(self)
        return density_of(
            np.asarray(self.weights_, dtype=np.float64),
            np.asarray(self.means_, dtype=np.float64),
            np.asarray(self.precisions_cholesky_, dtype=np.float64),
            self.covariance_type,
            self._log_weights(),
        )

    def _log_weights(self) -> Array | None:
        """What takes the place of the logarithms of the weights (K,); None where nothing does."""
        return None

    def _source(
        self,
        X: Any,
        beside: RowData = NOTHING_BESIDE,
        *,
        reset: bool = False,
        missing: bool = False,
    ) -> Source:
        """Give rows as a source, checked as scikit-learn checks them."""
        kind = kind_of(X)
        if kind is Kind.MEMORY:
            return source_of(self._memory_rows(X, reset, missing), beside=beside)
        if kind is Kind.DASK:
            self._dask_rows(X, reset=reset)
        source = source_of(X, beside=beside, client=self.client)
        if kind is Kind.STORED:
            self._check_columns(X, (source.layout.rows, source.n_features), reset=reset)
        return source

    def _dask_rows(self, X: Any, *, reset: bool = False) -> Any:
        """Give rows as a dask array of which nothing is computed, not even their number."""
        rows = as_array(X)
        self._check_columns(X, rows.shape, reset=reset)
        return rows

    def _memory_rows(self, X: Any, reset: bool, missing: bool) -> Any:
        names, rows = feature_names(X), as_array(X)
        checks = {"dtype": "numeric", "ensure_min_samples": 2 if reset else 1}
        checks["ensure_all_finite"] = "allow-nan" if missing else True
        if names is None:
            found = validate_data(self, rows, reset=reset, **checks)
            if reset:
                self._check_parameters(found[:0], xp=np)
            return found
        self._check_columns(X, rows.shape, reset=reset)
        return check_array(rows, estimator=self, input_name="X", **checks)

    def _check_columns(self, X: Any, shape: tuple[int, ...], *, reset: bool) -> None:
        """Check numbers and names of columns with scikit-learn, which gets a frame without rows."""
        if len(shape) != 2:
            raise InputError(
                f"Wanted rows and columns, found an array of shape {shape}. Reshape it to two axes."
            )
        names = feature_names(X)
        stand_in = np.empty((0, shape[1])) if names is None else names
        validate_data(self, stand_in, reset=reset, skip_check_array=True)
        if reset:
            self._check_parameters(np.empty((0, shape[1])), xp=np)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        tags.input_tags.allow_nan = self._allows_missing
        return tags
