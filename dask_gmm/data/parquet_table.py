"""Parquet files as a table, read row group after row group."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

from dask_gmm.data.arrow import module, rows_of
from dask_gmm.data.parquet_columns import Columns
from dask_gmm.data.tables import Piece, data_errors, piece_rows

KIND: Final = "a parquet file"
# Of batches that are decoded at once, columns and their pages beside them.
BATCHES: Final = 6


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """What the footer of a file says.

    Parameters
    ----------
    path : Path
    groups : tuple of int
        Rows of each row group.
    group_bytes : int
        Bytes of the largest row group, as stored.
    """

    path: Path
    groups: tuple[int, ...]
    group_bytes: int

    @classmethod
    def of(cls, path: Path, footer: Any) -> "_File":
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        stored = max((_stored_bytes(group) for group in groups), default=0)
        return cls(path, tuple(group.num_rows for group in groups), stored)

    @property
    def n_rows(self) -> int:
        return sum(self.groups)


@dataclass(frozen=True, slots=True, eq=False)
class ParquetTable:
    """A Table of parquet files with the same columns.

    Parameters
    ----------
    name : str
    files : tuple
        In the order of their rows.
    columns : tuple of str
        Those that are read.
    dtype : dtype
    """

    name: str
    files: tuple[_File, ...]
    columns: tuple[str, ...]
    dtype: np.dtype[np.floating]

    @classmethod
    def of(
        cls, name: str, paths: Sequence[Path], columns: Sequence[int | str] | None
    ) -> "ParquetTable":
        """Read the footers.

        Raises
        ------
        InputError
            If a column that is chosen is not there, or not of numbers.
        DataError
            If a file is damaged, or its columns are others than those of the first.
        """
        chosen, kinds, files = None, [], []
        for path in paths:
            with _opened(path) as parquet:
                schema = parquet.schema_arrow
                chosen = chosen or Columns.of(schema, columns, name)
                kinds.append(chosen.dtype(schema, str(path)))
                files.append(_File.of(path, parquet.metadata))
        assert chosen is not None  # there is a file
        return cls(name, tuple(files), chosen.names, np.result_type(*kinds))

    @property
    def packages(self) -> tuple[str, ...]:
        """What reads them."""
        return ("pyarrow",)

    @property
    def n_features(self) -> int:
        """Number of its columns."""
        return len(self.columns)

    @property
    def n_rows(self) -> int:
        """Number of its rows."""
        return sum(file.n_rows for file in self.files)

    @property
    def held_bytes(self) -> int:
        """A row group as it is stored, and some batches."""
        stored = max(file.group_bytes for file in self.files)
        return stored + BATCHES * self._batch_rows * self.n_features * 8

    @property
    def _batch_rows(self) -> int:
        return piece_rows(self.n_features * self.dtype.itemsize)

    def pieces(self, start: int, stop: int | None) -> Iterator[Piece]:
        """Give rows; row groups without any of them are not read. See `Table.pieces`."""
        end, at = self.n_rows if stop is None else stop, 0
        for file in self.files:
            first, last = max(start - at, 0), min(end - at, file.n_rows)
            if first < last:
                yield from self._of_file(file, first, last)
            at += file.n_rows

    def _of_file(self, file: _File, start: int, stop: int) -> Iterator[Piece]:
        edges = [0, *accumulate(file.groups)]
        chosen = [
            number
            for number in range(len(file.groups))
            if edges[number] < stop and edges[number + 1] > start
        ]
        at = edges[chosen[0]]
        for rows in self._batches(file, chosen):
            part = rows[max(start - at, 0) : max(stop - at, 0)]
            if len(part):
                yield Piece(part, str(file.path), max(at, start))
            at += len(rows)

    def _batches(self, file: _File, groups: list[int]) -> Iterator[Any]:
        with _opened(file.path) as parquet:
            batches = parquet.iter_batches(self._batch_rows, groups, list(self.columns))
            while True:
                with _said_of(file.path):
                    batch = next(batches, None)
                    if batch is None:
                        return
                    rows = rows_of(batch, self.columns, self.dtype)
                yield rows


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with _said_of(path):
        parquet = module("pyarrow.parquet").ParquetFile(path, page_checksum_verification=True)
    with parquet:
        yield parquet


def _said_of(path: Path) -> Any:
    return data_errors(path, KIND, module("pyarrow").ArrowException)


def _stored_bytes(group: Any) -> int:
    columns = (group.column(number) for number in range(group.num_columns))
    return sum(column.total_compressed_size for column in columns)
