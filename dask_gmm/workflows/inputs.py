"""What a user gives as data: where it lies, its array, and the names of its columns.

pandas, xarray and the data frames of Dask are looked for among the modules that are imported
already: where they are not, nothing can be of their types.
"""

import sys
from enum import Enum
from typing import Any

from dask_gmm.data.open import is_stored
from dask_gmm.errors import InputError
from dask_gmm.passes.dask_frames import frame_array, is_dask_frame
from dask_gmm.passes.dask_source import is_dask_array, refuse_unknown_columns


class Kind(Enum):
    """Where data lie, which decides what answers about their rows are."""

    MEMORY = "in memory"
    DASK = "dask"
    STORED = "stored"


def kind_of(data: Any) -> Kind:
    """Tell where data lie, without reading them.

    Raises
    ------
    InputError
        If they are an xarray.Dataset, which is many arrays.
    """
    if is_stored(data):
        return Kind.STORED
    if is_dask_array(data) or is_dask_frame(data) or _is_labeled_dask(data):
        return Kind.DASK
    _refuse_dataset(data)
    return Kind.MEMORY


def as_array(data: Any, *, counted: bool = False, client: Any = None) -> Any:
    """Give the array that a wrapper is about; what is no wrapper is given back as it is.

    Parameters
    ----------
    data : object
        A data frame of Dask gives a dask array. So does an xarray.DataArray that holds one; any
        other gives its values, which are loaded if they are not yet.
    counted : bool, default False
        Whether the rows of a data frame of Dask are counted, which computes it once; otherwise
        nothing is computed, and the sizes of the array's chunks are unknown.
    client : distributed.Client, optional
        Cluster to count them on; by default the current client if there is one.

    Raises
    ------
    InputError
        If it is an xarray.Dataset, a data frame of Dask has columns of other than numbers, or the
        number of columns of a dask array is unknown.
    """
    _refuse_dataset(data)
    if is_dask_frame(data):
        return frame_array(data, counted=counted, client=client)
    if _is_labeled(data):
        data = data.data if _is_labeled_dask(data) else data.values
    if is_dask_array(data):
        refuse_unknown_columns(data)
    return data


def feature_names(data: Any) -> Any:
    """Give the names that the columns of data frames of Dask and xarray have.

    Returns
    -------
    pandas.DataFrame or None
        A frame of these columns without rows; None where the columns have no names, and for data
        that scikit-learn asks for them itself.
    """
    if is_dask_frame(data) and data.ndim == 2:
        return data._meta
    if _is_labeled(data) and data.ndim == 2 and data.dims[1] in data.indexes:
        names = data.indexes[data.dims[1]].tolist()
        if all(isinstance(name, str) for name in names):
            return sys.modules["pandas"].DataFrame(columns=names)
    return None


def _is_labeled(data: object) -> bool:
    xarray = sys.modules.get("xarray")
    return xarray is not None and isinstance(data, xarray.DataArray)


def _is_labeled_dask(data: Any) -> bool:
    """Whether it is a DataArray of a dask array; asking others for their data would load them."""
    return _is_labeled(data) and data.chunks is not None and is_dask_array(data.data)


def _refuse_dataset(data: Any) -> None:
    xarray = sys.modules.get("xarray")
    if xarray is None or not isinstance(data, xarray.Dataset):
        return
    names = sorted(map(str, data.data_vars))
    listed = ", ".join(names[:5]) + ", ..." * (len(names) > 5)
    raise InputError(
        "Data must be one array of rows and columns, but an xarray.Dataset was given, with the "
        f"variables: {listed or 'none'}. Choose a variable, as in dataset['name']."
    )
