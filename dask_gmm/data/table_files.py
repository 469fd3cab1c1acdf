"""From the path of a source to its table: of which format it is, and in which files it lies."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from dask_gmm.data.chunks import MissingChunks
from dask_gmm.data.csv_table import CsvTable
from dask_gmm.data.hdf5_archive import Hdf5Archive
from dask_gmm.data.netcdf_archive import NetcdfArchive
from dask_gmm.data.npy_archive import NpyArchive
from dask_gmm.data.open import DOCUMENTS
from dask_gmm.data.parquet_table import ParquetTable
from dask_gmm.data.tables import Table
from dask_gmm.data.variables import Archive, table_of
from dask_gmm.data.zarr_archive import ZarrArchive
from dask_gmm.data.zarr_rows import ZarrRows
from dask_gmm.errors import InputError, kind_of_data_error
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location

FORMATS: Final = {
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".nc": "netcdf",
    ".nc4": "netcdf",
}
ZARR: Final = "zarr"
# Those that have columns with names, several files of which are a source together.
TABLES: Final = ("parquet", "csv")


def format_of(path: Location) -> str:
    """Tell the format of a source by its name, or by what lies in the folder.

    Raises
    ------
    InputError
        If there is none, or its format is not known.
    DataError
        If it may not be looked at.
    """
    with _looking_at(path):
        if any((path / name).exists() for name in DOCUMENTS):
            return ZARR
        if isinstance(path, Address):
            raise InputError(
                f"A source at an address must be a zarr array or group, but {path} is none. Copy "
                "it to a disk of this machine, and give its path."
            )
        if path.is_dir():
            return _format_within(path)
        there = path.exists()
    if path.suffix.lower() in FORMATS and there:
        return FORMATS[path.suffix.lower()]
    found = "is of another" if there else "is not there"
    raise InputError(
        f"A source must be a file whose name ends in one of {', '.join(FORMATS)}, or a folder, "
        f"but {path} {found}. Give the path of another, or rename it."
    )


def open_table(
    path: Location,
    *,
    array: str | None = None,
    variables: Sequence[str] | None = None,
    columns: Sequence[int | str] | None = None,
    missing_chunks: MissingChunks = "error",
) -> Table:
    """Open a source as a table; its metadata are read, and no rows.

    Parameters
    ----------
    path : Path or Address
        An npy, npz, parquet, CSV, HDF5 or netCDF file, a folder with parquet or CSV files, or that
        of a zarr array or group, which may also be at an address.
    array : str, optional
        An array of several, whose axes are rows and columns.
    variables : sequence of str, optional
        Arrays that are columns together; see `table_of`.
    columns : sequence of int or str, optional
        The columns to take, in this order, by number or by name.
    missing_chunks : {"error", "fill"}
        What chunks mean that are absent from zarr arrays and HDF5 datasets.

    Raises
    ------
    InputError
        If there is no such source, or not what is chosen of it, or it is not of numbers.
    DataError
        If it is damaged, or its files do not go together.
    MissingExtraError
        If the package that reads it is not there.
    """
    form = format_of(path)
    if form == ZARR and variables is None:
        return ZarrRows.of(path, array, columns, missing_chunks)
    if form in TABLES or form == "npy":
        _refuse_choice(path, form, array, variables)
    if form == ZARR or not isinstance(path, Path):
        archive: Archive = ZarrArchive(path, missing_chunks)
    elif form in TABLES:
        table = ParquetTable if form == "parquet" else CsvTable
        return table.of(str(path), _files(path), columns)
    else:
        archive = _archive(path, form, missing_chunks)
    return table_of(archive, array, variables, columns)


def identity_of_files(path: Location) -> dict[str, Any]:
    """Give what tells a source from others without reading it: its place, its files' sizes, times.

    Raises
    ------
    InputError
        If there is none.
    DataError
        If they cannot be looked at.
    """
    form = format_of(path)
    with _looking_at(path):
        files = sorted(_stamped(path))
    digest = hashlib.sha256()
    for name, size, stamp in files:
        digest.update(f"{name} {size} {stamp}\n".encode())
    return {
        "path": str(path.resolve()),
        "format": form,
        "files": len(files),
        "bytes": sum(size for _, size, _ in files),
        "files_sha256": digest.hexdigest(),
    }


def _stamped(path: Location) -> Iterator[tuple[str, int, str]]:
    """Give name, size and time of each file of a source."""
    if isinstance(path, Address):
        yield from ((key, each.st_size, each.stamp) for key, each in path.objects.below(path.key))
        return
    for each in path.rglob("*") if path.is_dir() else [path]:
        found = each.stat()
        if not each.is_dir():
            yield str(each), found.st_size, str(found.st_mtime_ns)


def _archive(path: Path, form: str, missing_chunks: MissingChunks) -> Archive:
    match form:
        case "hdf5":
            return Hdf5Archive(path, missing_chunks)
        case "netcdf":
            return NetcdfArchive(path)
        case _:
            return NpyArchive(path)


def _refuse_choice(
    path: Location, form: str, array: str | None, variables: Sequence[str] | None
) -> None:
    given = "array" if array is not None else "variables" if variables is not None else None
    if given is not None:
        raise InputError(
            f"{given} chooses among the arrays of a file or group, but {path} is {form}, which has "
            f"none to choose from. Leave {given} out; columns chooses columns."
        )


def _format_within(path: Path) -> str:
    suffixes = {each.suffix.lower() for each in _visible(path)}
    known = {FORMATS.get(suffix, suffix) for suffix in suffixes}
    if len(known) == 1 and known <= set(TABLES):
        return known.pop()
    found = ", ".join(sorted(each.name for each in _visible(path))[:8]) or "none"
    raise InputError(
        f"A folder that is a source must be a zarr array or group, or hold parquet files or CSV "
        f"files alone, but in {path} there are: {found}. Give another folder, or one of its files."
    )


def _files(path: Path) -> list[Path]:
    return sorted(_visible(path)) if path.is_dir() else [path]


def _visible(path: Path) -> list[Path]:
    """What lies in a folder, but what is hidden or begins with _, such as _SUCCESS."""
    return [each for each in path.iterdir() if each.name[0] not in "._"]


@contextmanager
def _looking_at(path: Location) -> Iterator[None]:
    """Turn what the system says of a source that cannot be looked at into a `DataError`."""
    try:
        yield
    except OSError as error:
        raise kind_of_data_error(error)(
            f"A source must be there to be read, but of {path} the system says "
            f'"{error.strerror or error}". See that it can be read, and run again.'
        ) from error
