"""The row groups of the parquet files of a table, one behind the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.objects.location import Location


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file was when it was first opened.

    Parameters
    ----------
    path : Path or Address
    n_bytes : int
    time : int or str
        Of the last change, in nanoseconds; the tag of an object.
    footer : int
        Digest of its end.
    group_rows : tuple of int
        Rows of each row group.
    read_bytes : int
        That reading some columns of a row group holds at most, beside the rows themselves.
    codecs : frozenset of str
        Of the columns that are read.
    """

    path: Location
    n_bytes: int
    time: int | str
    footer: int
    group_rows: tuple[int, ...]
    read_bytes: int
    codecs: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class RowGroups:
    """Those that have rows, in the order of files and rows.

    Parameters
    ----------
    path : Path or Address
        Of the file, or of the folder of files.
    files : tuple of FileFacts
    edges : ndarray of int64
        Group ``i`` holds rows ``edges[i]`` to ``edges[i + 1]``.
    places : ndarray of int64, shape (groups, 2)
        For each its file, and its number there.
    """

    path: Location
    files: tuple[FileFacts, ...]
    edges: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]

    @classmethod
    def of(cls, path: Location, files: Sequence[FileFacts]) -> "RowGroups":
        """Put those of files together."""
        listed = [
            (rows, (i, group))
            for i, file in enumerate(files)
            for group, rows in enumerate(file.group_rows)
            if rows
        ]
        edges = np.cumsum([0, *(rows for rows, _ in listed)], dtype=np.int64)
        places = np.array([place for _, place in listed], dtype=np.int64).reshape(-1, 2)
        edges.setflags(write=False)
        places.setflags(write=False)
        return cls(path, tuple(files), edges, places)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def rows(self) -> int:
        """Rows of all of them."""
        return int(self.edges[-1])

    def touched(self, start: int, stop: int) -> range:
        """Give those that hold rows ``start`` to ``stop``, of which there is one at least."""
        first = np.searchsorted(self.edges, start, side="right") - 1
        return range(int(first), int(np.searchsorted(self.edges, stop)))

    def bounds(self, group: int) -> tuple[int, int]:
        """First row of a group, and the first row after it."""
        return int(self.edges[group]), int(self.edges[group + 1])

    def place(self, group: int) -> tuple[FileFacts, int]:
        """Give the file of a group, and its number there."""
        file, number = self.places[group]
        return self.files[file], int(number)

    def key(self, group: int) -> str:
        """Give a short name of a group."""
        file, number = self.place(group)
        return f"{file.path.name}/{number}"

    def where(self, group: int) -> str:
        """Name a group, its file and its rows."""
        (file, number), (start, stop) = self.place(group), self.bounds(group)
        within = "" if file.path == self.path else f" of {file.path.name}"
        return f"row group {number}{within} (rows {start:,} to {stop:,} of {self.path})"
