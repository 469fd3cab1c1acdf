"""Data frames of Dask as dask arrays, without importing what makes them."""

import sys
from typing import Any

import dask
import dask.array as da
from distributed import Client

from dask_gmm.data.frames import frame_values
from dask_gmm.errors import InputError
from dask_gmm.passes.cluster import inside_task, refuse_unusable


def is_dask_frame(data: object) -> bool:
    """Whether data are a data frame or a series of Dask."""
    module = sys.modules.get("dask.dataframe")
    return module is not None and isinstance(data, module.DataFrame | module.Series)


def frame_array(frame: Any, *, counted: bool, client: Client | None = None) -> da.Array:
    """Give the rows of a data frame of numbers as a dask array.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
    counted : bool
        Whether to count the rows of its partitions, which computes each of them once. Otherwise
        nothing is computed, and they stay unknown.
    client : distributed.Client, optional
        Cluster to count them on; by default the current client if there is one.

    Raises
    ------
    InputError
        If it is a series, or a column is not of numbers, or the client is none or closed.
    """
    refuse_unusable(client)
    if frame.ndim != 2:
        raise InputError(
            f"Data must have two axes (rows, columns), but a {type(frame).__name__} of Dask was "
            "given, which has one. Make it a frame with its to_frame()."
        )
    array: da.Array = frame.map_partitions(frame_values, meta=frame_values(frame._meta))
    if counted:
        with dask.config.set(scheduler=client or _scheduler()):
            array.compute_chunk_sizes()
    return array


def _scheduler() -> Any:
    """Dask's own choice, but inside a task, where it is a worker that would wait for itself."""
    return "threads" if inside_task() else dask.config.get("scheduler", None)
