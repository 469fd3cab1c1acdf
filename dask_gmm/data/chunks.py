"""The chunks of a zarr array, none of them taken on trust."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import numpy as np
import numpy.typing as npt

from dask_gmm.data.damage import (
    AbsentChunkError,
    DamagedChunkError,
    LostChunkError,
    StaleChunkError,
    UnreadableChunkError,
)
from dask_gmm.data.formats import ArrayFormat
from dask_gmm.data.place import Place
from dask_gmm.data.plain import Bytes
from dask_gmm.errors import BadChunkError, DataError, LostRowsError

MissingChunks = Literal["error", "fill"]


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """Which damages to an array cannot be read as rows.

    Parameters
    ----------
    absence : bool
        Chunks that are not there.
    truncation : bool
        Chunks cut short.
    flips : bool
        Chunks with flipped bits.
    swaps : bool
        Whole chunks in the place of others. (Those exchanged while a run goes on always are.)
    """

    absence: bool
    truncation: bool
    flips: bool
    swaps: bool


@dataclass(frozen=True, slots=True, eq=False)
class StrictChunks:
    """Reads one chunk at a time as stored; what is not there, or not as expected, is an error.

    Zarr itself reads an absent chunk, or a directory in its place, as the fill value; most codecs
    let some damage pass; and none can tell a whole chunk in the wrong place.

    Parameters
    ----------
    place : Place
        Where they lie.
    format : ArrayFormat
        How they are stored.
    missing_chunks : {"error", "fill"}
        What an absent chunk means. Writers may leave out chunks of nothing but the fill value.
    digests : ndarray of uint32, or None
        What the digest of each chunk must be, in the shape of the grid of chunks, if known.
    mismatch : type
        The error of a chunk with another digest.
    surveyed : bool
        Whether bad ones have been left out, so that those that are read were whole before.
    """

    place: Place
    format: ArrayFormat
    missing_chunks: MissingChunks
    digests: npt.NDArray[np.uint32] | None
    mismatch: type[DamagedChunkError] = StaleChunkError
    surveyed: bool = False

    @property
    def name(self) -> str:
        """How messages call the array."""
        return self.place.name

    @property
    def verified(self) -> bool:
        """Whether the digests are those of the chunks when they were written."""
        return self.digests is not None and self.mismatch is StaleChunkError

    @property
    def detects(self) -> Detection:
        """What reading detects, by digests and codecs."""
        form, verified = self.format, self.verified
        sees_gaps = form.shards is not None or "sharding_indexed" not in form.codecs
        return Detection(
            absence=verified or (sees_gaps and self.missing_chunks == "error"),
            truncation=verified or form.detects_truncation,
            flips=verified or form.detects_flips,
            swaps=verified,
        )

    def plain(self, row: int, column: int, into: Bytes) -> int:
        """Read a plain chunk into a buffer of `format.plain_bytes`.

        Returns
        -------
        int
            Its digest; 0 for an absent one, with the buffer filled.

        Raises
        ------
        DataError
            If it is absent and may not be, damaged, or not the one expected.
        """
        key, checksummed = self.format.key(row, column), self.format.checksummed
        try:
            digest = self.place.read_plain(key, into, checksummed=checksummed)
            self._compare(row, column, digest)
        except AbsentChunkError as error:
            self._absent(row, column, error)
        except DamagedChunkError as error:
            self.refuse(row, column, error)
        else:
            return digest
        into[: self.format.chunk_bytes].view(self.format.dtype)[:] = self.format.fill_value
        return 0

    def stored(self, row: int, column: int) -> tuple[Bytes | None, int]:
        """Read a chunk as stored, for zarr to decode.

        Returns
        -------
        bytes : ndarray of uint8, or None
            All of it; None for an absent one.
        digest : int
            Its digest; 0 for an absent one.

        Raises
        ------
        DataError
            If it is absent and may not be, empty, or not the one expected.
        """
        try:
            stored = self.place.read(self.format.key(row, column))
            digest = self.format.digest(stored)
            self._compare(row, column, digest)
            if self.format.shards and self.missing_chunks == "error":
                self.format.shards.refuse_gaps(stored, self.format.extent(row, column))
        except AbsentChunkError as error:
            self._absent(row, column, error)
        except DamagedChunkError as error:
            self.refuse(row, column, error)
        else:
            return stored, digest
        return None, 0

    def refuse(self, row: int, column: int, error: Exception) -> NoReturn:
        """Raise the error of a chunk: which one it is, what was found, and what to do.

        Raises
        ------
        LostRowsError
            If it was whole before, and can be read.
        BadChunkError
            If it is the chunk that is bad, not the way to it.
        DataError
            Else.
        """
        known = isinstance(error, DamagedChunkError)
        found = str(error) if known else f"cannot be decoded ({type(error).__name__}: {error})"
        cure = error.cure if isinstance(error, DamagedChunkError) else DamagedChunkError.cure
        raise self._refusal(row, column, found, cure, error) from error

    def _refusal(self, row: int, column: int, found: str, cure: str, error: Exception) -> DataError:
        where = self.where(row, column)
        message = f"Every chunk must be there and whole, but {where} {found}. {cure}."
        if isinstance(error, UnreadableChunkError):
            return error.kind(message)
        if self.surveyed:
            return LostRowsError(
                f"Every chunk that was whole in the first pass must stay so, but {where} {found}. "
                "Restore the file of then, with its time, and the same command goes on."
            )
        return BadChunkError(message, self.format.key(row, column), found)

    def where(self, row: int, column: int) -> str:
        """Name a chunk and its rows."""
        start = row * self.format.chunk[0]
        stop = start + self.format.extent(row, column)[0]
        return f"chunk {self.format.key(row, column)} (rows {start:,} to {stop:,} of {self.name})"

    def count_absent(self, rows: Iterable[int], columns: Sequence[int]) -> int:
        """Look for chunks without reading any, and give the number of absent ones.

        Raises
        ------
        DataError
            If one is absent and may not be, or is not a file of the right size.
        """
        places = {self.format.key(r, c): (r, c) for r in rows for c in columns}
        n_bytes = self.format.plain_bytes if self.format.plain else None
        flaws = self.place.flaws(list(places), n_bytes)
        fatal = [key for key, error in flaws.items() if not self._may_be(*places[key], error)]
        if fatal:
            error = flaws[fatal[0]]
            others = f" (and {len(fatal) - 1:,} more of {len(places):,} chunks are damaged)"
            found = f"{error}{others * (len(fatal) > 1)}"
            raise self._refusal(*places[fatal[0]], found, error.cure, error)
        return len(flaws)

    def _may_be(self, row: int, column: int, error: DamagedChunkError) -> bool:
        filled = isinstance(error, AbsentChunkError) and self.missing_chunks == "fill"
        return filled and (self.digests is None or not self.digests[row, column])

    def _absent(self, row: int, column: int, error: DamagedChunkError) -> None:
        if not self._may_be(row, column, error):
            written = isinstance(error, AbsentChunkError) and self.digests is not None
            self.refuse(row, column, LostChunkError() if written else error)

    def _compare(self, row: int, column: int, digest: int) -> None:
        if self.digests is not None and digest != self.digests[row, column]:
            raise self.mismatch()
