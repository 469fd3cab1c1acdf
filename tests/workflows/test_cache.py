"""With the cache in memory stored rows are read once; bytes, records and errors are the same."""

import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import generate_gmm_data
from dask_gmm.data import blocks
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_reader import ZarrReader
from dask_gmm.errors import DataError, MemoryLimitError
from dask_gmm.fitting.foreseen import largest_e_step, survey_of
from dask_gmm.fitting.sample import kept_bytes
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.held import HeldHere
from dask_gmm.passes.memory import project
from dask_gmm.passes.pieces import HeldThere
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows, resume_rows
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.sources import rows_for
from tests.data.arrays import chunk_file
from tests.workflows.resuming import Interrupted

CENTERS = [[0.0, 0.0], [2.0, 0.5], [0.0, 3.0]]
ROWS, LEAVES = 3_000, 10
PLAIN: dict[str, Any] = {"solver": "em", "max_iter": 4, "tol": 0.0}


@pytest.fixture(autouse=True)
def _leaf_for_each_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "LEAF_BYTES", 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw(tmp_path / "x.zarr", 0)
    return tmp_path / "x.zarr"


def draw(path: Path, seed: int) -> None:
    weights, covariances = [0.5, 0.3, 0.2], [np.eye(2)] * 3
    generate_gmm_data(
        ROWS, weights, CENTERS, covariances, seed=seed, store=path, chunk_rows=ROWS // LEAVES
    )


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each leaf is read, by threads and by workers in this process."""
    counted: Counter[int] = Counter()
    read = ZarrReader.read

    def counting(reader: ZarrReader, index: int) -> Any:
        counted[index] += 1
        return read(reader, index)

    monkeypatch.setattr(ZarrReader, "read", counting)
    return counted


@pytest.fixture(params=["threads", "cluster"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "cluster":
        return DistributedRunner(request.getfixturevalue("client"))
    return ThreadRunner(2)


def fitted(data: Any, out: Path, runner: Runner, **asked: Any) -> FitResult:
    return fit(FitRequest(data, 3, out, **{**PLAIN, **asked}), runner, Silent())


def bytes_of(result: Any) -> list[bytes]:
    model = result.model
    return [each.tobytes() for each in (model.weights, model.means, model.covariances)]


def test_a_fit_reads_each_chunk_once_and_has_the_same_bytes(
    data: Path, tmp_path: Path, runner: Runner, readings: Counter[int]
) -> None:
    streamed = fitted(data, tmp_path / "none", runner)
    assert readings == dict.fromkeys(range(LEAVES), streamed.passes)
    readings.clear()
    cached = fitted(data, tmp_path / "memory", runner, cache="memory")
    assert readings == dict.fromkeys(range(LEAVES), 1)
    assert (bytes_of(cached), cached.passes) == (bytes_of(streamed), streamed.passes)


def test_a_selection_reads_each_chunk_once_and_has_the_same_bytes(
    data: Path, tmp_path: Path, runner: Runner, readings: Counter[int]
) -> None:
    def selected(cache: Any) -> Any:
        request = SelectRequest(data, (2, 3), tmp_path / cache, cache=cache, **PLAIN)
        return select(request, runner, Silent())

    streamed = selected("none")
    readings.clear()
    cached = selected("memory")
    assert readings == dict.fromkeys(range(LEAVES), 1)
    assert cached.passes == streamed.passes
    for one, other in zip(cached.models, streamed.models, strict=True):
        assert one.means.tobytes() == other.means.tobytes()


@pytest.mark.parametrize("make", [np.asarray, lambda x: da.from_array(x, chunks=(300, 2))])
def test_other_rows_are_used_as_they_are(make: Any, tmp_path: Path, runner: Runner) -> None:
    x = np.random.default_rng(0).standard_normal((ROWS, 2))
    streamed = fitted(make(x), tmp_path / "none", runner)
    cached = fitted(make(x), tmp_path / "memory", runner, cache="memory")
    assert bytes_of(cached) == bytes_of(streamed)
    with rows_for(ArraySource.of(x), ThreadRunner(1), "memory") as rows:
        assert isinstance(rows, ArraySource)


@pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")
def test_rows_that_are_left_out_stay_out(data: Path, tmp_path: Path, runner: Runner) -> None:
    zarr.open_array(data / "x")[:10] = np.nan  # of which the digests say nothing
    shutil.rmtree(data / "digests")
    chunk_file(data / "x", 4).write_bytes(b"no chunk")
    left = {"on_bad_chunk": "skip", "max_bad_share": 0.2, "nonfinite": "drop"}
    streamed = fitted(data, tmp_path / "none", runner, **left)
    cached = fitted(data, tmp_path / "memory", runner, cache="memory", **left)
    assert bytes_of(cached) == bytes_of(streamed)
    assert cached.model.rows == ROWS - ROWS // LEAVES - 10


def test_a_run_is_the_same_with_another_cache(data: Path, tmp_path: Path) -> None:
    fitted(data, tmp_path / "run", ThreadRunner(1))
    again = fitted(data, tmp_path / "run", ThreadRunner(1), cache="memory")
    assert again.done_before


def test_a_fit_goes_on_with_rows_that_are_read_once_more(
    data: Path, runner: Runner, readings: Counter[int]
) -> None:
    whole = outcome(data, runner)
    at = interrupted(data, runner, after=3)
    readings.clear()
    with rows_for(open_source(data), runner, "memory") as rows:
        resumed = resume_rows(rows, at, runner, Silent())
    assert readings == dict.fromkeys(range(LEAVES), 1)
    assert bytes_of(resumed) == bytes_of(whole)


def test_a_fit_does_not_go_on_with_rows_that_are_others(data: Path, runner: Runner) -> None:
    at = interrupted(data, runner, after=3)
    shutil.rmtree(data)
    draw(data, 1)
    with (
        rows_for(open_source(data), runner, "memory") as rows,
        pytest.raises(DataError, match="changed during the run"),
    ):
        resume_rows(rows, at, runner, Silent())


def test_rows_are_let_go_of_where_a_fit_ends_in_an_error(data: Path, client: Client) -> None:
    with suppress(Interrupted), rows_for(open_source(data), ThreadRunner(2), "memory") as rows:
        assert isinstance(rows, HeldHere)
        held = rows.blocks
        interrupt_after(rows, ThreadRunner(2), 2)
    assert held == {}
    before, runner = set(client.futures), DistributedRunner(client)
    with suppress(Interrupted), rows_for(open_source(data), runner, "memory") as there:
        assert isinstance(there, HeldThere)
        pieces = there.pieces
        interrupt_after(there, runner, 2)
    assert len(pieces) == 0
    client.scheduler_info()  # a round trip, after what is on its way
    assert set(client.futures) <= before


def test_a_fit_whose_rows_do_not_fit_is_refused_before_any_is_read(
    data: Path, tmp_path: Path, readings: Counter[int]
) -> None:
    source, spec = open_source(data), Spec(3, **PLAIN)
    survey, e_step = survey_of([spec], ROWS, 2), largest_e_step([spec], 2)
    later = project(source, [e_step], 1, beside=kept_bytes(ROWS, 2))
    runner = ThreadRunner(1, memory_limit=max(project(source, [survey], 1).total, later.total))
    fitted(data, tmp_path / "none", runner)
    readings.clear()
    with pytest.raises(MemoryLimitError, match=r"for rows that are kept.*Set cache to none"):
        fitted(data, tmp_path / "memory", runner, cache="memory")
    assert not readings


def outcome(data: Path, runner: Runner) -> FitOutcome:
    return fit_rows(open_source(data), Spec(3, **PLAIN), 1, runner, Silent())


def interrupted(data: Path, runner: Runner, after: int) -> Checkpoint:
    with pytest.raises(Interrupted) as caught:
        interrupt_after(open_source(data), runner, after)
    return caught.value.checkpoint


def interrupt_after(rows: Any, runner: Runner, passes: int) -> None:
    def stop(checkpoint: Checkpoint) -> None:
        if len(checkpoint.passes) == passes:
            raise Interrupted(checkpoint)

    fit_rows(rows, Spec(3, **PLAIN), 1, runner, Silent(), on_checkpoint=stop)
