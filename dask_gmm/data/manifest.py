"""The digests of an array's chunks, kept beside it as ``digests/<array>``.

The *digest* of a chunk is a number of 32 bits that tells it from another:

* of stored bytes that end in a CRC-32C of those before (the last codec is ``crc32c``), that
  checksum. It costs nothing. The CRC-32C of the whole would be one constant for every chunk: to a
  cyclic code, a message with its own remainder behind it is as good as none;
* of stored bytes with CRC-32Cs in other places, such as shards of such chunks, whose CRC-32C is
  such a constant too, their CRC-32C xor their CRC-32 (that of zlib, another polynomial);
* of all others, their CRC-32C;
* of an absent chunk 0, the CRC-32C of no bytes.
"""

import numpy as np
import numpy.typing as npt

from dask_gmm.data.damage import AbsentChunkError, DamagedChunkError, kind_of_damage
from dask_gmm.data.formats import METADATA_KEYS, ArrayFormat, array_format
from dask_gmm.data.groups import ArraySpec, documents, put_documents
from dask_gmm.data.place import DIGESTS, Place
from dask_gmm.data.plain import CHECKSUM_BYTES, checksum, trailing_checksum, write_plain
from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location

Digests = npt.NDArray[np.uint32]


def write_digests(group: Location, name: str, grid: npt.NDArray[np.uint32]) -> None:
    """Keep the digests of an array's chunks, so that reading compares them from then on.

    Parameters
    ----------
    group : Path or Address
        Folder of the group that the array is in.
    name : str
        The array.
    grid : ndarray of uint32
        One digest for each chunk (each shard), in the shape of the grid of chunks.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    spec = ArraySpec(name, grid.shape, "uint32", len(grid), ("sample_chunk", "feature_chunk"))
    put_documents(group / DIGESTS, documents({}, (spec,)))
    write_plain(spec.path(group / DIGESTS, 0), [spec.chunk_of(grid)])


def read_digests(
    place: Place, counts: tuple[int, int], axes: int = 2
) -> npt.NDArray[np.uint32] | None:
    """Find the digests kept beside an array; None where there are none.

    Parameters
    ----------
    place : Place
        Where they would be.
    counts : tuple of int
        Chunks of the array along each axis.
    axes : int
        Those that it is stored with, 1 or 2.

    Raises
    ------
    DataError
        If they are damaged, or of an array of other chunks.
    """
    try:
        document = place.read(METADATA_KEYS[3]).tobytes()
    except AbsentChunkError:
        return None
    except DamagedChunkError as error:
        raise _unusable(place, error) from error
    try:
        grid = _grid(place, array_format(document, 3, axes))
    except DamagedChunkError as error:
        raise _unusable(place, error) from error
    if grid.shape != counts:
        raise _unusable(place, f"are of {grid.shape} chunks, not {counts}")
    return grid


def _grid(place: Place, form: ArrayFormat) -> npt.NDArray[np.uint32]:
    stored = place.read(form.key(0, 0))
    payload = stored[:-CHECKSUM_BYTES]
    if stored.size != form.plain_bytes or checksum(payload) != trailing_checksum(stored):
        raise DamagedChunkError("does not match its checksum")
    if form.dtype != np.uint32 or form.counts != (1, 1):
        raise DamagedChunkError("is not an array of digests")
    values = payload.copy().view("<u4").reshape(form.chunk)
    values.setflags(write=False)
    return values


def _unusable(place: Place, found: object) -> DataError:
    kind = kind_of_damage(found) if isinstance(found, DamagedChunkError) else DataError
    return kind(
        f"The digests kept beside an array must be those of its chunks, but what is in "
        f"{place.name} {found}. Write the array again; or delete that to read without digests."
    )
