"""Arrays in npy and npz files, read in their order."""

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from dask_gmm.data.open import DEFAULT_ARRAY
from dask_gmm.data.slabs import Slab, elements
from dask_gmm.data.tables import data_errors
from dask_gmm.data.variables import Read, Variable
from dask_gmm.errors import DataError, InputError

SUFFIX: Final = ".npy"
HEADERS: Final = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


@dataclass(frozen=True, slots=True, eq=False)
class _Header:
    """What stands before the elements of an array."""

    shape: tuple[int, ...]
    by_columns: bool
    dtype: np.dtype[Any]
    n_bytes: int


@dataclass(frozen=True, slots=True, eq=False)
class NpyArchive:
    """An Archive that is an npy file, or an npz file with one or several of them.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @property
    def packages(self) -> tuple[str, ...]:
        """None but numpy."""
        return ()

    @property
    def _kind(self) -> str:
        return f"an {self.path.suffix[1:]} file"

    @property
    def _zipped(self) -> bool:
        return self.path.suffix != SUFFIX

    def variables(self) -> dict[str, Variable]:
        """See `Archive`; the array of an npy file, which has no name, is ``x``."""
        with data_errors(self.path, self._kind):
            return {name: self._variable(name) for name in self._names()}

    def _names(self) -> list[str]:
        if not self._zipped:
            return [DEFAULT_ARRAY]
        with zipfile.ZipFile(self.path) as packed:
            names = packed.namelist()
        return [name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)]

    def _variable(self, name: str) -> Variable:
        with self._stream(name) as stream:
            header = _header(stream, f"{name} of {self.path}")
        return Variable(name, header.shape, header.dtype)

    @contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        with ExitStack() as stack:
            if self._zipped:
                packed = stack.enter_context(zipfile.ZipFile(self.path))
                yield stack.enter_context(packed.open(name + SUFFIX))
            else:
                yield stack.enter_context(self.path.open("rb"))

    @contextmanager
    def opened(self, names: Sequence[str]) -> Iterator[Read]:
        """See `Archive`; an array that lies column by column is read in as many places at once."""
        with ExitStack() as stack:
            parts = {name: self._parts(name, stack) for name in names}

            def read(name: str, slab: Slab) -> npt.NDArray[Any]:
                with data_errors(self.path, self._kind):
                    return parts[name].box(slab)

            yield read

    def _parts(self, name: str, stack: ExitStack) -> "_Parts":
        with data_errors(self.path, self._kind):
            stream = stack.enter_context(self._stream(name))
            header = _header(stream, f"{name} of {self.path}")
            if not header.by_columns or len(header.shape) < 2:
                return _Parts(header, (_Lane(stream, header.n_bytes),))
            if len(header.shape) > 2:
                raise InputError(
                    f"An array of more than two axes is read in the order of its rows, but {name} "
                    f"of {self.path} is stored in that of Fortran. Save numpy.ascontiguousarray "
                    "of it."
                )
            return _Parts(header, tuple(self._lanes(name, header, stream, stack)))

    def _lanes(
        self, name: str, header: _Header, stream: IO[bytes], stack: ExitStack
    ) -> Iterator["_Lane"]:
        """Give a lane for each column: what is compressed is opened as often, to be read onward."""
        for column in range(header.shape[1]):
            if column and self._zipped:
                stream = stack.enter_context(self._stream(name))
            begin = header.n_bytes + column * header.shape[0] * header.dtype.itemsize
            yield _Lane(stream, begin)


@dataclass(frozen=True, slots=True, eq=False)
class _Lane:
    """Elements that follow each other, and where the first of them begins."""

    stream: IO[bytes]
    begin: int

    def read(self, dtype: np.dtype[Any], first: int, count: int) -> npt.NDArray[Any]:
        """Read so many elements."""
        place, n_bytes = self.begin + first * dtype.itemsize, count * dtype.itemsize
        if self.stream.tell() != place:
            self.stream.seek(place)
        stored = self.stream.read(n_bytes)
        if len(stored) < n_bytes:
            found = f"{len(stored) + place:,} bytes"
            raise EOFError(f"it ends after {found}, before the last of its elements")
        return np.frombuffer(stored, dtype)


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """An open array: one lane, or one for each column."""

    header: _Header
    lanes: tuple[_Lane, ...]

    def box(self, slab: Slab) -> npt.NDArray[Any]:
        """Read a box."""
        shape, dtype = tuple(each.stop - each.start for each in slab), self.header.dtype
        if len(self.lanes) == 1:
            first = np.ravel_multi_index([each.start for each in slab], self.header.shape)
            return self.lanes[0].read(dtype, int(first), elements(slab)).reshape(shape)
        columns = [lane.read(dtype, slab[0].start, shape[0]) for lane in self.lanes]
        return np.stack(columns, axis=1)


def _header(stream: IO[bytes], name: str) -> _Header:
    version = npy.read_magic(stream)
    if version not in HEADERS:
        raise DataError(
            f"An npy file must be of version 1.0 or 2.0, but {name} is of version {version}. Save "
            "an array of plain numbers."
        )
    shape, by_columns, dtype = HEADERS[version](stream)
    return _Header(shape, by_columns, dtype, stream.tell())
