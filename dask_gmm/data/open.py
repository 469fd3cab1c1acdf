"""What users give as data, opened as a source."""

import os
from collections.abc import Sequence
from typing import Any, cast, get_args

import zarr

from dask_gmm.checks import one_of
from dask_gmm.data.address_store import zarr_store
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.chunks import MissingChunks
from dask_gmm.data.damage import DamagedChunkError, kind_of_damage
from dask_gmm.data.formats import METADATA_KEYS, ArrayFormat, array_format
from dask_gmm.data.parquet_files import column_types, parquet_files
from dask_gmm.data.parquet_source import parquet_source
from dask_gmm.data.place import Place
from dask_gmm.data.selection import numbered, refuse_bad_shape
from dask_gmm.data.source import Source
from dask_gmm.data.stores import place_of
from dask_gmm.data.zarr_source import ZarrSource, zarr_source
from dask_gmm.errors import DataDeniedError, DataError, InputError, UnreachableError
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import is_there
from dask_gmm.objects.location import Location, location

DEFAULT_ARRAY = "x"
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup")


def open_source(
    data: object,
    *,
    array: str | None = None,
    columns: Sequence[int | str] | None = None,
    rows: slice | None = None,
    missing_chunks: str = "error",
) -> Source:
    """Open data as rows in leaves.

    Parameters
    ----------
    data : array, zarr.Array, zarr.Group, str or Path
        An array in memory (anything that numpy makes an array of), or an array in zarr, itself or
        by the path or address of the folder that it or its group lies in, or the path of a parquet
        file (``.parquet`` or ``.pq``) or of a folder of such files.
    array : str, optional
        The array of a group; without it the group's ``x``, else its only array of two axes.
    columns : sequence of int or str, optional
        The columns to read, in this order; those of parquet files, and of groups that say how their
        columns are called, also by their names.
    rows : slice, optional
        The rows to read, of step 1.
    missing_chunks : {"error", "fill"}
        What an absent chunk of a zarr array means: a loss, or, as writers may leave out chunks of
        nothing but the fill value, that value.

    Returns
    -------
    Source
        An `ArraySource`, a `ZarrSource` or a `ParquetSource`. If digests of its chunks lie beside
        a zarr array (as they do where this package wrote it), each chunk read is compared with its
        own.

    Raises
    ------
    InputError
        If there is no such data, or it is not an array of numbers with rows and columns.
    DataError
        If metadata or digests of the array are damaged, or parquet files are.
    MissingExtraError
        If pyarrow is needed, and cannot be imported.
    """
    one_of("missing_chunks", missing_chunks, get_args(MissingChunks))
    missing = cast(MissingChunks, missing_chunks)
    if isinstance(data, str | os.PathLike | Address):
        path = location(data)
        found = parquet_files(path)
        if found is not None:
            _refuse_array(array, f"the parquet file {path}")
            return parquet_source(found, columns, rows)
        data = _opened(path)
    if isinstance(data, zarr.Group):
        chosen = _chosen(data, array)
        names = _names(data, chosen)
        if names is not None and columns is not None:
            columns = numbered(columns, names, place_of(chosen.store, chosen.path).name)
        return _zarr(chosen, columns, rows, missing)
    _refuse_array(array, f"data of type {type(data).__name__}")
    if isinstance(data, zarr.Array):
        return _zarr(data, columns, rows, missing)
    return ArraySource.of(data, columns, rows)


def _refuse_array(array: str | None, found: str) -> None:
    if array is not None:
        raise InputError(
            f"array chooses among the arrays of a group, but array={array!r} was given with "
            f"{found}, which is none. Leave it out."
        )


def open_column(data: object, name: str, missing_chunks: str = "error") -> ZarrSource:
    """Open a zarr array of one axis, or of a single column, as rows of one column.

    Parameters
    ----------
    data : zarr.Array, str or Path
        The array, or the path or address of its folder.
    name : str
        What its numbers are, for messages.
    missing_chunks : {"error", "fill"}
        See `open_source`.

    Raises
    ------
    InputError
        If there is no such array, or it has several columns.
    DataError
        If its metadata or digests are damaged.
    """
    one_of("missing_chunks", missing_chunks, get_args(MissingChunks))
    found = _opened(location(data)) if isinstance(data, str | os.PathLike | Address) else data
    if not isinstance(found, zarr.Array):
        raise InputError(
            f"Wanted a zarr array as {name}, found {data}, which is a group. Give the path of one "
            "of its arrays."
        )
    place = place_of(found.store, found.path)
    if found.ndim not in (1, 2) or found.shape[1:] not in ((), (1,)) or not found.shape[0]:
        raise InputError(
            f"Wanted one number for each row as {name}, found an array of shape {found.shape} in "
            f"{place.name}. Give an array of one axis."
        )
    form = _format(found, place)
    return zarr_source(place, form, None, None, cast(MissingChunks, missing_chunks))


def is_stored(data: object) -> bool:
    """Whether data are an array or a group in zarr, or a path."""
    return isinstance(data, str | os.PathLike | Address | zarr.Array | zarr.Group)


