"""A probe reads as many blocks as it is told, and projects from what they took."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dask_gmm.data.source import Block
from dask_gmm.data.zarr_reader import ZarrReader
from dask_gmm.errors import DataError
from dask_gmm.passes.fold import Answers, Fold
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.planned import NOT_THERE, PlannedPass
from dask_gmm.workflows.probe import probe, spread_over
from dask_gmm.workflows.requests import GenerateRequest, Solver
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest
from tests.passes.rows import RowsInMemory, Spell, Total
from tests.workflows.predicting import ours

CHUNK_ROWS = 50_000
ROWS = np.random.default_rng(0).standard_normal((4 * CHUNK_ROWS, 3)) * 1e3 + 1e6


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ours(tmp_path_factory.mktemp("data") / "x.zarr", ROWS, CHUNK_ROWS)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The leaves that are read, in order."""
    found: list[int] = []
    read: Callable[[ZarrReader, int], Block] = ZarrReader.read

    def counted(reader: ZarrReader, index: int) -> Block:
        found.append(index)
        return read(reader, index)

    monkeypatch.setattr(ZarrReader, "read", counted)
    return found


@pytest.mark.parametrize("solver", ["fast", "em"])
@pytest.mark.parametrize("held_out", [0.0, 0.5])
def test_a_fit_is_measured_on_so_many_blocks(
    data: Path, tmp_path: Path, reads: list[int], solver: Solver, held_out: float
) -> None:
    asked = SelectRequest(str(data), (1, 2), tmp_path / "s", solver=solver, held_out=held_out)
    result = plan([asked], ThreadRunner(2), probe=2)
    (step,) = result.steps
    assert reads == [1, 3]
    assert step.probed is not None
    assert (step.probed.blocks, step.probed.rows) == (2, 2 * CHUNK_ROWS)
    survey, e_step = step.probed.seconds
    assert min(survey, e_step) > 0
    assert step.most is not None
    most = survey + (step.most - 1) * e_step
    assert step.seconds == pytest.approx((survey + e_step, most))
    assert f"estimate from 2 blocks measured here on one thread: survey {survey:.3g} s" in (
        result.to_text()
    )
    found = step.to_json()
    assert found["probe"]["seconds"] == [survey, e_step]
    assert found["seconds"] == {"least": survey + e_step, "most": pytest.approx(most)}


def test_predictions_and_scores_are_measured_and_not_written(
    data: Path, tmp_path: Path, reads: list[int]
) -> None:
    fit(FitRequest(ROWS, 2, tmp_path / "run", max_iter=2), ThreadRunner(2), Silent())
    asked: list[Request] = [
        PredictRequest(str(data), tmp_path / "run", tmp_path / "y.zarr", top=2),
        ScoreRequest(str(data), tmp_path / "run"),
    ]
    planned = plan(asked, ThreadRunner(2), probe=1).steps
    assert len(reads) == 2
    for step in planned:
        assert step.probed is not None
        assert min(step.probed.seconds) > 0
        assert step.seconds == (step.probed.seconds[0], step.probed.seconds[0])
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_without_a_probe_nothing_is_read(data: Path, tmp_path: Path, reads: list[int]) -> None:
    (step,) = plan([FitRequest(str(data), 2, tmp_path / "run")], ThreadRunner(2)).steps
    assert (step.probed, step.seconds, reads) == (None, None, [])


def test_what_is_not_there_yet_or_does_not_fit_is_not_measured(
    data: Path, tmp_path: Path, reads: list[int]
) -> None:
    asked: list[Request] = [
        GenerateRequest(tmp_path / "z.zarr", 90_000, 3, 2),
        FitRequest(str(tmp_path / "z.zarr"), 2, tmp_path / "run"),
        PredictRequest(str(data), tmp_path / "run", tmp_path / "y.zarr"),
        ScoreRequest(str(data), tmp_path / "run"),
    ]
    planned = plan(asked, ThreadRunner(2), probe=2).steps
    assert [each.note for each in planned] == ["", NOT_THERE, NOT_THERE, NOT_THERE]
    small = plan([FitRequest(str(data), 2, tmp_path / "s")], ThreadRunner(memory_limit=1), 2)
    assert (small.fits, small.steps[0].probed) == (False, None)
    assert reads == []


def test_damage_that_a_probe_comes_upon_is_an_error(tmp_path: Path) -> None:
    spoiled = ROWS.copy()
    spoiled[-1, 1] = np.nan
    stored = ours(tmp_path / "x.zarr", spoiled, CHUNK_ROWS)
    fit(FitRequest(ROWS, 2, tmp_path / "run", max_iter=2), ThreadRunner(2), Silent())
    with pytest.raises(DataError, match="199,999, column 1"):
        plan([ScoreRequest(str(stored), tmp_path / "run")], ThreadRunner(2), probe=2)
    (step,) = plan([FitRequest(str(stored), 2, tmp_path / "s")], ThreadRunner(2), probe=4).steps
    assert step.probed is not None


class Clock:
    """Seconds that pass when it is told so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Slow(RowsInMemory):
    """Rows of which a block takes a second to read."""

    __slots__ = ()
    clock = Clock()

    def read(self, index: int) -> Block:
        self.clock.now += 1.0
        return super().read(index)


def test_seconds_are_those_of_all_rows_on_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dask_gmm.workflows.probe.perf_counter", Slow.clock)
    rows = Slow(ROWS[:1_000], RowsInMemory.of(ROWS[:1_000], 100).layout)

    def asked(name: str) -> Callable[[Answers], list[list[Fold]]]:
        def ask(before: Answers) -> list[list[Fold]]:
            seen.append((name, len(before)))
            return [[Total()], [Spell(), Spell()]]

        return ask

    seen: list[tuple[str, int]] = []
    outlook = ThreadRunner(4).outlook(rows, [Total()])
    passes = [PlannedPass("a", 3, 2, outlook), PlannedPass("b", 1, 1, outlook)]
    found = probe(rows, 5, passes, [asked("a"), asked("b")])
    # Ten blocks at a second each on four threads, for each reading of a round.
    assert (found.blocks, found.rows, found.seconds) == (5, 500, (5.0, 2.5))
    assert seen == [("a", 0), ("b", 3)]


def test_blocks_are_spread_over_all() -> None:
    assert spread_over(100, 4) == [12, 37, 62, 87]
    assert spread_over(3, 5) == [0, 1, 2]
    assert spread_over(1, 1) == [0]
