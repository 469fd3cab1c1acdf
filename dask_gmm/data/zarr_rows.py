"""A zarr array of two axes as a table, read as strictly as for a fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dask_gmm.data.chunks import MissingChunks
from dask_gmm.data.open import column_names, open_source
from dask_gmm.data.tables import Piece
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.objects.location import Location


@dataclass(frozen=True, slots=True, eq=False)
class ZarrRows:
    """A Table of the rows of a zarr array.

    Parameters
    ----------
    source : ZarrSource
    columns : tuple of str, or None
    """

    source: ZarrSource
    columns: tuple[str, ...] | None

    @classmethod
    def of(
        cls,
        path: Location,
        array: str | None,
        columns: Sequence[int | str] | None,
        missing_chunks: MissingChunks,
    ) -> "ZarrRows":
        """Open it; see `open_source`."""
        source = open_source(path, array=array, columns=columns, missing_chunks=missing_chunks)
        assert isinstance(source, ZarrSource)  # as any path gives
        names = column_names(path, array)
        if names is not None:
            names = tuple(names[source.number(column)] for column in range(source.n_features))
        return cls(source, names)

    @property
    def name(self) -> str:
        """The path of the array."""
        return self.source.name

    @property
    def packages(self) -> tuple[str, ...]:
        """What decodes it."""
        return ("zarr",)

    @property
    def n_features(self) -> int:
        """Number of its columns."""
        return self.source.n_features

    @property
    def n_rows(self) -> int:
        """Number of its rows."""
        return self.source.layout.rows

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """float64 or float32."""
        return self.source.dtype

    @property
    def held_bytes(self) -> int:
        """What reading holds."""
        return self.source.task_bytes()

    def pieces(self, start: int, stop: int | None) -> Iterator[Piece]:
        """Give rows, all of whose chunks are looked for before any is read; see `Table.pieces`."""
        self.source.check_present()
        reader, layout = self.source.open(), self.source.layout
        end = layout.rows if stop is None else stop
        first = int(np.searchsorted(layout.edges, start, side="right")) - 1
        for index in range(first, len(layout)):
            block = reader.read(index)
            if block.start >= end:
                return
            rows = block.rows[max(start - block.start, 0) : end - block.start]
            yield Piece(rows, self.name, max(start, block.start))
