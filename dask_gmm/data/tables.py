"""What is ingested: the rows of files of other formats, piece after piece and in one order."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from dask_gmm.data.selection import row_dtype
from dask_gmm.errors import DaskGMMError, DataError, kind_of_data_error
from dask_gmm.objects.location import Location

# Bytes of rows that a reader of a table gives at a time, about.
PIECE_BYTES: Final = 4 * 2**20


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some rows of a table that follow each other.

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
        Of the type of the table; what is absent is NaN.
    file : str
        Where they lie.
    first : int
        The number that the first of them has there, counted from 0.
    """

    rows: npt.NDArray[np.floating]
    file: str
    first: int


class Table(Protocol):
    """Rows of one or several files, with their columns already chosen; frozen."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of its columns; None where they have numbers alone."""
        ...

    @property
    def n_features(self) -> int:
        """Number of its columns."""
        ...

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of its rows: float32 if that holds all its columns without loss, else float64."""
        ...

    @property
    def n_rows(self) -> int | None:
        """Number of its rows; None where only reading counts them."""
        ...

    @property
    def held_bytes(self) -> int:
        """Projected bytes that a reading holds at most, its pieces included."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that read it, beside numpy."""
        ...

    def pieces(self, start: int, stop: int | None) -> Iterator[Piece]:
        """Give rows ``start`` to ``stop``, or to the last one, in order.

        Raises
        ------
        DataError
            If they are damaged, or not what the metadata of the files say.
        """
        ...


def common_dtype(types: Iterable[np.dtype[Any]], names: Sequence[str]) -> np.dtype[np.floating]:
    """Type of rows whose columns, or variables, have these types.

    Raises
    ------
    InputError
        If one is no type of numbers that fit in float64; it is named.
    """
    found = {row_dtype(each, name) for each, name in zip(types, names, strict=True)}
    return np.dtype(np.float32 if found == {np.dtype(np.float32)} else np.float64)


def piece_rows(row_bytes: int) -> int:
    """Rows of a piece."""
    return max(1, PIECE_BYTES // row_bytes)


@contextmanager
def data_errors(path: Location, kind: str, *foreign: type[Exception]) -> Iterator[None]:
    """Turn what a library says of a file into a `DataError` that names it.

    Parameters
    ----------
    path : Path or Address
    kind : str
        What it has to be, such as "a parquet file".
    *foreign : type of Exception
        What the library raises beside OSError.
    """
    try:
        yield
    except (DaskGMMError, MemoryError):
        raise
    except OSError as error:
        # Libraries raise it without a number for what they cannot decode.
        given = kind_of_data_error(error)
        raise given(_said(path, kind, error.strerror or error, given)) from error
    except Exception as error:
        if not isinstance(error, (EOFError, ValueError, zipfile.BadZipFile, *foreign)):
            raise
        raise DataError(_said(path, kind, error, DataError)) from error


def _said(path: Location, kind: str, error: object, given: type[DataError]) -> str:
    said = " ".join(str(error).split())
    cure = "Restore it from a copy, or write it again"
    cure = cure if given is DataError else "See that it can be read, and run again"
    return f"A source must be {kind} that is whole, but {path} cannot be read ({said}). {cure}."
