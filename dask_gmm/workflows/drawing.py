"""Rows drawn from a given mixture: into a zarr group, or into memory."""

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dask_gmm.data.groups import put_array
from dask_gmm.data.row_grid import RowGrid
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.errors import MemoryLimitError
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.sampling import Components, Sampler, block_rows, component_dtype
from dask_gmm.objects.location import Location, location
from dask_gmm.outputs.drawn import (
    COMPONENTS,
    ROWS,
    DrawRows,
    GroupTarget,
    MemoryTarget,
    Receipt,
    Target,
)
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.kinds import DATA_GROUP
from dask_gmm.records.publish import aside, publish, refuse_existing
from dask_gmm.workflows.requests import FloatType
from dask_gmm.workflows.sources import refuse_apart

CHUNK_BYTES: Final = 32 * 2**20
SMALLEST_CHUNK_BYTES: Final = 2**20
FEWEST_CHUNKS: Final = 8
# A leaf whose edges cut blocks draws these twice; of so many blocks that is a small part.
BLOCKS_OF_CUT_LEAF: Final = 8
PACKAGES: Final = ("dask-gmm", "numpy", "scipy", "zarr")
TRUTH: Final[Mapping[str, tuple[str, ...]]] = {
    "weights": ("mixture_component",),
    "means": ("mixture_component", "feature"),
    "covariances": ("mixture_component", "feature", "feature_2"),
}