def arrays_to_choose(path: Location) -> dict[str, str]:
    """Shape and type of each array of a group in which one must be chosen, by name.

    There are none where there is an array, or `open_source` chooses by itself.

    Raises
    ------
    InputError, DataError
        See `open_source`.
    """
    found = _opened(location(path))
    if isinstance(found, zarr.Array) or isinstance(found.get(DEFAULT_ARRAY), zarr.Array):
        return {}
    arrays = dict(sorted(found.arrays()))
    if sum(array.ndim == 2 for array in arrays.values()) == 1:
        return {}
    return {name: f"{array.shape} of {array.dtype}" for name, array in arrays.items()}


def columns_to_choose(path: Location) -> dict[str, str]:
    """Type of each column of parquet files, by name, in their order; none where there are none.

    Raises
    ------
    InputError, DataError
        See `open_source`.
    """
    found = parquet_files(location(path))
    return {} if found is None else column_types(found.files[0])


def column_names(path: Location, array: str | None = None) -> tuple[str, ...] | None:
    """Names of the columns of an array of a group, where the group says them.

    Raises
    ------
    InputError, DataError
        See `open_source`.
    """
    found = _opened(path)
    return _names(found, _chosen(found, array)) if isinstance(found, zarr.Group) else None


def _names(group: zarr.Group, chosen: zarr.Array[Any]) -> tuple[str, ...] | None:
    """What the attributes of a group call the columns of its array ``x``."""
    facts = group.attrs.get("dask_gmm")
    names = facts.get("columns") if isinstance(facts, dict) else None
    if chosen.basename != DEFAULT_ARRAY or not isinstance(names, list):
        return None
    return tuple(map(str, names)) if len(names) == chosen.shape[-1] else None


def _zarr(
    found: zarr.Array[Any],
    columns: Sequence[int | str] | None,
    rows: slice | None,
    missing_chunks: MissingChunks,
) -> ZarrSource:
    place = place_of(found.store, found.path)
    refuse_bad_shape(found.shape, place.name)
    form = _format(found, place)
    return zarr_source(place, form, columns, rows, missing_chunks)


def _format(found: zarr.Array[Any], place: Place) -> ArrayFormat:
    zarr_format = found.metadata.zarr_format
    try:
        document = place.read(METADATA_KEYS[zarr_format]).tobytes()
        return array_format(document, zarr_format, found.ndim)
    except DamagedChunkError as error:
        raise kind_of_damage(error)(
            f"The metadata of an array must say how it is stored, but {METADATA_KEYS[zarr_format]} "
            f"of {place.name} {error}. {error.cure}."
        ) from error


def _chosen(group: zarr.Group, wanted: str | None) -> zarr.Array[Any]:
    where = place_of(group.store, group.path).name
    found = group.get(wanted or DEFAULT_ARRAY)
    if isinstance(found, zarr.Array):
        return found
    candidates = {name: array for name, array in group.arrays() if array.ndim == 2}
    if wanted is None and len(candidates) == 1:
        return next(iter(candidates.values()))
    listed = ", ".join(f"{name} {array.shape}" for name, array in sorted(candidates.items()))
    raise InputError(
        f"A group must have the array {wanted or f'{DEFAULT_ARRAY}, or only one of two axes'}, but "
        f"the arrays of two axes in {where} are: {listed or 'none'}. Choose one with array=, or "
        "give its own path."
    )


def _opened(path: Location) -> zarr.Array[Any] | zarr.Group:
    try:
        return zarr.open(zarr_store(path), mode="r")
    except PermissionError as error:
        raise DataDeniedError(
            f"Data must be a zarr array or group that may be read, but {path} may not "
            f"({error.strerror}). Ask for permission to read it, or choose another."
        ) from error
    except ConnectionError as error:
        raise UnreachableError(
            f"Data must be a zarr array or group that can be read, but {path} cannot "
            f"({error.strerror}). See that the store runs, and run the same command again."
        ) from error
    except Exception as error:
        documents = [name for name in DOCUMENTS if _lies(path / name)]
        if documents:
            raise DataError(
                f"The metadata of a zarr array or group must be readable, but {documents[0]} of "
                f"{path} is not ({error}). Restore it from a copy, or write the array again."
            ) from error
        raise InputError(
            f"Data must be the path of a zarr array or group, or of parquet files, but {path} "
            f"{_found_at(path)}. Give the folder that holds its zarr.json (or .zarray, .zgroup), "
            "a .parquet file, or a folder of such files."
        ) from error


def _lies(path: Location) -> bool:
    try:
        return is_there(path)
    except OSError:
        return False


def _found_at(path: Location) -> str:
    try:
        inside = sorted(each.name for each in path.iterdir())
    except FileNotFoundError:
        return "is not there"
    except NotADirectoryError:
        return "is a file"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    listed = ", ".join(inside[:5]) + ", ..." * (len(inside) > 5)
    return f"is a folder with {listed}" if inside else "is an empty folder"
