"""What is said of each row beside its values: how often it counts, and of which component it is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import DataError, InputError

Weights = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Where = Callable[[int], str]

WEIGHTS: Final = "weights"
LABELS: Final = "labels"
# A label of a row whose component is not known.
UNKNOWN: Final = -1


@dataclass(frozen=True, slots=True, eq=False)
class RowData:
    """What a user gives beside rows: for each of them a number, in whatever array.

    Parameters
    ----------
    weights : object, optional
        How often each row counts, at least 0; without them, once.
    labels : object, optional
        The number of the component that each row is known to be of, -1 where it is not known.
    n_labels : int
        Labels are below it.
    """

    weights: Any = None
    labels: Any = None
    n_labels: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything."""
        return self.weights is not None or self.labels is not None


NOTHING_BESIDE: Final = RowData()


@dataclass(frozen=True, slots=True)
class Columns:
    """Columns of numbers beside the rows, in this order.

    Parameters
    ----------
    weights, labels : bool
        Which there are.
    n_labels : int
        Labels are below it.
    """

    weights: bool = False
    labels: bool = False
    n_labels: int = 0

    @property
    def count(self) -> int:
        """How many there are."""
        return self.weights + self.labels


NO_COLUMNS: Final = Columns()


def column_of(values: object, n_rows: int, name: str) -> npt.NDArray[Any]:
    """Give numbers in memory, one for each row (n_rows,), as what numpy makes of them.

    Parameters
    ----------
    values : array_like of shape (n_rows,) or (n_rows, 1)
    n_rows : int
    name : {"weights", "labels"}

    Raises
    ------
    InputError
        If they are not numbers, or not one for each row.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise InputError(f"Wanted {name} of all rows, found a masked array. Fill it in.")
    try:
        found = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"Wanted {name} of which numpy makes an array, found {type(values).__name__}, of which "
            f"it makes none ({error}). Give one number for each row."
        ) from error
    if found.dtype.kind not in "biuf" or found.shape not in ((n_rows,), (n_rows, 1)):
        raise InputError(
            f"Wanted a number for each of the {n_rows:,} rows as {name}, found an array of shape "
            f"{found.shape} of {found.dtype}. Give one number for each row."
        )
    return found.reshape(n_rows)


def checked_weights(values: npt.NDArray[Any], where: Where) -> Weights:
    """Give weights (n,) as float64, in memory of their own.

    Parameters
    ----------
    values : ndarray of shape (n,)
    where : callable
        Names one of them by its place here.

    Raises
    ------
    DataError
        With the first that is not a finite number of at least 0.
    """
    weights = np.array(values, dtype=np.float64)
    fine = (weights >= 0) & (weights < np.inf)
    if not fine.all():
        row = int(np.argmin(fine))
        raise DataError(
            f"Wanted weights that are finite numbers of at least 0, found {weights[row]:g} at "
            f"{where(row)}. Correct it; a row that is not to count has the weight 0."
        )
    weights.setflags(write=False)
    return weights


def checked_labels(values: npt.NDArray[Any], n_labels: int, where: Where) -> Labels:
    """Give labels (n,) as int64, in memory of their own.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Whole numbers, of any type.
    n_labels : int
        They are below it.
    where : callable
        Names one of them by its place here.

    Raises
    ------
    DataError
        With the first that is no component, and not -1.
    """
    fine = (values >= UNKNOWN) & (values < n_labels) & (values == np.floor(values))
    if not fine.all():
        row = int(np.argmin(fine))
        raise DataError(
            f"Wanted labels that are numbers of components, 0 to {n_labels - 1}, or -1 where that "
            f"is not known, found {float(values[row]):g} at {where(row)}. Correct it."
        )
    labels = np.array(values, dtype=np.int64)
    labels.setflags(write=False)
    return labels


def weights_in_memory(values: object, n_rows: int) -> Weights:
    """Check weights that lie in this process; see `column_of` and `checked_weights`."""
    found = column_of(values, n_rows, WEIGHTS)
    return checked_weights(found, lambda row: f"row {row:,}")


def labels_in_memory(values: object, n_rows: int, n_labels: int) -> Labels:
    """Check labels that lie in this process; see `column_of` and `checked_labels`."""
    found = column_of(values, n_rows, LABELS)
    return checked_labels(found, n_labels, lambda row: f"row {row:,}")


def joined(rows: npt.NDArray[np.floating], columns: Iterable[npt.NDArray[Any] | None]) -> Any:
    """Put columns (n,), as far as they are there, to the right of rows (n, D): one array."""
    there = [column[:, None] for column in columns if column is not None]
    return np.concatenate([rows, *there], axis=1) if there else rows