@dataclass(frozen=True, slots=True, eq=False)
class RowsToDraw:
    """Rows of a mixture, still to be drawn.

    Parameters
    ----------
    mixture : Mixture
    n_rows : int
    seed : int
    dtype : {"float64", "float32"}
        Type of the rows; float32 rows are the float64 rows, rounded.
    chunk_rows : int
        Rows in a chunk; the rows do not depend on it.
    outliers : float
        Share of the rows that are outliers, as `Sampler.of` says.
    """

    mixture: Mixture
    n_rows: int
    seed: int
    dtype: FloatType
    chunk_rows: int
    outliers: float

    @classmethod
    def of(
        cls,
        mixture: Mixture,
        n_rows: int,
        seed: int,
        dtype: FloatType = "float64",
        chunk_rows: int | None = None,
        outliers: float = 0.0,
    ) -> "RowsToDraw":
        """Make one; without ``chunk_rows``, in chunks of the usual size."""
        usual = usual_chunk_rows(n_rows, mixture.n_features, np.dtype(dtype).itemsize)
        return cls(mixture, n_rows, seed, dtype, min(chunk_rows or usual, n_rows), outliers)

    def grid(self, name: str) -> RowGrid:
        """Leaves of whole chunks, such that few blocks are drawn for more than one of them."""
        block = block_rows(self.mixture.n_features)
        cut = self.chunk_rows % block and block % self.chunk_rows
        wanted = BLOCKS_OF_CUT_LEAF * block if cut else block
        return RowGrid.of(name, self.n_rows, self.chunk_rows * -(-wanted // self.chunk_rows))

    def draw(self, target: Target, runner: Runner, progress: Progress) -> Receipt:
        """Draw them all into a target."""
        progress.start_pass("drawing rows", self.n_rows)
        with ONE_THREAD:
            sampler = Sampler.of(self.mixture, self.outliers)
        fold = DrawRows(sampler, self.seed, target)
        answers = runner.run(self.grid("the rows to be drawn"), [fold], progress)
        receipt: Receipt = answers[0]
        progress.end_pass(f"{receipt.kept} finished chunks kept" if receipt.kept else "")
        return receipt


def usual_chunk_rows(n_rows: int, n_features: int, itemsize: int) -> int:
    """Rows in a chunk of about 32 MB, or of less if there are few, so that chunks are several."""
    row_bytes = n_features * itemsize
    few = max(-(-n_rows // FEWEST_CHUNKS), SMALLEST_CHUNK_BYTES // row_bytes)
    rows = max(1, min(few, CHUNK_BYTES // row_bytes))
    block = block_rows(n_features)
    return rows - rows % block if rows > block else rows


def write_group(
    rows: RowsToDraw,
    out: Location,
    settings: Mapping[str, Any],
    runner: Runner,
    progress: Progress,
    *,
    overwrite: bool = False,
    repeatable: bool = True,
    is_done: Callable[[], bool] = lambda: False,
) -> Receipt | None:
    """Write drawn rows as a zarr group, which appears when it is whole; for one call at a time.

    It has the arrays ``x`` and ``component``, and beside them the truth: ``weights``, ``means``
    and ``covariances``. What an interrupted call with the same settings finished is kept; what one
    with other settings left is removed.

    Parameters
    ----------
    rows : RowsToDraw
    out : Path or Address
        The group.
    settings : mapping of str to JSON
        What was asked for, kept in the group's attributes.
    runner : Runner
        Where the rows are drawn.
    progress : Progress
        Who hears of it.
    overwrite : bool, default False
        Whether to replace generated rows, or an empty folder, that are there.
    repeatable : bool, default True
        Whether the same rows can be drawn again, so that they need not wait for the disk.
    is_done : callable
        Whether another call has written the same group meanwhile.

    Returns
    -------
    Receipt or None
        None if that is so.

    Raises
    ------
    OutputExistsError
        If there is something and ``overwrite`` is false, or it is of another kind.
    OutputError
        If it cannot be written; a `BusyError` if another call is at work on it.
    MemoryLimitError
        If the projected memory does not fit.
    """
    out = location(out)
    refuse_apart(out, runner)
    with only_writer(out) as lease:
        if is_done():
            return None
        refuse_existing(out, overwrite, DATA_GROUP)
        sink = Sink(aside(out), arrays_of(rows))
        sink.take_up(_attributes(rows, settings))
        for name, dimensions in TRUTH.items():
            put_array(sink.path, name, _truth(rows.mixture)[name], dimensions)
        receipt = rows.draw(GroupTarget(sink), runner, progress)
        sink.finalize({ROWS: receipt.rows, COMPONENTS: receipt.components})
        lease.check()
        publish(sink.path, out, overwrite, DATA_GROUP, durable=not repeatable)
    return receipt


def fill_memory(
    rows: RowsToDraw, runner: Runner, progress: Progress
) -> tuple[npt.NDArray[np.floating], Components]:
    """Draw rows into memory: ``x`` (n_rows, n_features) and ``component`` (n_rows,).

    Raises
    ------
    MemoryLimitError
        If there is not so much of it.
    """
    shape = (rows.n_rows, rows.mixture.n_features)
    try:
        x, components = np.empty(shape, rows.dtype), np.empty(rows.n_rows, np.intp)
    except (MemoryError, ValueError) as error:
        raise MemoryLimitError(
            f"Wanted to draw {shape[0]:,} rows of {shape[1]:,} columns into memory, found not so "
            f"much of it ({error}). Draw them into a store, or draw fewer."
        ) from error
    rows.draw(MemoryTarget(x, components), runner, progress)
    return x, components


def arrays_of(rows: RowsToDraw) -> tuple[ArraySpec, ...]:
    """Give the arrays that the rows are written in."""
    shape = (rows.n_rows, rows.mixture.n_features)
    numbers = component_dtype(rows.mixture.n_components)
    return (
        ArraySpec(ROWS, shape, rows.dtype, rows.chunk_rows),
        ArraySpec(COMPONENTS, shape[:1], str(numbers), rows.chunk_rows),
    )


def _truth(mixture: Mixture) -> dict[str, npt.NDArray[np.float64]]:
    return {
        "weights": mixture.weights,
        "means": mixture.means,
        "covariances": mixture.full_covariances(),
    }


def _attributes(rows: RowsToDraw, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides the rows; the digest of the truth stands for the kind of processor too."""
    digest = hashlib.sha256()
    for values in _truth(rows.mixture).values():
        digest.update(np.ascontiguousarray(values).tobytes())
    facts = {
        "format": "rows",
        "version": 1,
        "seed": rows.seed,
        "settings": dict(settings),
        "truth_sha256": digest.hexdigest(),
        "versions": {"python": platform.python_version()}
        | {each: version(each) for each in PACKAGES},
    }
    return {"dask_gmm": facts}
