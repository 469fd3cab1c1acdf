"""Arrays of one file or group as the columns of a table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from dask_gmm.data.open import DEFAULT_ARRAY
from dask_gmm.data.selection import (
    as_index,
    numbered,
    refuse_bad_shape,
    row_dtype,
    selected_columns,
)
from dask_gmm.data.slabs import Slab, elements, largest_slab, slabs
from dask_gmm.data.tables import PIECE_BYTES, Piece, common_dtype
from dask_gmm.errors import InputError
from dask_gmm.objects.location import Location

LARGEST_BYTES: Final = 128 * 2**20
Read: TypeAlias = Callable[[str, Slab], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """An array in a file or group.

    Parameters
    ----------
    name : str
    shape : tuple of int
    dtype : dtype
    dims : tuple of str, optional
        Names of its axes.
    chunks : tuple of int, optional
        Shape of its chunks, where it is stored in some.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dims: tuple[str, ...] | None = None
    chunks: tuple[int, ...] | None = None

    @property
    def axes(self) -> tuple[object, ...]:
        """What tells whether two variables share axes: names and sizes, or sizes alone."""
        return self.shape if self.dims is None else tuple(zip(self.dims, self.shape, strict=True))


class Archive(Protocol):
    """A file or group that holds variables. Frozen."""

    @property
    def path(self) -> Location:
        """Where it lies."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that read it, beside numpy."""
        ...

    def variables(self) -> Mapping[str, Variable]:
        """Give all its variables by name.

        Raises
        ------
        InputError, DataError, MissingExtraError
            If it is not what it should be.
        """
        ...

    def opened(self, names: Sequence[str]) -> AbstractContextManager[Read]:
        """Open it, to read boxes of these variables, which follow each other.

        Raises
        ------
        DataError
            If it cannot be read, or lacks chunks.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class VariablesTable:
    """A Table whose rows are the elements along the axes that variables share.

    Parameters
    ----------
    archive : Archive
    chosen : tuple of Variable
        Each has the shared axes, and at most one more behind them, whose elements are columns.
    shared : tuple of int
        Sizes of the shared axes.
    columns : tuple of str, or None
    selected : tuple of int, or None
        Those of all columns that are taken, in this order; None for all.
    """

    archive: Archive
    chosen: tuple[Variable, ...]
    shared: tuple[int, ...]
    columns: tuple[str, ...] | None
    selected: tuple[int, ...] | None

    @property
    def name(self) -> str:
        """The path."""
        return str(self.archive.path)

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the archive."""
        return self.archive.packages

    @property
    def n_features(self) -> int:
        """Number of columns that are taken."""
        return self._all_columns if self.selected is None else len(self.selected)

    @property
    def n_rows(self) -> int:
        """Number of elements along the shared axes."""
        return prod(self.shared)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float32 if all variables fit in it, else float64."""
        names = [f"{each.name} of {self.name}" for each in self.chosen]
        return common_dtype([each.dtype for each in self.chosen], names)

    @property
    def held_bytes(self) -> int:
        """A box of each variable as it is stored, the chunks that it is cut from, three pieces."""
        rows = largest_slab(self.shared, self._chunks, *self._rows_at_once)
        stored = max(each.dtype.itemsize for each in self.chosen)
        decoded = self._all_columns * max(stored, self.dtype.itemsize)
        chunk = max(prod(each.chunks or (1,)) * each.dtype.itemsize for each in self.chosen)
        return 2 * chunk + rows * (2 * decoded + 3 * self.n_features * self.dtype.itemsize)

    def pieces(self, start: int, stop: int | None) -> Iterator[Piece]:
        """Give rows; see `Table.pieces`."""
        at, end = 0, self.n_rows if stop is None else stop
        with self.archive.opened([each.name for each in self.chosen]) as read:
            for slab in slabs(self.shared, self._chunks, *self._rows_at_once):
                first, at = at, at + elements(slab)
                if at <= start:
                    continue
                if first >= end:
                    return
                rows = self._rows(read, slab)[max(start - first, 0) : end - first]
                yield Piece(rows, self.name, max(start, first))

    @property
    def _all_columns(self) -> int:
        return sum(map(self._width, self.chosen))

    @property
    def _rows_at_once(self) -> tuple[int, int]:
        """Those of a piece, and those that are read at once for the sake of their chunks."""
        row_bytes = self._all_columns * self.dtype.itemsize
        return max(1, PIECE_BYTES // row_bytes), max(1, LARGEST_BYTES // row_bytes)

    @property
    def _chunks(self) -> tuple[int, ...]:
        """The chunks along the shared axes; of several variables, the largest of each axis."""
        known = [each.chunks or (1,) * len(each.shape) for each in self.chosen]
        return tuple(max(sizes) for sizes in zip(*known, strict=False))[: len(self.shared)]

    def _width(self, variable: Variable) -> int:
        return prod(variable.shape[len(self.shared) :])

    def _rows(self, read: Read, slab: Slab) -> npt.NDArray[np.floating]:
        rows = np.empty((elements(slab), self._all_columns), self.dtype)
        left = 0
        for each in self.chosen:
            width, rest = self._width(each), each.shape[len(self.shared) :]
            box = read(each.name, (*slab, *(slice(0, n) for n in rest)))
            rows[:, left : left + width] = box.reshape(-1, width)
            left += width
        if self.selected is None:
            return rows
        return np.ascontiguousarray(rows[:, as_index(np.array(self.selected))])


def table_of(
    archive: Archive,
    array: str | None,
    variables: Sequence[str] | None,
    columns: Sequence[int | str] | None,
) -> VariablesTable:
    """Make a table of what is in an archive.

    Parameters
    ----------
    archive : Archive
    array : str, optional
        An array whose axes are rows and columns; without it, and without ``variables``, ``x``, or
        else the only one of two axes, where none has more.
    variables : sequence of str, optional
        Variables that share all axes, but for a last one that some have besides: each element
        along the shared axes is a row, and each variable a column, or as many columns as its last
        axis has elements.
    columns : sequence of int or str, optional
        Which of the columns that this gives are taken, by number or by name.

    Raises
    ------
    InputError
        If it is not there, or not so.
    """
    there, where = archive.variables(), str(archive.path)
    if variables is None:
        chosen, shared, names = _array(there, array, where)
    else:
        chosen, shared, names = _together(there, variables, where)
    for each in chosen:
        row_dtype(each.dtype, f"{each.name} of {where}".strip())
    width = sum(prod(each.shape[len(shared) :]) for each in chosen)
    if columns is not None and names is not None:
        columns = numbered(columns, names, where)
    selected = selected_columns(columns, width, where)
    if names is not None and selected is not None:
        names = tuple(names[number] for number in selected)
    return VariablesTable(archive, chosen, shared, names, selected)


Chosen: TypeAlias = tuple[tuple[Variable, ...], tuple[int, ...], tuple[str, ...] | None]


def _array(there: Mapping[str, Variable], array: str | None, where: str) -> Chosen:
    found = there.get(_plain(DEFAULT_ARRAY if array is None else array))
    if found is None and array is None:
        tables = [each for each in there.values() if len(each.shape) >= 2]
        only = tables if len(tables) == 1 else list(there.values())
        found = only[0] if len(only) == 1 else None
    if found is None:
        wanted = array or f"{DEFAULT_ARRAY}, or only one of two axes and none of more"
        raise _unknown(f"A source of arrays must have the array {wanted}", there, where)
    n_rows, _ = refuse_bad_shape(found.shape, f"{found.name} of {where}")
    return (found,), (n_rows,), None


def _together(there: Mapping[str, Variable], names: Sequence[str], where: str) -> Chosen:
    for name in names:
        if _plain(name) not in there:
            raise _unknown(f"A source must have the variable {name}", there, where)
    chosen = tuple(there[_plain(name)] for name in names)
    least = min(chosen, key=lambda each: len(each.shape))
    n_axes = len(least.shape)
    for each in chosen:
        if each.axes[:n_axes] != least.axes or len(each.shape) > n_axes + 1:
            raise InputError(
                f"Variables that are columns of the same rows must share all axes but a last one, "
                f"but {least.name} has {least.axes} and {each.name} has {each.axes}, in {where}. "
                "Leave one of them out, or ingest them apart."
            )
        if not each.shape or 0 in each.shape:
            raise InputError(
                f"A variable must have at least one element along each axis, but {each.name} of "
                f"{where} has the shape {each.shape}. Leave it out, or check how it was made."
            )
    widths = [prod(each.shape[n_axes:]) for each in chosen]
    parts = (
        [each.name] if len(each.shape) == n_axes else [f"{each.name}[{i}]" for i in range(width)]
        for each, width in zip(chosen, widths, strict=True)
    )
    return chosen, least.shape, tuple(name for part in parts for name in part)


def _plain(name: str) -> str:
    return name.removeprefix("/")


def _unknown(wanted: str, there: Mapping[str, Variable], where: str) -> InputError:
    listed = [f"{name} {each.shape} of {each.dtype}" for name, each in sorted(there.items())]
    found = ", ".join(listed[:8]) + ", ..." * (len(listed) > 8)
    return InputError(
        f"{wanted}, but those in {where} are: {found or 'none'}. Choose one of them with array, or "
        "several with variables."
    )


def all_of(names: Sequence[str], open_one: Callable[[str], Any]) -> Read:
    """Give what reads boxes of the arrays that are opened under these names."""
    arrays = {name: open_one(name) for name in names}
    return partial(_box, arrays)


def _box(arrays: Mapping[str, Any], name: str, slab: Slab) -> npt.NDArray[Any]:
    return np.asarray(arrays[name][slab])
