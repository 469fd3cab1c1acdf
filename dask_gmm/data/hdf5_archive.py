"""Datasets of HDF5 files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np

from dask_gmm.data.chunks import MissingChunks
from dask_gmm.data.slabs import Slab
from dask_gmm.data.tables import data_errors
from dask_gmm.data.variables import Read, Variable, all_of
from dask_gmm.errors import DataError
from dask_gmm.extras import extra

EXTRA: Final = "hdf5"
KIND: Final = "an HDF5 file"


@dataclass(frozen=True, slots=True, eq=False)
class Hdf5Archive:
    """An Archive that is an HDF5 file.

    Parameters
    ----------
    path : Path
    missing_chunks : {"error", "fill"}
        Whether a chunk that was never written is an error, or reads as the fill value.
    """

    path: Path
    missing_chunks: MissingChunks

    @property
    def packages(self) -> tuple[str, ...]:
        """What reads it."""
        return ("h5py",)

    def variables(self) -> dict[str, Variable]:
        """See `Archive`; names are paths in the file, without the first slash."""
        h5py, found = extra("h5py", EXTRA), {}

        def visit(name: str, each: Any) -> None:
            if isinstance(each, h5py.Dataset) and each.shape:
                found[name] = Variable(name, each.shape, each.dtype, chunks=each.chunks)

        with data_errors(self.path, KIND, RuntimeError), h5py.File(self.path, "r") as file:
            file.visititems(visit)
        return found

    @contextmanager
    def opened(self, names: Sequence[str]) -> Iterator[Read]:
        """See `Archive`."""
        h5py = extra("h5py", EXTRA)
        with data_errors(self.path, KIND, RuntimeError):
            file = h5py.File(self.path, "r")
        with file:
            plain = all_of(names, lambda name: self._checked(file[name]))

            def read(name: str, slab: Slab) -> np.ndarray[Any, Any]:
                with data_errors(self.path, f"{KIND} with {name}", RuntimeError):
                    return plain(name, slab)

            yield read

    def _checked(self, dataset: Any) -> Any:
        if dataset.chunks is None or self.missing_chunks == "fill":
            return dataset
        sizes = zip(dataset.shape, dataset.chunks, strict=True)
        wanted = prod(-(-size // chunk) for size, chunk in sizes)
        found = dataset.id.get_num_chunks()
        if found < wanted:
            raise DataError(
                f"All {wanted:,} chunks of a dataset must be there, but {wanted - found:,} of "
                f"{dataset.name[1:]} in {self.path} were never written. Write them; if they were "
                "left out since they hold nothing but the fill value, set missing_chunks to fill."
            )
        return dataset
