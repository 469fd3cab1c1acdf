"""Where the leaves of a source begin and end, and what reading them holds: pure arithmetic."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import Layout

LEAF_BYTES = 2**20
ARRAY_LEAF_BYTES = 2 * 2**20
SMALLEST_ARRAY_LEAF = 256


def zarr_layout(
    shape: tuple[int, int], chunk_rows: int, itemsize: int, rows: range | None = None
) -> Layout:
    """Leaves of a chunked array: runs of whole row-chunks of at least a mebibyte.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the whole array, whichever columns are read.
    chunk_rows : int
        Rows of a stored chunk: of a shard, if the array is sharded.
    itemsize : int
        Bytes of a decoded element.
    rows : range, optional
        The rows that are read. The leaves are those of the whole array, the first and the last cut
        to the range, and the rows are counted from its beginning.
    """
    n_rows, n_features = shape
    selected = rows if rows is not None else range(n_rows)
    chunks_per_leaf = max(1, -(-LEAF_BYTES // (chunk_rows * n_features * itemsize)))
    leaf_rows = min(chunks_per_leaf * chunk_rows, n_rows)
    first = selected.start // leaf_rows * leaf_rows
    edges = np.arange(first, selected.stop + leaf_rows, leaf_rows, dtype=np.int64)
    return _frozen(np.unique(edges.clip(selected.start, selected.stop)) - selected.start)


def row_group_layout(edges: npt.NDArray[np.int64], row_bytes: int, rows: range) -> Layout:
    """Leaves of parquet files: runs of whole row groups of at least a mebibyte.

    Parameters
    ----------
    edges : ndarray of int64
        Where the row groups of the whole table begin, and the last one ends.
    row_bytes : int
        Of the columns that are read, decoded.
    rows : range
        The rows that are read; see `zarr_layout`.
    """
    fewest = -(-LEAF_BYTES // row_bytes)
    cuts = [0]
    while cuts[-1] < edges[-1]:
        end = min(int(np.searchsorted(edges, cuts[-1] + fewest)), len(edges) - 1)
        cuts.append(int(edges[end]))
    within = np.unique(np.array(cuts, dtype=np.int64).clip(rows.start, rows.stop))
    return _frozen(within - rows.start)


def array_layout(n_rows: int, n_features: int, itemsize: int) -> Layout:
    """Leaves of an array in memory: a power of two of rows, about two mebibytes."""
    fitting = max(SMALLEST_ARRAY_LEAF, ARRAY_LEAF_BYTES // (n_features * itemsize))
    return regular_layout(n_rows, 1 << (fitting.bit_length() - 1))


def regular_layout(n_rows: int, leaf_rows: int) -> Layout:
    """Leaves of so many rows, the last one shorter."""
    return _frozen(np.append(np.arange(0, n_rows, leaf_rows, dtype=np.int64), n_rows))


def irregular_layout(block_rows: Sequence[int]) -> Layout:
    """Leaves of blocks of any sizes, such as those of a dask array: one for each that has rows."""
    sizes = np.array([0, *(n_rows for n_rows in block_rows if n_rows)], dtype=np.int64)
    return _frozen(np.cumsum(sizes))


def _frozen(edges: npt.NDArray[np.int64]) -> Layout:
    edges.setflags(write=False)
    return Layout(edges)
