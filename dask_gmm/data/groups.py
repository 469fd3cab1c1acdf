"""The zarr groups that are written here: their metadata, and small arrays whole."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.buffer import Buffer
from zarr.codecs import Crc32cCodec
from zarr.storage import MemoryStore

from dask_gmm.data.address_store import zarr_store
from dask_gmm.data.plain import CHECKSUM_BYTES, write_plain, write_whole
from dask_gmm.errors import InputError, output_errors
from dask_gmm.objects.location import Location, P

StoredArray: TypeAlias = zarr.Array[Any]


@dataclass(frozen=True, slots=True, eq=False)
class ArraySpec:
    """One array to write, cut into chunks along its first axis alone.

    Parameters
    ----------
    name : str
        Its name in the group.
    shape : tuple of int
        Such as ``(n_rows, n_features)`` or ``(n_rows,)``.
    dtype : str
        A float or integer type, such as ``float32`` or ``int64``, or ``bool``.
    chunk_rows : int
        Rows of a chunk.
    dimension_names : tuple of str
        Names of the axes, as xarray reads them; those of ``(n_rows, n_features)`` unless given.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    chunk_rows: int
    dimension_names: tuple[str, ...] = ("sample", "feature")

    def __post_init__(self) -> None:
        if np.dtype(self.dtype).kind not in "fiub":
            raise InputError(
                f"Arrays are written as floats, integers or bools, but array {self.name} is to be "
                f"{self.dtype}. Choose float32, float64, int32, int64 or bool."
            )
        if min(*self.shape, self.chunk_rows) < 1:
            raise InputError(
                f"An array has at least one row, one column and one row in a chunk, but array "
                f"{self.name} is to be {self.shape} in chunks of {self.chunk_rows} rows. "
                f"Ask for more."
            )

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the stored elements, little-endian."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def chunk_shape(self) -> tuple[int, ...]:
        """Shape of a chunk; the last one is padded to it."""
        return (self.chunk_rows, *self.shape[1:])

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a stored chunk, its checksum included."""
        return int(np.prod(self.chunk_shape)) * self.stored_dtype.itemsize + CHECKSUM_BYTES

    @property
    def n_chunks(self) -> int:
        """Number of chunks."""
        return -(-self.shape[0] // self.chunk_rows)

    @property
    def grid_shape(self) -> tuple[int, ...]:
        """Number of chunks along each axis."""
        return (self.n_chunks, *(1 for _ in self.shape[1:]))

    @property
    def fill_value(self) -> float | int:
        """What pads the last chunk, and what zarr gives for a lost one: never a plausible row.

        Of bools it is True: marks are rare, and rows that are lost are not to pass unmarked.
        """
        unlikely = {"f": float("nan"), "i": -1, "u": np.iinfo(np.uint8).max, "b": True}
        return unlikely[self.stored_dtype.kind]

    def path(self, group: P, chunk: int) -> P:
        """File of a chunk."""
        return group.joinpath(self.name, "c", str(chunk), *("0" for _ in self.shape[1:]))

    def stored_sizes(self, group: Location) -> Callable[[int], int | None]:
        """Give what tells the stored bytes of a chunk, None where there is none."""
        if isinstance(group, Path):
            return lambda chunk: _size_of(self.path(group, chunk))
        listed = {str(group / name): size for name, size in group.sizes().items()}
        return lambda chunk: listed.get(str(self.path(group, chunk)))

    def chunk_of(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rows as a whole chunk: of its type, contiguous, padded where the array ends."""
        if len(rows) == self.chunk_rows:
            return np.ascontiguousarray(rows, dtype=self.stored_dtype)
        chunk = np.full(self.chunk_shape, self.fill_value, dtype=self.stored_dtype)
        chunk[: len(rows)] = rows
        return chunk

    def chunk_from(
        self, pieces: Iterable[npt.NDArray[Any]], n_rows: int
    ) -> Iterator[npt.NDArray[Any]]:
        """Rows that come in pieces as the pieces of a whole chunk, as in `chunk_of`.

        Raises
        ------
        InputError
            If they are not ``n_rows`` rows together.
        """
        given = 0
        for piece in pieces:
            given += len(piece)
            yield np.ascontiguousarray(piece, dtype=self.stored_dtype)
        if given != n_rows:
            raise InputError(
                f"The pieces of a chunk of array {self.name} must have {n_rows} rows together, "
                f"but {given} rows came. Give all of its rows, once."
            )
        yield np.full(
            (self.chunk_rows - n_rows, *self.shape[1:]), self.fill_value, self.stored_dtype
        )


