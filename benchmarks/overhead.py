"""What the distributed runner costs beside computing: 100,000 leaves of a few rows.

    python benchmarks/overhead.py

A pass over 100,000 leaves on a LocalCluster of two processes, in few tasks, against the time that
the leaves need in a plain loop of one process, shared by two: the difference is the overhead per
leaf. The same pass in some 3,000 tasks, against that in few: the difference is the
overhead per task. The rows are held by every worker, so that no store is measured.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dask_gmm.data.source import BadChunk, Block, Layout
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import Survey
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes import distributed_runner
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.fold import Workspace, measure
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import level_for, nodes

LEAVES, ROWS, FEATURES, COMPONENTS = 100_000, 10, 4, 4
FEW, MANY = 16, 4096
WORKERS = 2
TURNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class SameRows:
    """A source whose leaves all hold the same few rows."""

    rows: npt.NDArray[np.float64]
    n_leaves: int
    name: str = "the same rows"
    shareable: bool = True

    @property
    def layout(self) -> Layout:
        """All leaves."""
        return Layout(np.arange(self.n_leaves + 1) * len(self.rows))

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.rows.shape[1])

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """Type of the rows."""
        return self.rows.dtype

    def open(self) -> "SameRows":
        """Give itself."""
        return self

    def pinned(
        self, digests: npt.NDArray[np.uint32], bad_chunks: Sequence[BadChunk] = ()
    ) -> "SameRows":
        """Give itself."""
        return self

    def read(self, index: int) -> Block:
        """Give the rows."""
        first = index * len(self.rows)
        nothing = np.empty(0, np.uint32)
        return Block(index, first, first + len(self.rows), self.rows, nothing)

    def where(self, row: int, column: int) -> str:
        """Name a row."""
        return f"row {row}"

    def number(self, column: int) -> int:
        """Give itself."""
        return column

    def task_bytes(self) -> int:
        """Nothing beside the rows."""
        return 0


def plain_loop(source: SameRows, fold: EStep) -> float:
    """Seconds to measure all leaves and add them, in one thread."""
    workspace, started = Workspace(), time.perf_counter()
    with ONE_THREAD:
        total = measure([fold], source.read(0), workspace)
        for index in range(1, source.n_leaves):
            total = total + measure([fold], source.read(index), workspace)
    return time.perf_counter() - started


def one_pass(runner: Runner, source: SameRows, fold: EStep, wanted: int) -> tuple[int, float]:
    """Number of tasks and seconds of a pass in about so many tasks."""
    setattr(distributed_runner, "tasks_wanted", lambda *_: wanted)  # noqa: B010  for mypy
    started = time.perf_counter()
    runner.run(source, [fold], Silent())
    tasks = len(nodes(source.n_leaves, level_for(source.n_leaves, wanted)))
    return tasks, time.perf_counter() - started


def main() -> None:
    """Measure, turn by turn."""
    rows = np.random.default_rng(0).standard_normal((ROWS, FEATURES))
    source = SameRows(rows, LEAVES)
    known = Survey.of(summarize(rows))
    means = rows[:COMPONENTS] - known.frame.shift
    mixture = Mixture.of(np.full(COMPONENTS, 0.25), means, np.stack([np.eye(FEATURES)] * 4))
    fold = EStep.at(mixture, known.frame, "float64")
    with open_runner(ClusterSpec(workers=WORKERS)) as runner:
        runner.run(SameRows(rows, 100), [fold], Silent())
        for _ in range(TURNS):
            computing = plain_loop(source, fold) / WORKERS
            few, in_few = one_pass(runner, source, fold, FEW)
            many, in_many = one_pass(runner, source, fold, MANY)
            per_leaf = (in_few - computing) / LEAVES * 1e3
            per_task = (in_many - in_few) / (many - few) * 1e3
            print(
                f"computing {computing:.2f} s, {few} tasks {in_few:.2f} s, {many} tasks "
                f"{in_many:.2f} s: {per_leaf:.4f} ms per leaf, {per_task:.2f} ms per task"
            )


if __name__ == "__main__":
    main()
