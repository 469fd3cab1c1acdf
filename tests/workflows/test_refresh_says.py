"""What an incremental step says of itself, what it refuses, and what others make of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.errors import DataError, InputError, OutputExistsError
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.partitions_file import PARTITIONS, read_partitions
from dask_gmm.records.run_folder import read_history, read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.row_requests import ScoreRequest
from dask_gmm.workflows.score import score
from tests.workflows.predicting import foreign
from tests.workflows.refreshing import (
    SIZE,
    THREE,
    TWO,
    Counting,
    day,
    days,
    fitted,
    model_of,
    stepped,
    stored,
    two_days,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of two, three and other days, and runs of the first two with both solvers."""
    return two_days(tmp_path_factory.mktemp("days"), "full")


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


def test_where_nothing_is_new_the_run_stays_as_it_is(tmp_path: Path) -> None:
    before = fitted(stored(tmp_path / "d.zarr", 1, 2), tmp_path / "run", TWO)
    data, out, runner = tmp_path / "d.zarr", tmp_path / "run", Counting()
    found = stepped(data, out, out, TWO, runner, overwrite=True, forgetting=1.0)
    assert (found.done_before, runner.read) == (True, [])
    assert found.model.log_likelihood == before.model.log_likelihood
    assert found.model.quantiles is not None


def test_where_rows_are_forgotten_or_dropped_a_step_is_taken(tmp_path: Path) -> None:
    for number, (forgetting, today) in enumerate([(0.5, TWO), (None, days("mon"))]):
        data, out = stored(tmp_path / f"{number}.zarr", 1, 2), tmp_path / str(number)
        fitted(data, out, TWO)
        rows = slice(0, max(each.stop for each in today.values()))
        asked: dict[str, Any] = {"forgetting": forgetting, "rows": rows}
        assert not stepped(data, out, out, today, overwrite=True, **asked).done_before


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
    data, partitions = str(folder / "12"), {"tue": slice(SIZE, 2 * SIZE)}
    stepped(data, tmp_path / "a", folder / "fast", partitions, rows=slice(SIZE, None))
    asked = ScoreRequest(data, tmp_path / "a")
    examined = score(asked, ThreadRunner(2), Silent())
    before = score(ScoreRequest(data, folder / "fast"), ThreadRunner(2), Silent())
    assert examined.log_likelihood == pytest.approx(before.log_likelihood, abs=1e-2)
    said = examined.to_json()
    assert (said["log_likelihood_of_fit"], said["difference"]) == (None, None)
    assert "that of the fit is unknown" in examined.to_text()
    with pytest.raises(InputError, match="Wanted a model whose log-likelihood is known"):
        score(replace(asked, fail_below=1.0), Counting(), Silent())
    with pytest.raises(InputError, match="Wanted a model whose log-likelihood is known"):
        plan([replace(asked, fail_below=1.0)], Counting())
    facts = inspect(tmp_path / "a").facts
    assert (facts["log-likelihood, nats per row"], facts["BIC"]) == (None, None)
    assert "log-likelihood, nats per row" in report(ReportRequest(tmp_path / "a")).out.read_text()
