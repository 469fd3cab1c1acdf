"""An incremental step: what it reads, where it leads, and what it says of itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.partitions_file import PARTITIONS, read_partitions
from dask_gmm.records.run_folder import read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.score import score
from tests.workflows.predicting import foreign
from tests.workflows.refreshing import (
    FAMILIES,
    SIZE,
    Counting,
    day,
    days,
    fitted,
    m_step_of,
    model_of,
    responsibilities,
    stepped,
    stored,
)

TWO, THREE = days("mon", "tue"), days("mon", "tue", "wed")


def parameters(run: Path) -> list[bytes]:
    model = model_of(run)
    return [each.tobytes() for each in (model.weights, model.means, model.covariances)]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, family: str) -> Path:
    """Rows of two, three and other days, and runs of the first two with both solvers."""
    path = tmp_path_factory.mktemp(family)
    for name, numbers in {"12": (1, 2), "123": (1, 2, 3), "1-2": (1, -2), "312": (3, 1, 2)}.items():
        stored(path / name, *numbers)
    for solver in ("em", "fast"):
        asked: dict[str, Any] = {"covariance": family, "solver": solver}
        fitted(str(path / "12"), path / solver, TWO, **asked)
    return path


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
    for number in range(30):
        out = tmp_path / str(number)
        changed = list(THREE)[number % 3]
        stepped(data, out, start, THREE, changed=(changed,))
        start = out
    asked: dict[str, Any] = {"warm_start": start, "tol": 1e-9}
    whole = fit(FitRequest(data, None, tmp_path / "w", **asked), ThreadRunner(2), Silent())
    assert whole.passes <= 5
    np.testing.assert_allclose(model_of(start).means, whole.model.means, atol=1e-3)


def test_the_bytes_are_those_of_any_runner(folder: Path, tmp_path: Path, client: Client) -> None:
    runners = {"one": ThreadRunner(1), "two": ThreadRunner(2), "there": DistributedRunner(client)}
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


def test_it_says_what_it_is(folder: Path, tmp_path: Path) -> None:
    result = stepped(str(folder / "123"), tmp_path / "a", folder / "fast", THREE)
    said, manifest = result.to_json(), read_manifest(tmp_path / "a")
    for each in (said, manifest):
        assert (each["incremental"], each["converged"]) == (True, False)
        assert each["reason"].startswith("stopped: one incremental step")
        assert each["rows_read"] == SIZE
    text = result.to_text()
    assert "1 iterations, 2 readings of 3,000 of 9,000 rows" in text
    assert "nats per row, of those read" in text
    names = [each["name"] for each in read_history(tmp_path / "a")]
    assert names == ["changed partitions", "partitions"]
    kept = model_of(tmp_path / "a")
    assert (kept.incremental, kept.rows_read, kept.rows) == (True, SIZE, 3 * SIZE)
    assert np.isnan([kept.aic, kept.bic]).all()
    attributes = json.loads((tmp_path / "a" / "model.zarr" / "zarr.json").read_text())
    assert attributes["attributes"]["dask_gmm"]["incremental"] is True


def test_the_same_is_not_made_again(folder: Path, tmp_path: Path) -> None:
    data, run = str(folder / "123"), folder / "fast"
    first = stepped(data, tmp_path / "a", run, THREE)
    unread = Counting()
    again = stepped(data, tmp_path / "a", run, THREE, unread)
    assert (again.done_before, unread.read) == (True, [])
    same = set(first.to_json()) - {"done_before", "seconds"}
    told, before = again.to_json(), first.to_json()
    assert {name: told[name] for name in same} == {name: before[name] for name in same}
    with pytest.raises(OutputExistsError, match=r"forgetting None there, 0\.5 here"):
        stepped(data, tmp_path / "a", run, THREE, forgetting=0.5)


def test_a_run_with_other_statistics_is_something_else(folder: Path, tmp_path: Path) -> None:
    data, start = str(folder / "123"), tmp_path / "start"
    fitted(str(folder / "12"), start, TWO)
    stepped(data, tmp_path / "a", start, THREE)
    halves = {"mon": slice(0, 1000), "tue": slice(1000, 2 * SIZE)}
    fitted(str(folder / "12"), start, halves, overwrite=True)
    with pytest.raises(OutputExistsError, match="others or were written again"):
        stepped(data, tmp_path / "a", start, THREE)


def test_it_may_take_the_place_of_the_run_it_starts_from(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fitted(str(folder / "12"), run, TWO)
    stepped(str(folder / "123"), run, run, THREE, overwrite=True)
    assert [each.name for each in read_partitions(run, model_of(run).mixture).parts] == [*THREE]


def test_rows_of_which_nothing_is_known_are_read_if_named(folder: Path, tmp_path: Path) -> None:
    rows = np.concatenate([day(1), day(2), day(3)])
    data = foreign(tmp_path / "x", rows)
    with pytest.raises(InputError, match=r"Wanted digests .* partition mon is as it was"):
        stepped(str(data), tmp_path / "a", folder / "fast", THREE)
    runner = Counting()
    stepped(str(data), tmp_path / "a", folder / "fast", THREE, runner, changed=("wed",))
    assert runner.read == [(2 * SIZE, 3 * SIZE)] * 2
    here = Counting()
    stepped(rows, tmp_path / "b", folder / "fast", THREE, here, changed=())
    assert here.read == [(2 * SIZE, 3 * SIZE)] * 2
    there = model_of(tmp_path / "a").means
    np.testing.assert_allclose(model_of(tmp_path / "b").means, there, atol=1e-12)


def test_rows_that_are_not_finite_are_refused_with_their_place(
    folder: Path, tmp_path: Path
) -> None:
    rows = np.concatenate([day(1), day(2), day(3)])
    rows[2 * SIZE + 7, 1] = np.nan
    with pytest.raises(DataError, match="the first at row 6,007, column 1"):
        stepped(rows, tmp_path / "a", folder / "fast", THREE, changed=())
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("partitions", "asked", "found"),
    [
        (THREE, {"components": 2}, "Wanted components 2, .* found 3"),
        (THREE, {"columns": (0, 1)}, "Wanted a model of 2 columns"),
        (TWO, {}, "found none with the rows 6000:9000"),
        ({**THREE, "tue": slice(SIZE - 5, 2 * SIZE)}, {}, "mon and tue with the rows 2995:3000"),
        ({**THREE, "wed": slice(2 * SIZE, 10_000)}, {}, "found wed=6000:10000"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_row_is_read(
    folder: Path, tmp_path: Path, partitions: Any, asked: dict[str, Any], found: str
) -> None:
    start: dict[str, Any] = {"warm_start": folder / "fast", "incremental": True}
    given = {"components": None, "partitions": partitions, **start, **asked}
    request = FitRequest(str(folder / "123"), out=tmp_path / "a", **given)
    runner = Counting()
    with pytest.raises(InputError, match=found):
        fit(request, runner, Silent())
    assert runner.read == []


def test_a_run_without_statistics_is_no_start(folder: Path, tmp_path: Path) -> None:
    plain = FitRequest(day(1), 3, tmp_path / "plain")
    fit(plain, ThreadRunner(1), Silent())
    with pytest.raises(InputError, match=r"keeps statistics of partitions .* found none in"):
        stepped(str(folder / "123"), tmp_path / "a", tmp_path / "plain", THREE)


def test_damaged_statistics_are_refused(folder: Path, tmp_path: Path) -> None:
    fitted(str(folder / "12"), tmp_path / "run", TWO)
    chunk = next((tmp_path / "run" / PARTITIONS / "sums").rglob("1/0/0"))
    chunk.write_bytes(chunk.read_bytes()[:-9] + b"x" * 9)
    with pytest.raises(DataError, match="Wanted statistics of partitions that a run kept in"):
        stepped(str(folder / "123"), tmp_path / "a", tmp_path / "run", THREE)


def test_other_verbs_know_whose_log_likelihood_it_is(folder: Path, tmp_path: Path) -> None:
    data = str(folder / "123")
    stepped(data, tmp_path / "a", folder / "fast", THREE)
    examined = score(ScoreRequest(data, tmp_path / "a"), ThreadRunner(2), Silent())
    assert "that of the rows read last" in examined.to_text()
    assert inspect(tmp_path / "a").facts["rows read"] == SIZE
    page = report(ReportRequest(tmp_path / "a")).out.read_text()
    assert "rows that it read, of which the log-likelihood is" in page
    assert "BIC" not in page


def test_other_verbs_know_that_no_row_was_read(folder: Path, tmp_path: Path) -> None:
    data, rows = str(folder / "12"), {"rows": slice(SIZE, None)}
    stepped(data, tmp_path / "a", folder / "fast", {"tue": slice(SIZE, 2 * SIZE)}, **rows)
    asked = ScoreRequest(data, tmp_path / "a")
    examined = score(asked, ThreadRunner(2), Silent())
    before = score(ScoreRequest(data, folder / "fast"), ThreadRunner(2), Silent())
    assert examined.log_likelihood == pytest.approx(before.log_likelihood, abs=1e-2)
    said = examined.to_json()
    assert (said["log_likelihood_of_fit"], said["difference"]) == (None, None)
    assert "that of the fit is unknown" in examined.to_text()
    with pytest.raises(InputError, match="Wanted a model whose log-likelihood is known"):
        score(ScoreRequest(data, tmp_path / "a", fail_below=1.0), Counting(), Silent())
    facts = inspect(tmp_path / "a").facts
    assert (facts["log-likelihood, nats per row"], facts["BIC"]) == (None, None)
    assert "log-likelihood, nats per row" in report(ReportRequest(tmp_path / "a")).out.read_text()
