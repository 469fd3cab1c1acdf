"""Where rows are written: arrays of one zarr group, whole chunk by whole chunk.

A group is written aside by many workers and published when it is whole::

    sink = Sink(wip, (ArraySpec("x", (n_rows, n_features), "float64", chunk_rows),))
    sink.create({"seed": 3})                        # once, by the driver: the metadata
    digests = sink.finished("x", start, stop)       # on any worker: written by an earlier attempt?
    if digests is None:
        digests = sink.write("x", start, rows)      # whole chunks, idempotent
    sink.finalize({"x": all_digests_in_row_order})  # once, by the driver: whole, or refused

Nothing is shared between workers: a region of whole chunks belongs to whoever writes it, and
writing it twice, even at the same time, leaves the same bytes. A chunk is whole or absent under its
name at every moment, so a run that was killed is continued by running it again.

The arrays are made of plain checksummed chunks (`dask_gmm.data.plain`), which zarr and xarray read
like any other. Beside them ``digests/<array>`` holds the checksum of each chunk, by which reading
tells a chunk in the wrong place, or left from another run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.data.groups import ArraySpec, differences, documents, put_documents
from dask_gmm.data.manifest import Digests, write_digests
from dask_gmm.data.plain import read_plain, take_plain, write_plain
from dask_gmm.errors import InputError, OutputError, OutputExistsError, output_errors
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import remove
from dask_gmm.objects.location import Location

__all__ = ["ArraySpec", "Digests", "Sink"]


@dataclass(frozen=True, slots=True, eq=False)
class Sink:
    """A zarr group being written: frozen, picklable, the same on the driver and every worker.

    Parameters
    ----------
    path : Path or Address
        Folder of the group, on a disk that all workers see.
    arrays : tuple of ArraySpec
        The arrays that are written by rows.
    """

    path: Location
    arrays: tuple[ArraySpec, ...]

    def create(self, attributes: Mapping[str, Any]) -> None:
        """Make the group and its arrays, or accept those that an interrupted run left.

        Parameters
        ----------
        attributes : mapping of str to JSON
            Attributes of the group. All that decides the rows belongs here, since chunks that an
            interrupted run finished are kept if the attributes and the arrays are the same.

        Raises
        ------
        OutputExistsError
            If the folder holds something else.
        OutputError
            If it cannot be written.
        """
        wanted = documents(attributes, self.arrays)
        with output_errors(self.path):
            self._refuse_other(wanted)
            put_documents(self.path, wanted)

    def take_up(self, attributes: Mapping[str, Any]) -> None:
        """Make the group as `create` does, and replace what a run with other settings left there.

        Raises
        ------
        OutputExistsError
            If the folder holds something that was not left by such a run.
        OutputError
            If it cannot be written.
        """
        try:
            self.create(attributes)
        except OutputExistsError:
            if not (self.path / "zarr.json").exists():
                raise
            with output_errors(self.path):
                remove(self.path)
            self.create(attributes)

    def is_about(self, attributes: Mapping[str, Any]) -> bool:
        """Whether the group still has the attributes and arrays that it was made with."""
        return (self.path / "zarr.json").exists() and not differences(
            documents(attributes, self.arrays), self.path
        )

    def write(self, name: str, start: int, rows: npt.NDArray[Any]) -> Digests:
        """Write a region of whole chunks and give their digests.

        Parameters
        ----------
        name : str
            The array.
        start : int
            First row of the region, at the beginning of a chunk.
        rows : ndarray of shape (n, n_features) or (n,)
            The rows, to the end of a chunk or of the array; cast to the type of the array. Neither
            kept nor, where they are C-contiguous and of that type, copied.

        Returns
        -------
        ndarray of uint32
            One digest (the CRC-32C of its stored rows) for each chunk, in the order of rows;
            `finalize` wants them all.

        Raises
        ------
        InputError
            If the region is not made of whole chunks, or the rows are not of the array's shape.
        OutputError
            If they cannot be written.
        """
        spec = self._spec(name)
        if rows.shape[1:] != spec.shape[1:]:
            raise InputError(
                f"Rows of shape {spec.shape[1:]} belong in array {name} of {self.path}, but rows "
                f"of shape {rows.shape[1:]} were given. Give all its columns, and no more."
            )
        chunks = self._whole_chunks(spec, start, start + len(rows))
        return np.array([self._write(spec, chunk, start, rows) for chunk in chunks], np.uint32)

    def write_pieces(
        self, name: str, start: int, stop: int, pieces: Iterable[npt.NDArray[Any]]
    ) -> Digests:
        """Write one chunk whose rows come in pieces; nothing of its size is held.

        Each piece is checked and written when it comes, from the processor's cache if it was
        made there.

        Parameters
        ----------
        name : str
            The array.
        start, stop : int
            The rows of the chunk.
        pieces : iterable of ndarray of shape (n, n_features) or (n,)
            Its rows, in order, cast to the type of the array.

        Returns
        -------
        ndarray of uint32 of shape (1,)
            Its digest.

        Raises
        ------
        InputError
            If these rows are not one chunk, or not as many come.
        OutputError
            If they cannot be written.
        """
        spec = self._spec(name)
        chunks = self._whole_chunks(spec, start, stop)
        if len(chunks) > 1:
            raise InputError(
                f"One chunk of {spec.chunk_rows} rows is written in pieces, but rows {start} to "
                f"{stop} of array {name} of {self.path} are {len(chunks)} chunks. Write them one "
                f"by one."
            )
        path = spec.path(self.path, chunks[0])
        with output_errors(path):
            return np.array([write_plain(path, spec.chunk_from(pieces, stop - start))], np.uint32)

    def finished(self, name: str, start: int, stop: int) -> Digests | None:
        """Give the digests of a region if an earlier attempt wrote all of it, else None.

        The chunks are read and compared with their checksums: one that was cut short, or damaged,
        counts as not written.

        Raises
        ------
        InputError
            If the region is not made of whole chunks.
        """
        spec = self._spec(name)
        digests = []
        for chunk in self._whole_chunks(spec, start, stop):
            try:
                digests.append(self._read(spec.path(self.path, chunk), spec.chunk_bytes))
            except (DamagedChunkError, OSError):
                return None
        return np.array(digests, np.uint32)

    def is_whole(self) -> bool:
        """Whether every chunk is there, in its size."""
        return not any(self._missing(spec) for spec in self.arrays)

    def count_there(self) -> int:
        """Count the chunks of rows, the same of all arrays, that each has there, in its size."""
        missing = {chunk for spec in self.arrays for chunk in self._missing(spec)}
        return self.arrays[0].n_chunks - len(missing)

    def finalize(self, digests: Mapping[str, Digests]) -> None:
        """Complete the group, or refuse.

        Every chunk must be there. The digests are stored beside the arrays, and what a killed
        worker left half written is removed. Publishing is the next step, and not done here.

        Parameters
        ----------
        digests : mapping of str to ndarray of uint32 of shape (n_chunks,)
            For each array what `write` or `finished` gave, in the order of rows.

        Raises
        ------
        OutputError
            If chunks are missing (they are listed), or the group cannot be written.
        """
        for spec in self.arrays:
            self._refuse_incomplete(spec, digests[spec.name])
        with output_errors(self.path):
            for spec in self.arrays:
                write_digests(self.path, spec.name, digests[spec.name].reshape(spec.grid_shape))
            if isinstance(self.path, Path):
                for partial in list(self.path.rglob("*.partial")):
                    partial.unlink(missing_ok=True)

    @property
    def bytes_on_the_way(self) -> int:
        """Projected bytes that a chunk takes beside the rows while it is written.

        A file takes it piece by piece; to an address it goes in one piece, which is copied once.
        """
        largest = max(spec.chunk_bytes for spec in self.arrays)
        return 2 * largest if isinstance(self.path, Address) else 0

    def _read(self, path: Location, n_bytes: int) -> int:
        into = np.empty(n_bytes, dtype=np.uint8)
        if isinstance(path, Address):
            return take_plain(path.read(), into, checksummed=True)
        return read_plain(str(path), into, checksummed=True)

    def _spec(self, name: str) -> ArraySpec:
        return next(spec for spec in self.arrays if spec.name == name)

    def _whole_chunks(self, spec: ArraySpec, start: int, stop: int) -> range:
        n_rows, size = spec.shape[0], spec.chunk_rows
        ends_whole = stop == n_rows or stop % size == 0
        if not 0 <= start < stop <= n_rows or start % size or not ends_whole:
            raise InputError(
                f"Whole chunks of {size} rows are written, but rows {start} to {stop} of array "
                f"{spec.name} ({n_rows} rows, in {self.path}) were given. Begin and end where "
                f"chunks do: at multiples of {size}, or at the end of the array."
            )
        return range(start // size, -(-stop // size))

    def _write(self, spec: ArraySpec, chunk: int, start: int, rows: npt.NDArray[Any]) -> int:
        at = chunk * spec.chunk_rows - start
        path = spec.path(self.path, chunk)
        with output_errors(path):
            return write_plain(path, [spec.chunk_of(rows[at : at + spec.chunk_rows])])

    def _refuse_other(self, wanted: Mapping[str, bytes]) -> None:
        if not self.path.exists() or not any(self.path.iterdir()):
            return
        ours = (self.path / "zarr.json").exists()
        differing = differences(wanted, self.path) if ours else ["what it holds (no zarr group)"]
        if differing:
            raise OutputExistsError(
                f"An unfinished output is continued with the settings that it was begun with, but "
                f"the one in {self.path} differs in {', '.join(differing)}. Go back to its "
                f"settings, or delete that folder."
            )

    def _refuse_incomplete(self, spec: ArraySpec, digests: Digests) -> None:
        missing = self._missing(spec)
        if missing or len(digests) != spec.n_chunks:
            listed = ", ".join(str(chunk) for chunk in missing[:8]) + ", ..." * (len(missing) > 8)
            raise OutputError(
                f"All {spec.n_chunks} chunks of array {spec.name} must be there before it is "
                f"published, but {len(missing)} are missing or cut short ({listed or 'none'}) and "
                f"{len(digests)} digests were given, in {self.path}. Run the same command again: "
                f"finished chunks are kept."
            )

    def _missing(self, spec: ArraySpec) -> list[int]:
        size = spec.stored_sizes(self.path)
        return [chunk for chunk in range(spec.n_chunks) if size(chunk) != spec.chunk_bytes]
