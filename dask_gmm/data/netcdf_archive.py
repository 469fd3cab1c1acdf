"""Variables of netCDF files, decoded as their attributes say."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from dask_gmm.data.slabs import Slab
from dask_gmm.data.tables import data_errors
from dask_gmm.data.variables import Read, Variable, all_of
from dask_gmm.extras import extra

EXTRA: Final = "netcdf"
KIND: Final = "a netCDF file"
FOREIGN: Final = (TypeError, KeyError, RuntimeError)
CLASSIC: Final = b"CDF"


@dataclass(frozen=True, slots=True, eq=False)
class NetcdfArchive:
    """An Archive that is a netCDF file, of version 3 or 4.

    Values that its attributes mark as missing are NaN, and packed ones are unpacked.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def packages(self) -> tuple[str, ...]:
        """What reads it."""
        return ("xarray", "h5netcdf", "h5py")

    def variables(self) -> dict[str, Variable]:
        """See `Archive`; coordinates are variables, too."""
        with self._dataset() as dataset:
            return {
                str(name): Variable(
                    str(name),
                    each.shape,
                    each.dtype,
                    tuple(map(str, each.dims)),
                    each.encoding.get("chunksizes"),
                )
                for name, each in dataset.variables.items()
                if each.shape
            }

    @contextmanager
    def opened(self, names: Sequence[str]) -> Iterator[Read]:
        """See `Archive`."""
        with self._dataset() as dataset:
            plain = all_of(names, lambda name: dataset.variables[name])

            def read(name: str, slab: Slab) -> np.ndarray[Any, Any]:
                with data_errors(self.path, f"{KIND} with {name}", *FOREIGN):
                    return plain(name, slab)

            yield read

    @contextmanager
    def _dataset(self) -> Iterator[Any]:
        xarray = extra("xarray", EXTRA)
        with data_errors(self.path, KIND, *FOREIGN):
            with self.path.open("rb") as file:
                classic = file.read(len(CLASSIC)) == CLASSIC
            if not classic:
                extra("h5netcdf", EXTRA)
            engine = "scipy" if classic else "h5netcdf"
            dataset = xarray.open_dataset(
                self.path, engine=engine, cache=False, decode_timedelta=False
            )
        with dataset:
            yield dataset
