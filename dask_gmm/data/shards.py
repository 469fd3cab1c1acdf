"""What a shard says of itself: which of its inner chunks it holds."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.data.plain import CHECKSUM_BYTES, Bytes

ABSENT = np.iinfo(np.uint64).max
INDEX_CODECS = ["bytes", "crc32c"]


@dataclass(frozen=True, slots=True, eq=False)
class ShardIndex:
    """Where in a shard the places of its inner chunks are listed.

    Parameters
    ----------
    inner : tuple of int
        Shape of an inner chunk.
    counts : tuple of int
        Inner chunks of a shard along each axis.
    at_end : bool
        Whether the list is at the end of the shard, else at its beginning.
    """

    inner: tuple[int, int]
    counts: tuple[int, int]
    at_end: bool

    def refuse_gaps(self, stored: Bytes, extent: tuple[int, int]) -> None:
        """Refuse a shard that lacks inner chunks of its first rows and columns.

        Zarr reads them as the fill value, in every version and configuration.

        Raises
        ------
        DamagedChunkError
            If it lacks some, or is too short to say so.
        """
        n_bytes = 16 * self.counts[0] * self.counts[1]
        if stored.size < n_bytes + CHECKSUM_BYTES:
            raise DamagedChunkError(f"has {stored.size} bytes, too few for the index of a shard")
        first = stored.size - n_bytes - CHECKSUM_BYTES if self.at_end else 0
        places = stored[first : first + n_bytes].copy().view("<u8").reshape(*self.counts, 2)
        used = tuple(slice(-(-n // i)) for n, i in zip(extent, self.inner, strict=True))
        n_absent = int((places[used][..., 0] == ABSENT).sum())
        if n_absent:
            raise DamagedChunkError(f"lacks {n_absent} of the chunks in it")


def shard_index(codecs: list[dict[str, Any]], shard: tuple[int, int]) -> ShardIndex | None:
    """Find where shards keep their index; None for arrays without shards, or of unusual ones."""
    if [codec["name"] for codec in codecs] != ["sharding_indexed"]:
        return None
    conf = codecs[0]["configuration"]
    index_codecs = [codec["name"] for codec in conf["index_codecs"]]
    endian = conf["index_codecs"][0].get("configuration", {}).get("endian", "little")
    if index_codecs != INDEX_CODECS or endian != "little":
        return None
    height, width = (*conf["chunk_shape"], 1)[:2]
    counts = (shard[0] // height, shard[1] // width)
    return ShardIndex((height, width), counts, conf.get("index_location", "end") == "end")
