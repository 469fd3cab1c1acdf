"""CSV files as a table: columns of numbers, with their names in the first line of each file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np

from dask_gmm.data.arrow import module, refuse_twice, rows_of
from dask_gmm.data.selection import numbered, selected_columns
from dask_gmm.data.tables import PIECE_BYTES, Piece, data_errors
from dask_gmm.errors import DataError

KIND: Final = "a CSV file of numbers, with the names of its columns in the first line,"
# Of texts that are read ahead, and of columns beside them.
BLOCKS: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class CsvTable:
    """A Table of CSV files with the same columns, which only reading counts the rows of.

    Parameters
    ----------
    name : str
    paths : tuple of Path
        In the order of their rows.
    columns : tuple of str
        Those that are read.
    """

    name: str
    paths: tuple[Path, ...]
    columns: tuple[str, ...]

    @classmethod
    def of(
        cls, name: str, paths: Sequence[Path], columns: Sequence[int | str] | None
    ) -> "CsvTable":
        """Read the first lines.

        Raises
        ------
        InputError
            If a column that is chosen is not there.
        DataError
            If a file cannot be read, has no names, or lacks columns of the first.
        """
        names = _names_in(paths[0])
        given = None if columns is None else numbered(columns, names, name)
        numbers = selected_columns(given, len(names), name)
        chosen = tuple(names[number] for number in numbers or range(len(names)))
        for path in paths[1:]:
            _refuse_other_columns(_names_in(path), path, chosen, paths[0])
        return cls(name, tuple(paths), chosen)

    @property
    def packages(self) -> tuple[str, ...]:
        """What reads them."""
        return ("pyarrow",)

    @property
    def n_features(self) -> int:
        """Number of its columns."""
        return len(self.columns)

    @property
    def n_rows(self) -> None:
        """None: they are counted when they are read."""
        return

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float64."""
        return np.dtype(np.float64)

    @property
    def held_bytes(self) -> int:
        """Some blocks of text, each of which may hold a number for every two characters."""
        return BLOCKS * PIECE_BYTES * (1 + 8 // 2)

    def pieces(self, start: int, stop: int | None) -> Iterator[Piece]:
        """Give rows; those before the first are read, too. See `Table.pieces`."""
        at = 0
        for path in self.paths:
            first = at
            for rows in self._of_file(path):
                part = rows[max(start - at, 0) : None if stop is None else max(stop - at, 0)]
                if len(part):
                    yield Piece(part, str(path), max(at, start) - first)
                at += len(rows)
                if stop is not None and at >= stop:
                    return

    def _of_file(self, path: Path) -> Iterator[Any]:
        with data_errors(path, KIND, _arrow_error()):
            reader = _reader(path, self.columns)
        with reader:
            while True:
                with data_errors(path, KIND, _arrow_error()):
                    batch = next(reader, None)
                    if batch is None:
                        return
                    rows = rows_of(batch, self.columns, self.dtype)
                yield rows


def _arrow_error() -> type[Exception]:
    error: type[Exception] = module("pyarrow").ArrowException
    return error


def _reader(path: Path, columns: Sequence[str] | None) -> Any:
    """Open a file; errors name rows only where it is read by one thread."""
    csv, arrow = module("pyarrow.csv"), module("pyarrow")
    types = {name: arrow.float64() for name in columns or ()}
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(use_threads=False, block_size=PIECE_BYTES),
        convert_options=csv.ConvertOptions(column_types=types, include_columns=columns),
    )


def _names_in(path: Path) -> list[str]:
    """Names in the first line of a file.

    Raises
    ------
    DataError
        If there is none, or it is one of numbers, or has a name twice.
    """
    with data_errors(path, KIND, _arrow_error()), _reader(path, None) as reader:
        names: list[str] = list(reader.schema.names)
    refuse_twice(names, str(path))
    if all(map(_is_number, names)):
        raise DataError(
            f"The first line of a CSV file must be the names of its columns, but that of {path} "
            f"is numbers ({', '.join(names[:8])}). Put a line of names before it."
        )
    return names


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def _refuse_other_columns(
    names: Sequence[str], path: Path, wanted: Sequence[str], first: Path
) -> None:
    absent = [name for name in wanted if name not in names]
    if absent:
        raise DataError(
            f"All files of a source must have the same columns, but {absent[0]!r} of {first} is "
            f"not in {path}, whose columns are {', '.join(names[:16])}. Write the files alike, or "
            "ingest them apart."
        )
