"""What a few blocks of a step take: read and measured here, on one thread, with its own folds."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeAlias

import numpy as np

from dask_gmm.data.source import Block, Source
from dask_gmm.passes.fold import Answers, BadRowError, Fold, Workspace, measure
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.planned import PlannedPass, Probed

# What is asked in each reading of a round, as the answers of the pass before suggest.
Ask: TypeAlias = Callable[[Answers], Sequence[Sequence[Fold]]]
NO_ANSWERS = Answers()


def probe(
    source: Source, n_blocks: int, passes: Sequence[PlannedPass], asks: Sequence[Ask]
) -> Probed:
    """Measure the passes of a step on blocks spread over all rows, and project their seconds.

    Of the time that the first block takes, what a first call takes more is left out.

    Parameters
    ----------
    source : Source
    n_blocks : int
        To read.
    passes : sequence of PlannedPass
    asks : sequence of callable
        What each of them asks, given the answers of the one before about the same block.

    Raises
    ------
    DataError
        If a block is damaged, or has rows that the step could not take.
    """
    reader, watch = source.open(), _Watch(asks)
    read, rows, blocks = 0.0, 0, spread_over(len(source.layout), n_blocks)
    with ONE_THREAD, np.errstate(all="ignore"):
        for index in blocks:
            started = perf_counter()
            block = reader.read(index)
            read += perf_counter() - started
            rows += block.stop - block.start
            try:
                watch.measure(block)
            except BadRowError as bad:
                raise bad.named(source.where) from None
            del block  # before the next one is read
    share = source.layout.rows / rows
    seconds = (
        share * (each.readings * read + computing) / each.outlook.threads
        for each, computing in zip(passes, watch.seconds, strict=True)
    )
    return Probed(len(blocks), rows, tuple(seconds))


def spread_over(n_leaves: int, wanted: int) -> list[int]:
    """Give so many leaves at equal distances, all of them if there are fewer."""
    count = min(n_leaves, wanted)
    return [(2 * i + 1) * n_leaves // (2 * count) for i in range(count)]


class _Watch:
    """Asks what each pass asks of one block after another, and keeps the seconds."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self._asks = asks
        self._asked: list[Sequence[Sequence[Fold]]] = []
        self._workspace = Workspace()
        self.seconds = [0.0 for _ in asks]

    def measure(self, block: Block) -> None:
        """Ask all of it of a block; the first time twice, of which the second counts."""
        answers = NO_ANSWERS
        for number, ask in enumerate(self._asks):
            if number == len(self._asked):
                self._asked.append(ask(answers))
                self._answers(number, block)
            started = perf_counter()
            answers = self._answers(number, block)
            self.seconds[number] += perf_counter() - started

    def _answers(self, number: int, block: Block) -> Answers:
        groups = (measure(group, block, self._workspace) for group in self._asked[number])
        return Answers(each for answers in groups for each in answers)