def _size_of(path: Location) -> int | None:
    return path.stat().st_size if path.is_file() else None


def documents(attributes: Mapping[str, Any], arrays: tuple[ArraySpec, ...]) -> dict[str, bytes]:
    """Metadata documents of a group and its arrays, by key: what zarr itself would write.

    The chunks are plain and checksummed (``bytes``, then ``crc32c``), uncompressed.
    """
    stored: dict[str, Buffer] = {}
    group = zarr.create_group(MemoryStore(stored), attributes=dict(attributes), zarr_format=3)
    for spec in arrays:
        group.create_array(
            spec.name,
            shape=spec.shape,
            dtype=spec.stored_dtype,
            chunks=spec.chunk_shape,
            filters=None,
            compressors=Crc32cCodec(),
            fill_value=spec.fill_value,
            dimension_names=spec.dimension_names[: len(spec.shape)],
        )
    return {key: value.to_bytes() for key, value in stored.items()}


def differences(wanted: Mapping[str, bytes], group: Location) -> list[str]:
    """Names of what differs between wanted metadata and what lies in a folder, sorted.

    What does not lie there does not differ.
    """
    names: set[str] = set()
    for key, document in wanted.items():
        path = group / key
        if path.exists():
            names |= _differing(document, path.read_bytes(), key.removesuffix("zarr.json"))
    return sorted(names)


def _differing(wanted: bytes, found: bytes, prefix: str) -> set[str]:
    try:
        ours, theirs = _flat(json.loads(wanted)), _flat(json.loads(found))
    except ValueError:
        return {f"{prefix}zarr.json (damaged)"}
    return {prefix + name for name in ours.keys() | theirs if ours.get(name) != theirs.get(name)}


def _flat(document: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = document.get("attributes", {})
    return {name: value for name, value in document.items() if name != "attributes"} | attributes


def put_documents(group: Location, wanted: Mapping[str, bytes]) -> None:
    """Write metadata documents, each whole or not at all."""
    for key, document in wanted.items():
        write_whole(group / key, [np.frombuffer(document, dtype=np.uint8)])


def put_array(
    group: Location, name: str, values: npt.NDArray[Any], dimension_names: tuple[str, ...]
) -> None:
    """Write a small array of a group as one chunk, beside those of a sink.

    Parameters
    ----------
    group : Path or Address
        Folder of the group, which exists.
    name : str
        Name of the array; it may have a slash where its groups exist.
    values : ndarray of floats or integers
        At least one element.
    dimension_names : tuple of str
        One for each axis.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    spec = ArraySpec(name, values.shape, str(values.dtype), len(values), dimension_names)
    with output_errors(group):
        put_documents(group, {f"{name}/zarr.json": documents({}, (spec,))[f"{name}/zarr.json"]})
        write_plain(spec.path(group, 0), [spec.chunk_of(values)])


def open_written(group: Location, name: str) -> StoredArray:
    """Open an array of a group that was written here, to be read."""
    return zarr.open_array(zarr_store(group / name), mode="r")


def read_written(group: Location, name: str, *, gaps: bool = False) -> npt.NDArray[np.float64]:
    """Read all of an array of a group that was written here.

    Parameters
    ----------
    group : Path or Address
    name : str
    gaps : bool
        Whether NaN may be in it.

    Raises
    ------
    ValueError
        If a chunk is missing, or a number is not finite. Whatever zarr raises, if one is damaged.
    """
    stored = open_written(group, name)
    if stored.nchunks != stored.nchunks_initialized:
        raise ValueError(f"a chunk of {name} is missing")
    values = np.asarray(stored[...], dtype=np.float64)
    if not (np.isfinite(values) | (gaps & np.isnan(values))).all():
        raise ValueError(f"{name} is not finite")
    return values
