"""The digests of an array's chunks, kept beside it as ``digests/<array>``.

The *digest* of a chunk is the CRC-32C of its payload: of its stored bytes without the trailing
checksum that a last ``crc32c`` codec puts there. (With it, the CRC-32C of the whole would be one
constant for every chunk: appending its own remainder to a message is what a cyclic code is.) So
for such chunks the digest costs nothing: it is that checksum. For all others, shards too, whose
last bytes check their index alone, it is computed. An absent chunk has the digest of no bytes, 0.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dask_gmm.data.groups import ArraySpec, documents, put_documents
from dask_gmm.data.plain import write_plain

Digests = npt.NDArray[np.uint32]

GROUP = "digests"


def write_digests(group: Path, name: str, grid: npt.NDArray[np.uint32]) -> None:
    """Keep the digests of an array's chunks, so that reading compares them from then on.

    Parameters
    ----------
    group : Path
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
    put_documents(group / GROUP, documents({}, (spec,)))
    write_plain(spec.path(group / GROUP, 0), spec.chunk_of(grid))
