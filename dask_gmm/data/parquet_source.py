"""Parquet files as sources: row groups strictly read, by pyarrow where their rows are needed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dask_gmm.data.blocks import row_group_layout
from dask_gmm.data.parquet_columns import Columns
from dask_gmm.data.parquet_files import Files, read_footers
from dask_gmm.data.parquet_reader import ParquetReader
from dask_gmm.data.selection import refuse_bad_shape, selected_rows
from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.data.strict_groups import StrictGroups
from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location

# Leaves that are held: the one in use, the one read ahead, and one not yet let go of.
LEAVES_HELD = 3


@dataclass(frozen=True, slots=True, eq=False)
class ParquetSource:
    """Some rows and columns of a table in parquet files.

    Picklable: it carries the places of its files and what their ends say, never rows.

    Parameters
    ----------
    strict : StrictGroups
        The row groups, and what is known of them.
    columns : Columns
        The columns that are read.
    rows : range
        The rows of the table that are read.
    dtype : dtype
        Type of the rows of a block: float32 if all columns have it, else float64.
    layout : Layout
        The leaves: whole row groups of the whole table, cut to the rows that are read.
    skips : bool
        Whether rows are left out of which a row group is bad; they are NaN then.
    skipped : frozenset of int
        Row groups that are left out without looking.
    """

    strict: StrictGroups
    columns: Columns
    rows: range
    dtype: np.dtype[np.floating]
    layout: Layout
    skips: bool = False
    skipped: frozenset[int] = frozenset()

    @property
    def name(self) -> str:
        """The path of the file, or of the folder of files."""
        return str(self.home)

    @property
    def home(self) -> Location:
        """The file, or the folder of files."""
        return self.strict.groups.path

    @property
    def n_features(self) -> int:
        """Number of columns of a block."""
        return len(self.columns.names)

    @property
    def first_row(self) -> int:
        """The number that the table has for the first of the rows."""
        return self.rows.start

    @property
    def shareable(self) -> bool:
        """Whether it lies in files, or in a store."""
        return isinstance(self.home, Path) or self.home.shareable

    def open(self) -> ParquetReader:
        """Open it where the rows are to be read; a file is opened when a leaf lies in it."""
        skipped = self.skipped if self.skips else None
        return ParquetReader(self.strict, self.layout, self.first_row, self.dtype, skipped)

    def skipping(self) -> "ParquetSource":
        """Give the source that leaves out rows of which a row group is not there or not whole.

        A first reading finds them; the source `pinned` to it leaves out those alone.
        """
        return replace(self, skips=True)

    def where(self, row: int, column: int) -> str:
        """Name a row and a column as the table does, and the row group that they lie in."""
        at, groups = row + self.first_row, self.strict.groups
        (group,) = groups.touched(at, at + 1)
        return f"row {at:,}, column {self.columns.names[column]}, in {groups.where(group)}"

    def number(self, column: int) -> int:
        """Give the number that the table has for a column."""
        return self.columns.numbers[column]

    def task_bytes(self) -> int:
        """Projected bytes that reading holds at most, per thread, the leaf read ahead included.

        The columns that are read together count twice, since pyarrow lets go of memory late.
        """
        leaf = self.layout.largest * self.n_features * self.dtype.itemsize
        return LEAVES_HELD * leaf + 2 * max(each.read_bytes for each in self.strict.groups.files)

    def check_present(self) -> int:
        """Look for the files of all row groups before any is read; none is absent.

        Those that are left out, or may be in a first reading, are not looked for.

        Raises
        ------
        DataError
            If one is not there, or is another one by now.
        """
        if not self.skips or self.strict.surveyed:
            self.strict.check_present(each for each in self._groups if each not in self.skipped)
        return 0

    def chunk_keys(self) -> list[str]:
        """Short names of the row groups that are read."""
        return [self.strict.groups.key(group) for group in self._groups]

    def check(self, block: Block) -> None:
        """Refuse a leaf that was read before, and not of the row groups that are expected now.

        Raises
        ------
        DataError
            With the first row group that is another one.
        """
        bad = self._numbers(block.bad_chunks)
        groups = self._touched(block.start, block.stop)
        for group, digest in zip(groups, block.digests, strict=True):
            self.strict.check(group, int(digest), group in bad, group in self.skipped)

    def n_digests(self, start: int, stop: int) -> int:
        """Give the number of row groups that are read for some rows."""
        return len(self._touched(start, stop))

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "ParquetSource":
        """Give the same source, whose row groups must stay those that were read in a first pass.

        Parameters
        ----------
        digests : ndarray of uint32
            `Block.digests` of all leaves, one behind the other.
        bad_chunks : sequence of BadChunk
            `Block.bad_chunks` of all leaves; their rows are left out.

        Raises
        ------
        DataError
            If there are not as many as row groups.
        """
        groups = self._groups
        if digests.size != len(groups):
            raise DataError(
                f"The files must stay as they were when the run began, but {self.name} has "
                f"{len(groups):,} row groups to read, and {digests.size:,} were read then. Give "
                "the files of then, or begin anew."
            )
        known = np.zeros(len(self.strict.groups), dtype=np.uint32)
        known[groups.start : groups.stop] = digests
        known.setflags(write=False)
        skips = self.skips or bool(bad_chunks)
        strict = replace(self.strict, digests=known, surveyed=skips)
        return replace(self, strict=strict, skips=skips, skipped=self._numbers(bad_chunks))

    @property
    def _groups(self) -> range:
        return self._touched(0, len(self.rows))

    def _touched(self, start: int, stop: int) -> range:
        return self.strict.groups.touched(start + self.first_row, stop + self.first_row)

    def _numbers(self, bad_chunks: Sequence[BadChunk]) -> frozenset[int]:
        return frozenset(self._touched(each.start, each.stop)[0] for each in bad_chunks)


def parquet_source(
    table: Files, columns: Sequence[int | str] | None, rows: slice | None
) -> ParquetSource:
    """Make a source of parquet files; see `dask_gmm.data.open_source` for the arguments.

    Parameters
    ----------
    table : Files
    columns, rows

    Raises
    ------
    InputError
        If it lacks the rows or columns asked for, or they are no numbers.
    DataError
        If a file is damaged, or they do not have the same columns.
    MissingExtraError
        If pyarrow cannot be imported.
    """
    groups, chosen, dtype = read_footers(table, columns)
    name = str(table.path)
    refuse_bad_shape((groups.rows, len(chosen.names)), name)
    selected = selected_rows(rows, groups.rows, name)
    layout = row_group_layout(groups.edges, len(chosen.names) * dtype.itemsize, selected)
    return ParquetSource(StrictGroups(groups, chosen.names), chosen, selected, dtype, layout)
