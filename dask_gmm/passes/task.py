"""What one task does: answer all folds about the leaves of one node of the tree."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from dask_gmm.data.source import Block, Reader, Source
from dask_gmm.passes.fold import Answers, Fold, Workspace, measure
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order

Advance = Callable[[int], None]


def answer_node(
    source: Source,
    folds: Sequence[Fold],
    node: tuple[int, int],
    workspace: Workspace,
    advance: Advance,
) -> Answers:
    """Read the leaves of a node one after another and give the sum of their answers."""

    def answers() -> Iterator[Answers]:
        reader, indices = source.open(), range(*node)
        # What is in memory is only looked at; a thread for that would cost more than it gives.
        reads = read_ahead if source.task_bytes() and len(indices) > 1 else read_in_turn
        for block in reads(reader, indices):
            rows = block.stop - block.start
            yield measure(folds, block, workspace)
            advance(rows)
            del block  # before the next but one is read into memory

    with ONE_THREAD:
        total: Answers = fold_in_order(answers())
        return total


def read_in_turn(reader: Reader, indices: range) -> Iterator[Block]:
    """Give leaf after leaf, each read when it is asked for."""
    for index in indices:
        yield reader.read(index)


def read_ahead(reader: Reader, indices: range) -> Iterator[Block]:
    """Give leaf after leaf, reading the next one while the last one is computed on."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(reader.read, indices[0])
        for after in indices[1:]:
            block = coming.result()
            coming = pool.submit(reader.read, after)
            yield block
            del block
        yield coming.result()
