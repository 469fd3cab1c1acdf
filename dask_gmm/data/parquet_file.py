"""A parquet file, opened where its rows are read: the only place that reads one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

import google_crc32c
import numpy as np
import numpy.typing as npt

from dask_gmm.data.again import again
from dask_gmm.data.damage import DamagedChunkError, LostChunkError, UnreadableChunkError
from dask_gmm.errors import DataError, kind_of_data_error
from dask_gmm.extras import extra
from dask_gmm.objects.address import Address
from dask_gmm.objects.contract import Facts
from dask_gmm.objects.location import Location
from dask_gmm.objects.parts import Parts

EXTRA: Final = "parquet"
# Decoded bytes of the columns that are read together: so many that a call costs little.
BATCH_BYTES: Final = 4 * 2**20

# Behind what a file says of itself: the length of that, and a mark.
TAIL_BYTES: Final = 8

Values = npt.NDArray[np.floating]


class ChangedFileError(UnreadableChunkError):
    """It is another file than was opened before."""

    cure = "Stop what writes to it, and run again"

    def __init__(self) -> None:
        super().__init__("changed since it was first opened", DataError)


Stamp: TypeAlias = tuple[int, int | str]


class Footer(NamedTuple):
    """What the end of a file says of the rest.

    Parameters
    ----------
    stamp : (int, int or str)
        Bytes of the file, and the nanoseconds of the last change, or the tag of an object.
    digest : int
        CRC-32C of the end of the file.
    metadata : pyarrow.parquet.FileMetaData
    """

    stamp: Stamp
    digest: int
    metadata: Any


@dataclass(frozen=True, slots=True, eq=False)
class OpenParquet:
    """An open file.

    Parameters
    ----------
    footer : Footer
    schema : pyarrow.Schema
    file : pyarrow.parquet.ParquetFile
    stored : _Digested
    """

    footer: Footer
    schema: Any
    file: Any
    stored: "_Digested"

    def read(self, group: int, names: Sequence[str], skip: int, into: Values) -> int:
        """Read columns of a row group; what is null is NaN.

        Parameters
        ----------
        group : int
        names : sequence of str
            The columns.
        skip : int
            Rows of the group before those that are wanted.
        into : ndarray of shape (rows, len(names))
            Filled with the rows that are wanted.

        Returns
        -------
        int
            Digest of what is stored of these columns in the whole group.

        Raises
        ------
        DamagedChunkError
            If it cannot be read, or not be decoded.
        """
        self.stored.digest = 0
        rows = self.footer.metadata.row_group(group).num_rows
        width = columns_at_once(rows)
        for at in range(0, len(names), width):
            part = names[at : at + width]
            with _damage():
                table = self.file.read_row_group(group, columns=list(part), use_threads=False)
                if table.num_rows != rows:
                    raise DamagedChunkError(f"has {table.num_rows} rows instead of {rows}")
                for j, name in enumerate(part, start=at):
                    _fill(into[:, j], table.column(name), skip)
            del table  # before the next columns are read
        return self.stored.digest


def columns_at_once(rows: int) -> int:
    """Give the number of columns of a row group that are read together."""
    return max(1, BATCH_BYTES // (8 * max(rows, 1)))


@contextmanager
def opened(path: Location, known: Footer | None = None) -> Iterator[OpenParquet]:
    """Open a file.

    Parameters
    ----------
    path : Path or Address
    known : Footer, optional
        What its end said before, which is not read again if the file has not been written to.

    Raises
    ------
    DamagedChunkError
        If it is not there, may not be read, or is no parquet file.
    MissingExtraError
        If pyarrow cannot be imported.
    """
    parquet = extra("pyarrow.parquet", EXTRA)
    with _damage():
        stored = _Digested(path)
    with stored.file:
        known = known if known is not None and known.stamp == stored.stamp else None
        with _damage():
            file = parquet.ParquetFile(
                stored,
                metadata=known and known.metadata,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            footer = known or _footer(stored, file.metadata)
        yield OpenParquet(footer, file.schema_arrow, file, stored)


def _footer(stored: "_Digested", metadata: Any) -> Footer:
    stored.seek(-metadata.serialized_size - TAIL_BYTES, os.SEEK_END)
    stored.digest = 0
    stored.read(metadata.serialized_size + TAIL_BYTES)
    return Footer(stored.stamp, stored.digest, metadata)


def stamp_of(path: Location) -> Stamp:
    """Give the bytes of a file, and the nanoseconds of its last change, without reading it.

    Raises
    ------
    DamagedChunkError
        If it is not there, or may not be looked at.
    """
    with _damage():
        return _stamp(again(lambda: path.stat()))


def stamp_or_none(path: Location) -> tuple[int | str, ...]:
    """Give what `stamp_of` gives, or nothing where there is no such file now."""
    try:
        return stamp_of(path)
    except DamagedChunkError:
        return ()


def _stamp(found: os.stat_result | Facts) -> Stamp:
    return found.st_size, found.stamp if isinstance(found, Facts) else found.st_mtime_ns


def _opened(path: Location) -> tuple[BinaryIO | Parts, Stamp]:
    if isinstance(path, Address):
        parts = Parts(path)
        return parts, _stamp(parts.facts)
    file = path.open("rb")
    return file, _stamp(os.fstat(file.fileno()))


class _Digested:
    """A file as pyarrow reads it, with the CRC-32C of what it has read."""

    closed = False

    def __init__(self, path: Location) -> None:
        self.file, self.stamp = again(lambda: _opened(path))
        self.digest = 0
        if not self.stamp[0]:
            self.file.close()
            raise DamagedChunkError("is empty")

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def read(self, n_bytes: int) -> bytes:
        start = self.file.tell()

        def read() -> bytes:
            self.file.seek(start)
            return self.file.read(n_bytes)

        try:
            found = again(read)
        except OSError as error:
            raise _refused(error) from error
        self.digest = google_crc32c.extend(self.digest, found)
        return found

    def close(self) -> None:
        """Leave that to who opened it."""


@contextmanager
def _damage() -> Iterator[None]:
    """Say what errors of the system, and of pyarrow, mean."""
    try:
        yield
    except (DamagedChunkError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise _refused(error) from error
        found = f"cannot be decoded ({type(error).__name__}: {str(error).strip()})"
        raise DamagedChunkError(found) from error


def _refused(error: OSError) -> DamagedChunkError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return LostChunkError()
    if isinstance(error, IsADirectoryError):
        return DamagedChunkError("is a directory instead of a file")
    found = f"cannot be read ({error.strerror or error})"
    return UnreadableChunkError(found, kind_of_data_error(error))


def _fill(into: npt.NDArray[np.floating], column: Any, skip: int) -> None:
    """Copy some rows of a column of any numbers."""
    kind = extra("pyarrow", EXTRA).from_numpy_dtype(into.dtype)
    at = 0
    for chunk in column.slice(skip, len(into)).chunks:
        values = chunk.cast(kind, safe=False).to_numpy(zero_copy_only=False)
        into[at : at + len(values)] = values
        at += len(values)
