"""`generate_gmm_data`, the other name of the original script, for data of any size."""

import secrets
from pathlib import Path
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from dask_gmm.checks import one_of, whole
from dask_gmm.data.groups import StoredArray, open_written
from dask_gmm.mixture.model import checked_mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.outputs.drawn import COMPONENTS, ROWS
from dask_gmm.passes.cluster import runner_for
from dask_gmm.passes.progress import Silent
from dask_gmm.workflows.drawing import RowsToDraw, fill_memory, write_group
from dask_gmm.workflows.requests import FloatType

Rows: TypeAlias = npt.NDArray[np.floating]
Components: TypeAlias = npt.NDArray[np.signedinteger]


@overload
def generate_gmm_data(
    num_samples: int,
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    seed: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    return_components: Literal[False] = False,
    store: None = None,
    chunk_rows: int | None = None,
) -> Rows: ...


@overload
def generate_gmm_data(
    num_samples: int,
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    seed: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    return_components: Literal[True],
    store: None = None,
    chunk_rows: int | None = None,
) -> tuple[Rows, Components]: ...


@overload
def generate_gmm_data(
    num_samples: int,
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    seed: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    return_components: Literal[False] = False,
    store: str | Path,
    chunk_rows: int | None = None,
) -> StoredArray: ...


@overload
def generate_gmm_data(
    num_samples: int,
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    seed: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    return_components: Literal[True],
    store: str | Path,
    chunk_rows: int | None = None,
) -> tuple[StoredArray, StoredArray]: ...


def generate_gmm_data(
    num_samples: int,
    weights: npt.ArrayLike,
    means: npt.ArrayLike,
    covariances: npt.ArrayLike,
    *,
    seed: int | None = None,
    dtype: npt.DTypeLike = np.float64,
    return_components: bool = False,
    store: str | Path | None = None,
    chunk_rows: int | None = None,
) -> Rows | tuple[Rows, Components] | StoredArray | tuple[StoredArray, StoredArray]:
    """Draw rows from a Gaussian mixture, in random order of the components.

    The same seed gives the same rows for any ``chunk_rows``, in memory and in a store, with any
    number of threads or workers; more rows of the same mixture begin with the same rows.

    Parameters
    ----------
    num_samples : int
        Number of rows N, at least 1.
    weights : array-like of shape (K,)
        Probability of each component; they sum to 1.
    means : array-like of shape (K, D)
    covariances : array-like of shape (K, D, D)
        Symmetric positive definite.
    seed : int, optional
        At least 0; by default a fresh one, so that every call gives other rows.
    dtype : {float64, float32}, default float64
        Type of the rows; float32 rows are the float64 rows, rounded.
    return_components : bool, default False
        Whether to give the component of each row as well.
    store : str or Path, optional
        Where to write a zarr group instead: ``x``, ``component`` and the parameters, block by
        block, of any size. It appears when it is whole. An interrupted call with a seed goes on
        where it was when it is repeated.
    chunk_rows : int, optional
        Rows in a chunk of the store; by default a chunk takes at most 32 MB.

    Returns
    -------
    rows : ndarray or zarr.Array of shape (N, D)
    components : ndarray or zarr.Array of shape (N,), integers
        Only if ``return_components``.

    Raises
    ------
    InputError
        If shapes disagree, weights do not sum to 1, a covariance is not symmetric positive
        definite, or another argument is outside its domain.
    OutputExistsError
        If there is something at ``store``.
    OutputError
        If the store cannot be written.

    Examples
    --------
    >>> from dask_gmm import generate_gmm_data
    >>> generate_gmm_data(3, [0.5, 0.5], [[0, 0], [9, 9]], [[[1, 0], [0, 1]]] * 2, seed=1).shape
    (3, 2)
    """
    _check(num_samples, seed, chunk_rows)
    rows = RowsToDraw.of(
        checked_mixture(weights, means, covariances),
        int(num_samples),
        secrets.randbits(63) if seed is None else int(seed),
        _float_type(dtype),
        None if chunk_rows is None else int(chunk_rows),
    )
    if store is not None:
        x, components = _stored(rows, location(store), repeatable=seed is not None)
        return (x, components) if return_components else x
    drawn, numbers = fill_memory(rows, runner_for(None, in_memory=True), Silent())
    return (drawn, numbers) if return_components else drawn


def _check(num_samples: object, seed: object, chunk_rows: object) -> None:
    whole("num_samples", num_samples, 1)
    if seed is not None:
        whole("seed", seed, 0)
    if chunk_rows is not None:
        whole("chunk_rows", chunk_rows, 1)


def _float_type(dtype: npt.DTypeLike) -> FloatType:
    try:
        name: Any = np.dtype(dtype).name
    except TypeError:
        name = dtype
    one_of("dtype", name, ("float64", "float32"))
    return "float32" if name == "float32" else "float64"


def _stored(
    rows: RowsToDraw, out: Location, *, repeatable: bool
) -> tuple[StoredArray, StoredArray]:
    settings = {"rows": rows.n_rows, "dtype": rows.dtype, "chunk_rows": rows.chunk_rows}
    runner = runner_for(None, in_memory=False)
    write_group(rows, out, settings, runner, Silent(), repeatable=repeatable)
    return open_written(out, ROWS), open_written(out, COMPONENTS)
