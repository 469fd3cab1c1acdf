"""From a path to the parquet files there, and what they say of their rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple

import numpy as np

from dask_gmm.data.damage import DamagedChunkError, LostChunkError, UnreadableChunkError
from dask_gmm.data.parquet_columns import Columns
from dask_gmm.data.parquet_file import Footer, OpenParquet, columns_at_once, opened
from dask_gmm.data.row_groups import FileFacts, RowGroups
from dask_gmm.errors import DataDeniedError, DataError, InputError
from dask_gmm.objects.location import Location

SUFFIXES: Final = (".parquet", ".pq")
ZARR_DOCUMENTS: Final = ("zarr.json", ".zarray", ".zgroup")
# Bytes per value, at most, of what says which values are null.
LEVEL_BYTES: Final = 4


class Files(NamedTuple):
    """The parquet files at a path.

    Parameters
    ----------
    path : Path or Address
        Of the file, or of the folder of files.
    files : tuple of Path or Address
        In the order of their rows.
    """

    path: Location
    files: tuple[Location, ...]


def parquet_files(path: Location) -> Files | None:
    """Give the parquet files at a path, in the order of their names; None if it is not about such.

    Raises
    ------
    InputError
        If there are folders beside them, whose rows would be left out.
    """
    named = path.suffix.lower() in SUFFIXES
    with suppress(OSError):  # who opens it says so
        if path.is_dir():
            files = _files_in(path)
            return None if files is None else Files(path, files)
    return Files(path, (path,)) if named else None


def _files_in(path: Location) -> tuple[Location, ...] | None:
    try:
        inside = [] if any((path / name).exists() for name in ZARR_DOCUMENTS) else [*path.iterdir()]
    except OSError:
        return None
    shown = [each for each in inside if not each.name.startswith((".", "_"))]
    shown.sort(key=lambda each: each.name)
    files = tuple(each for each in shown if each.suffix.lower() in SUFFIXES and each.is_file())
    if not files:
        return None
    if folders := sorted(each.name for each in inside if each.is_dir() and each.name[0] != "."):
        raise InputError(
            f"A folder of parquet files must hold no folders, whose rows would be left out, but "
            f"{path} holds {folders[0]}. Give a folder of files alone, or one of them."
        )
    return files


def read_footers(
    table: Files, wanted: Sequence[int | str] | None
) -> tuple[RowGroups, Columns, np.dtype[np.floating]]:
    """Look at the end of each file, and choose the columns to read.

    Raises
    ------
    InputError
        If there is no such file, column or number.
    DataError
        If a file is damaged, or has other columns.
    """
    columns, facts, kinds = None, [], []
    for file in table.files:
        with _opened(file) as found:
            columns = columns or Columns.of(found.schema, wanted, str(table.path))
            kinds.append(columns.dtype(found.schema, str(file)))
            facts.append(_facts(file, found.footer, columns.names))
    assert columns is not None  # there is a file
    return RowGroups.of(table.path, facts), columns, np.result_type(*kinds)


def column_types(file: Location) -> dict[str, str]:
    """Give the type of each column of a file by its name, as parquet calls it.

    Raises
    ------
    InputError, DataError
        See `read_footers`.
    """
    with _opened(file) as found:
        return {each.name: str(each.type) for each in found.schema}


@contextmanager
def _opened(file: Location) -> Iterator[OpenParquet]:
    """Open a file, of which nothing is known."""
    try:
        with opened(file) as found:
            yield found
    except DamagedChunkError as error:
        raise _refusal(file, error) from error


def _refusal(file: Location, error: DamagedChunkError) -> Exception:
    if isinstance(error, LostChunkError):
        return InputError(
            f"Data must be the path of a parquet file, but {file} is not there. Give another path."
        )
    kind = error.kind if isinstance(error, UnreadableChunkError) else DataError
    cure = "Ask for permission to read it, or choose another" if kind is DataDeniedError else ""
    return kind(
        f"Every file must be there and be parquet as a whole, but {file} {error}. "
        f"{cure or error.cure}."
    )


def _facts(path: Location, footer: Footer, names: Sequence[str]) -> FileFacts:
    metadata = footer.metadata
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    numbers = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    chunks = [[each.column(numbers[name]) for name in names] for each in groups]
    read = (_read_bytes(each.num_rows, of) for each, of in zip(groups, chunks, strict=True))
    codecs = frozenset(each.compression for of in chunks for each in of)
    rows = tuple(each.num_rows for each in groups)
    return FileFacts(path, *footer.stamp, footer.digest, rows, max(read, default=0), codecs)


def _read_bytes(rows: int, chunks: Sequence[Any]) -> int:
    """Project the columns that are read together: as stored, as pages, decoded, and converted."""
    width = columns_at_once(rows)
    stored = [each.total_compressed_size + each.total_uncompressed_size for each in chunks]
    batches = (sum(stored[at : at + width]) for at in range(0, len(stored), width))
    most: int = max(batches, default=0)
    return most + min(width, len(chunks)) * rows * (2 * 8 + LEVEL_BYTES)
