"""A worker that dies in the middle of a pass costs time and not one byte."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dask_gmm.data.source import Block
from dask_gmm.errors import ClusterError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.memory import project
from dask_gmm.passes.own_clusters import local_cluster
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.passes.rows import RowsInMemory, Total, TotalMeter


@dataclass(frozen=True, slots=True)
class Deadly:
    """The sum of all rows, asked in a way that kills whoever reads one leaf, so many times."""

    leaf: int
    deaths: int
    folder: str

    def begin(self, block: Block) -> TotalMeter:
        died = len(list(Path(self.folder).iterdir()))
        if block.index == self.leaf and died < self.deaths:
            (Path(self.folder) / str(died)).touch()
            os._exit(42)
        return Total().begin(block)

    def tile_bytes(self, n_features: int) -> int:
        return 0


@pytest.fixture(scope="module")
def rows() -> RowsInMemory:
    values = np.random.default_rng(1).standard_normal((5000, 3)) * 10.0 ** np.arange(3)
    return RowsInMemory.of(values, leaf_rows=50)


@pytest.mark.parametrize("deaths", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_pass_survives_deaths_with_the_same_bytes(
    rows: RowsInMemory, deaths: int, tmp_path: Path
) -> None:
    (expected,) = ThreadRunner(1).run(rows, [Total()], Silent())
    with local_cluster(2) as client:
        runner = DistributedRunner(client)
        reading = runner.run(rows, [Deadly(37, deaths, str(tmp_path))], Silent())
    assert len(list(tmp_path.iterdir())) == deaths
    assert reading[0].tobytes() == expected.tobytes()
    cost = reading.cost
    assert (cost.workers, cost.workers_lost, cost.attempts) == (2, deaths, 1)
    assert cost.retries >= deaths
    assert 0 < (cost.worker_peak_bytes or 0) < project(rows, [Total()], 1).total


@pytest.mark.slow
def test_a_leaf_that_always_kills_is_named(rows: RowsInMemory, tmp_path: Path) -> None:
    with local_cluster(2) as client:
        runner = DistributedRunner(client)
        with pytest.raises(ClusterError, match=r"again at its rows 1,800 to 2,000"):
            runner.run(rows, [Deadly(37, 10**6, str(tmp_path))], Silent())
