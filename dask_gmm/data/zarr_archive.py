"""What zarr holds beside arrays of two axes: variables of a group, with any axes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import zarr

from dask_gmm.data.address_store import zarr_store
from dask_gmm.data.chunks import MissingChunks
from dask_gmm.data.slabs import Slab
from dask_gmm.data.tables import data_errors
from dask_gmm.data.variables import Read, Variable, all_of
from dask_gmm.errors import DataError
from dask_gmm.objects.location import Location

KIND: Final = "a zarr group"
# What xarray writes in groups of format 2.
DIMENSIONS: Final = "_ARRAY_DIMENSIONS"


@dataclass(frozen=True, slots=True, eq=False)
class ZarrArchive:
    """An Archive that is a zarr group of either format.

    Parameters
    ----------
    path : Path or Address
    missing_chunks : {"error", "fill"}
        What an absent chunk means, as `open_source` says.
    """

    path: Location
    missing_chunks: MissingChunks

    @property
    def packages(self) -> tuple[str, ...]:
        """What reads it."""
        return ("zarr",)

    def variables(self) -> dict[str, Variable]:
        """See `Archive`; names are paths in the group."""
        with data_errors(self.path, KIND, KeyError):
            group = zarr.open_group(zarr_store(self.path), mode="r", use_consolidated=False)
            members = group.members(max_depth=None)
            found = ((name, each) for name, each in members if isinstance(each, zarr.Array))
            return {name: _variable(name, each) for name, each in found}

    @contextmanager
    def opened(self, names: Sequence[str]) -> Iterator[Read]:
        """See `Archive`."""
        plain = all_of(names, self._checked)

        def read(name: str, slab: Slab) -> np.ndarray[Any, Any]:
            with data_errors(self.path, f"{KIND} with {name}", RuntimeError):
                return plain(name, slab)

        yield read

    def _checked(self, name: str) -> zarr.Array[Any]:
        array = zarr.open_array(zarr_store(self.path / name), mode="r")
        absent = array.nchunks - array.nchunks_initialized
        if absent > 0 and self.missing_chunks == "error":
            raise DataError(
                f"All {array.nchunks:,} chunks of an array must be there, but {absent:,} of {name} "
                f"in {self.path} are missing. Restore them from a copy; if its writer left out "
                "chunks of nothing but the fill value, set missing_chunks to fill."
            )
        return array


def _variable(name: str, array: zarr.Array[Any]) -> Variable:
    stored = array.metadata.to_dict().get("dimension_names") or array.attrs.get(DIMENSIONS)
    dims = None if stored is None else tuple(map(str, stored))  # type: ignore[arg-type]
    return Variable(name, array.shape, np.dtype(array.dtype), dims, array.shards or array.chunks)
