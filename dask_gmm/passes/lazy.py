"""Answers about rows as dask arrays: a task per block, and nothing computed until asked."""

import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.delayed import Delayed, delayed

from dask_gmm.data.source import Block, Source
from dask_gmm.errors import DataError
from dask_gmm.passes.dask_blocks import NO_DIGESTS, NUMBERS
from dask_gmm.passes.dask_source import check_rows
from dask_gmm.passes.fold import BadRowError, Fold, Workspace, measure
from dask_gmm.passes.threads import ONE_THREAD

Examples: TypeAlias = Mapping[str, npt.NDArray[Any]]
Arrays: TypeAlias = dict[str, da.Array]


@dataclass(frozen=True, slots=True, eq=False)
class _Leaves:
    """Asks a fold about the leaves of a source, each opened where it is read."""

    source: Source
    fold: Fold

    def answer(self, index: int) -> Any:
        with ONE_THREAD:
            return _answer(self.fold, self.source.open().read(index), self.source.where)


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """Asks a fold about the blocks of a dask array, whose sizes are NaN where they are unknown."""

    name: str
    sizes: tuple[float, ...]
    n_features: int
    dtype: np.dtype[np.floating]
    fold: Fold

    def answer(self, index: int, values: Any) -> Any:
        rows = self._rows(index, values)
        block = Block(index, 0, len(rows), rows, NO_DIGESTS)

        def where(row: int, column: int) -> str:
            return f"row {row:,} of block {index}, column {column}, of {self.name}"

        with ONE_THREAD:
            return _answer(self.fold, block, where)

    def _rows(self, index: int, values: Any) -> npt.NDArray[np.floating]:
        rows: npt.NDArray[Any] = np.asanyarray(values)
        full = not isinstance(rows, np.ma.MaskedArray)
        size = len(rows) if math.isnan(self.sizes[index]) else self.sizes[index]
        wanted = (size, self.n_features)
        if not (full and rows.dtype.kind in NUMBERS and rows.shape == wanted):
            raise DataError(
                f"A block must hold what the array says of it, numbers of shape {wanted}, but "
                f"block {index} of {self.name} is {type(values).__name__} of {rows.dtype} and "
                f"shape {rows.shape}. Correct the function that makes the block."
            )
        return rows.astype(self.dtype, copy=False)


def _answer(fold: Fold, block: Block, where: Any) -> Any:
    try:
        (answer,) = measure([fold], block, Workspace())
    except BadRowError as bad:
        raise bad.named(where) from None
    return answer


def lazy_answers(source: Source, fold: Fold, examples: Examples) -> Arrays:
    """Give the answers about a source, a block for each of its leaves.

    Parameters
    ----------
    source : Source
        Picklable, if other processes will compute.
    fold : Fold
        Its answer about a block is a mapping of names to arrays with a line for each row.
    examples : mapping of str to ndarray
        Such arrays, without rows.

    Returns
    -------
    dict of str to dask.array.Array
        Those of one block come from one task, which reads its rows once for all of them.
    """
    sizes = tuple(int(size) for size in np.diff(source.layout.edges))
    blocks = da.map_blocks(
        _answer_leaf,
        chunks=(sizes,),
        dtype=object,
        meta=np.empty(0, object),
        name=_name("leaves"),
        asked=_asked(_Leaves(source, fold)),
    )
    return _taken(blocks, examples)


def lazy_answers_of_dask(array: da.Array, fold: Fold, examples: Examples) -> Arrays:
    """Give the answers about a dask array, a block for each of its blocks of rows.

    Parameters
    ----------
    array : dask.array.Array of shape (n_rows, n_features)
        The sizes of its blocks of rows may be unknown.
    fold, examples
        See `lazy_answers`.

    Raises
    ------
    InputError
        If it does not have two axes, or other than numbers.
    """
    name = f"dask array {array.name}"
    dtype = check_rows(array, name)
    array = array.rechunk({1: -1})
    asked = _asked(_Blocks(name, array.chunks[0], int(array.shape[1]), dtype, fold))
    blocks = da.map_blocks(
        _answer_block,
        array,
        drop_axis=1,
        dtype=object,
        meta=np.empty(0, object),
        name=_name("blocks"),
        asked=asked,
    )
    return _taken(blocks, examples)


def _name(what: str) -> str:
    return f"dask-gmm-{what}-{uuid.uuid4().hex}"


def _asked(question: _Leaves | _Blocks) -> Delayed:
    """The question as a task of its own, on which all others depend."""
    asked: Delayed = delayed(question, name=_name("question"), traverse=False)
    return asked


def _answer_leaf(asked: _Leaves, block_id: tuple[int, ...]) -> Any:
    return asked.answer(block_id[0])


def _answer_block(values: Any, asked: _Blocks, block_id: tuple[int, ...]) -> Any:
    return asked.answer(block_id[0], values)


def _taken(blocks: da.Array, examples: Examples) -> Arrays:
    """Take each array out of the answers of the blocks."""
    return {
        name: da.map_blocks(
            _take,
            blocks,
            name,
            dtype=example.dtype,
            new_axis=[1] if example.ndim == 2 else None,
            chunks=(*blocks.chunks, *((size,) for size in example.shape[1:])),
            meta=example,
            name=_name(name),
        )
        for name, example in examples.items()
    }


def _take(answer: Mapping[str, npt.NDArray[Any]], name: str) -> npt.NDArray[Any]:
    return answer[name]
