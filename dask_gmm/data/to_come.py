"""Arrays that a later call will write, as sources whose shape is known and whose rows are not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dask_gmm.data.bucket import Bucket
from dask_gmm.data.damage import AbsentChunkError, DamagedChunkError
from dask_gmm.data.formats import METADATA_KEYS, array_format
from dask_gmm.data.groups import ArraySpec, documents
from dask_gmm.data.plain import Bytes
from dask_gmm.data.zarr_source import ZarrSource, zarr_source
from dask_gmm.objects.location import Location


@dataclass(frozen=True, slots=True, eq=False)
class NotYet:
    """A Place of an array that is still to be written; whatever lies there is not looked at.

    Parameters
    ----------
    location : Path or Address
        Where it will be.
    """

    location: Location

    @property
    def name(self) -> str:
        """The path or address."""
        return str(self.location)

    @property
    def shareable(self) -> bool:
        """Whether other processes will find it."""
        return isinstance(self.location, Path) or self.location.shareable

    @property
    def copies(self) -> int:
        """See `Place.copies`."""
        return 0 if isinstance(self.location, Path) else Bucket.copies

    def read_plain(self, key: str, into: Bytes, *, checksummed: bool) -> NoReturn:
        """Find nothing."""
        raise AbsentChunkError

    def stamps(self, keys: Sequence[str]) -> Mapping[str, str | None]:
        """Find nothing."""
        return dict.fromkeys(keys)

    def read(self, key: str) -> NoReturn:
        """Find nothing."""
        raise AbsentChunkError

    def flaws(self, keys: Sequence[str], n_bytes: int | None) -> dict[str, DamagedChunkError]:
        """Find nothing wrong: what will be written will be whole."""
        return {}

    def digests(self) -> "NotYet":
        """Give the place of digests, of which there are none yet."""
        return self


def source_to_come(
    group: Location, spec: ArraySpec, columns: Sequence[int] | None, rows: slice | None
) -> ZarrSource:
    """Give the source that an array of two axes will be, of a group that a sink will write.

    Raises
    ------
    InputError
        If it will lack the rows or columns asked for.
    """
    key = METADATA_KEYS[3]
    form = array_format(documents({}, (spec,))[f"{spec.name}/{key}"], 3)
    return zarr_source(NotYet(group / spec.name), form, columns, rows, "error")
