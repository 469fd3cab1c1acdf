"""An incremental step: what it reads, where it leads, and what it says of itself."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.partitions_file import read_partitions
from dask_gmm.records.run_folder import read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from tests.workflows.refreshing import (
    FAMILIES,
    SIZE,
    THREE,
    TWO,
    Counting,
    day,
    days,
    fitted,
    m_step_of,
    model_of,
    responsibilities,
    stepped,
    stored,
    two_days,
)


def parameters(run: Path) -> list[bytes]:
    model = model_of(run)
    return [each.tobytes() for each in (model.weights, model.means, model.covariances)]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, family: str) -> Path:
    """Rows of two, three and other days, and runs of the first two with both solvers."""
    return two_days(tmp_path_factory.mktemp(family), family)


@pytest.mark.parametrize("solver", ["em", "fast"])
def test_the_first_step_is_one_of_em_on_all_rows(
    folder: Path, tmp_path: Path, family: str, solver: Any
) -> None:
    result = stepped(str(folder / "123"), tmp_path / "out", folder / solver, THREE, solver=solver)
    before, rows = model_of(folder / solver).mixture, np.concatenate([day(1), day(2), day(3)])
    weights, means, covariances = m_step_of(rows, responsibilities(before, rows), family)
    ridge = 1e-6 * np.eye(3) if family in ("full", "tied") else 1e-6
    np.testing.assert_allclose(result.model.weights, weights, atol=1e-10)
    np.testing.assert_allclose(result.model.means, means, atol=1e-9)
    covariances = covariances + ridge * (solver == "em")
    np.testing.assert_allclose(result.model.covariances, covariances, atol=1e-8)


def test_replacing_all_partitions_is_a_step_of_em_from_the_model(
    folder: Path, tmp_path: Path
) -> None:
    data, run = str(folder / "12"), folder / "em"
    asked: dict[str, Any] = {"solver": "em"}
    step = stepped(data, tmp_path / "a", run, TWO, changed=("mon", "tue"), **asked)
    request = FitRequest(data, None, tmp_path / "b", warm_start=run, max_iter=1, tol=0, **asked)
    whole = fit(request, ThreadRunner(2), Silent())
    np.testing.assert_allclose(step.model.means, whole.model.means, atol=1e-10)
    np.testing.assert_allclose(step.model.covariances, whole.model.covariances, atol=1e-10)
    assert step.model.log_likelihoods == pytest.approx(whole.model.log_likelihoods, abs=1e-10)


def test_no_row_of_what_is_as_it_was_is_read(folder: Path, tmp_path: Path) -> None:
    run = folder / "fast"
    appended, replaced, moved, nothing = (Counting() for _ in range(4))
    stepped(str(folder / "123"), tmp_path / "a", run, THREE, appended)
    assert appended.read == [(2 * SIZE, 3 * SIZE)] * 2
    stepped(str(folder / "1-2"), tmp_path / "b", run, TWO, replaced)
    assert replaced.read == [(SIZE, 2 * SIZE)] * 2
    stepped(str(folder / "312"), tmp_path / "c", run, days("wed", "mon", "tue"), moved)
    assert moved.read == [(0, SIZE)] * 2
    stepped(str(folder / "12"), tmp_path / "d", run, TWO, nothing)
    assert nothing.read == []


def test_a_day_before_or_behind_the_others_leads_to_the_same(folder: Path, tmp_path: Path) -> None:
    run = folder / "fast"
    behind = stepped(str(folder / "123"), tmp_path / "a", run, THREE)
    before = stepped(str(folder / "312"), tmp_path / "b", run, days("wed", "mon", "tue"))
    np.testing.assert_allclose(before.model.means, behind.model.means, atol=1e-12)
    assert before.model.log_likelihood == pytest.approx(behind.model.log_likelihood, abs=1e-12)


def test_partitions_that_are_apart_are_read_alone(folder: Path, tmp_path: Path) -> None:
    both = Counting()
    names = days("sat", "tue", "sun")
    data = stored(tmp_path / "x", 4, 2, 5)
    result = stepped(str(data), tmp_path / "a", folder / "fast", names, both)
    assert both.read == [(0, SIZE), (2 * SIZE, 3 * SIZE)] * 2
    assert (result.passes, result.model.rows_read) == (2, 2 * SIZE)
    said = read_manifest(tmp_path / "a")["changes"]
    assert said == {"read": ["sat", "sun"], "kept": ["tue"], "dropped": ["mon"]}


def test_a_dropped_day_is_subtracted_without_a_reading(
    folder: Path, tmp_path: Path, family: str
) -> None:
    runner = Counting()
    asked: dict[str, Any] = {"rows": slice(SIZE, None), "solver": "em"}
    partitions = {"tue": slice(SIZE, 2 * SIZE)}
    result = stepped(str(folder / "12"), tmp_path / "a", folder / "em", partitions, runner, **asked)
    before, rows = model_of(folder / "em").mixture, day(2)
    weights, means, _ = m_step_of(rows, responsibilities(before, rows), family)
    np.testing.assert_allclose(result.model.weights, weights, atol=1e-10)
    np.testing.assert_allclose(result.model.means, means, atol=1e-9)
    assert runner.read == []
    assert np.isnan(result.model.log_likelihood)
    assert "log-likelihood unknown, since no row was read" in result.to_text()
    kept = model_of(tmp_path / "a")
    assert np.isnan(kept.log_likelihood)
    assert (kept.rows, kept.rows_read) == (SIZE, 0)
    manifest = read_manifest(tmp_path / "a")
    assert manifest["log_likelihood"] is None
    assert not (tmp_path / "a" / "sample.zarr").exists()


def test_forgetting_weighs_what_is_kept(folder: Path, tmp_path: Path, family: str) -> None:
    data, run = str(folder / "123"), folder / "em"
    result = stepped(data, tmp_path / "a", run, THREE, solver="em", forgetting=0.25)
    before, rows = model_of(run).mixture, np.concatenate([day(1), day(2), day(3)])
    share = np.repeat([0.25, 0.25, 1.0], SIZE)[:, None]
    weights, means, _ = m_step_of(rows, share * responsibilities(before, rows), family)
    np.testing.assert_allclose(result.model.weights, weights, atol=1e-10)
    np.testing.assert_allclose(result.model.means, means, atol=1e-9)
    plain = stepped(data, tmp_path / "b", run, THREE, solver="em")
    assert np.abs(plain.model.means - result.model.means).max() > 1e-4


def test_what_is_forgotten_twice_counts_twice_less(folder: Path, tmp_path: Path) -> None:
    data = stored(tmp_path / "x", 1, 2, 3, 4)
    stepped(str(folder / "123"), tmp_path / "a", folder / "em", THREE, forgetting=0.5)
    names = days("mon", "tue", "wed", "thu")
    stepped(str(data), tmp_path / "b", tmp_path / "a", names, forgetting=0.5)
    kept = read_partitions(tmp_path / "b", model_of(tmp_path / "b").mixture)
    assert [each.weight for each in kept.parts] == [0.25, 0.25, 0.5, 1.0]


def test_statistics_of_each_day_are_those_of_its_last_reading(
    folder: Path, tmp_path: Path, family: str
) -> None:
    """Three steps with different parameters add up to what numpy makes of all of them."""
    run = folder / "em"
    stepped(str(folder / "123"), tmp_path / "a", run, THREE, solver="em")
    data, names = stored(tmp_path / "x", 1, 2, 3, 4), days("mon", "tue", "wed", "thu")
    result = stepped(str(data), tmp_path / "b", tmp_path / "a", names, solver="em")
    first, second = model_of(run).mixture, model_of(tmp_path / "a").mixture
    rows = np.concatenate([day(i) for i in (1, 2, 3, 4)])
    shares = [responsibilities(first, day(i)) for i in (1, 2)]
    shares += [responsibilities(second, day(i)) for i in (3, 4)]
    weights, means, _ = m_step_of(rows, np.concatenate(shares), family)
    np.testing.assert_allclose(result.model.weights, weights, atol=1e-10)
    np.testing.assert_allclose(result.model.means, means, atol=1e-9)


def test_steps_lead_where_a_fit_of_all_rows_does(folder: Path, tmp_path: Path) -> None:
    data, start = str(folder / "123"), folder / "fast"
    for number in range(9):
        out = tmp_path / str(number)
        changed = list(THREE)[number % 3]
        stepped(data, out, start, THREE, changed=(changed,))
        start = out
    asked: dict[str, Any] = {"warm_start": start, "tol": 1e-9}
    whole = fit(FitRequest(data, None, tmp_path / "w", **asked), ThreadRunner(2), Silent())
    assert whole.passes <= 5
    np.testing.assert_allclose(model_of(start).means, whole.model.means, atol=1e-3)


@pytest.mark.usefixtures("small_leaves")
def test_the_bytes_are_those_of_any_runner(folder: Path, tmp_path: Path, client: Client) -> None:
    runners: dict[str, Runner] = {
        "one": ThreadRunner(1),
        "two": ThreadRunner(2),
        "there": DistributedRunner(client),
    }
    found = []
    for name, runner in runners.items():
        fitted(str(folder / "12"), tmp_path / name / "run", TWO, runner, solver="em", max_iter=3)
        out = tmp_path / name / "out"
        stepped(str(folder / "123"), out, tmp_path / name / "run", THREE, runner)
        kept = read_partitions(out, model_of(out).mixture)
        found.append([*parameters(out), kept.sha256.encode()])
    assert found[0] == found[1] == found[2]


def test_a_reading_gives_what_is_kept_of_all_days_and_is_told(folder: Path) -> None:
    history = read_history(folder / "fast")
    assert history[-1]["name"] == "partitions"
    assert len(history) == read_manifest(folder / "fast")["passes"]
    model = model_of(folder / "fast")
    kept = read_partitions(folder / "fast", model.mixture)
    total = sum(each.statistics.log_likelihood for each in kept.parts)
    rows = sum(each.rows for each in kept.parts)
    assert total / rows == pytest.approx(model.log_likelihood, abs=1e-12)
