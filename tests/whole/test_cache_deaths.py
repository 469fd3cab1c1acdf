"""Rows that workers hold are read again when one of them dies, and are the same or refused."""

import os
import signal
from pathlib import Path

import pytest

from dask_gmm.data import blocks
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.losses import Losses, LossLog
from dask_gmm.passes.own_clusters import local_cluster
from dask_gmm.passes.pieces import HeldThere, Pieces
from dask_gmm.passes.progress import Silent
from tests.data.arrays import digests_of
from tests.passes.rows import Total
from tests.passes.test_held import ROWS, write
from tests.whole.test_worker_deaths import Deadly


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ZarrSource:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)
    write(tmp_path / "x.zarr")
    source = open_source(tmp_path / "x.zarr")
    assert isinstance(source, ZarrSource)
    return source


def test_pieces_that_die_between_two_passes_are_retries_of_the_next(source: ZarrSource) -> None:
    with local_cluster(2) as client:
        runner, rows = DistributedRunner(client), HeldThere(source, Pieces(client))
        first = runner.run(rows, [Total()], Silent())
        held: dict[str, tuple[object, ...]] = client.has_what()
        most = max(held, key=lambda address: len(held[address]))
        log = LossLog(client)
        log.begin()
        os.kill(client.run(os.getpid, workers=[most])[most], signal.SIGKILL)
        lost = Losses(0, 0)
        while not lost.workers:
            lost = log.of(rows.pieces.groups)
        again = runner.run(rows, [Total()], Silent())
        assert again[0].tobytes() == first[0].tobytes()
        assert (first.cost.retries, first.cost.workers_lost) == (0, 0)
        assert again.cost.workers_lost == 1
        assert again.cost.retries == lost.tasks > 0
        rows.release()


@pytest.mark.slow
def test_a_death_costs_rows_that_are_read_again(source: ZarrSource, tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    with local_cluster(2) as client:
        runner, rows = DistributedRunner(client), HeldThere(source, Pieces(client))
        (total,) = runner.run(rows, [Total()], Silent())
        rows = rows.pinned(digests_of(source))
        (again,) = runner.run(rows, [Deadly(7, 1, str(deaths))], Silent())
        assert again.tobytes() == total.tobytes()
        write(tmp_path / "x.zarr", ROWS + 1)
        (held,) = runner.run(rows, [Total()], Silent())
        assert held.tobytes() == total.tobytes()
        with pytest.raises(DataError, match="changed during the run"):
            runner.run(rows, [Deadly(7, 2, str(deaths))], Silent())
        rows.release()
