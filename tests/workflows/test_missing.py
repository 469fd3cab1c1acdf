"""Fits to rows of which values are missing: their optimum, their bytes, what is told of them."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Layout
from dask_gmm.errors import DataError, InputError, MemoryLimitError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.run_folder import read_manifest
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import DataWarning
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.left_out import NOTHING, Allowed
from dask_gmm.workflows.plan import plan
from dask_gmm.workflows.report import report
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.fitting.lacking import with_gaps
from tests.mixture.plain_missing import plain
from tests.workflows.leaving import DROP, FAST, GIVEN, fitted, same_bytes, written
from tests.workflows.leaving import runners as runners
from tests.workflows.leaving import small as small
from tests.workflows.resuming import (
    ONE,
    TWO,
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    resumed,
)

EM = Allowed(missing=True)
ROWS = with_gaps(X, 0.2)
FAMILIES = ("full", "tied", "diag", "spherical")
SPECS = {"em": Spec(3, max_iter=6, tol=0.0), "fast": FAST, "given": GIVEN}


def log_likelihood(mixture: Mixture, rows: Array) -> float:
    return float(plain(rows, mixture).log_densities.mean())


@pytest.mark.parametrize(("case", "name"), [("given", "full"), *product(("em", "fast"), FAMILIES)])
def test_where_nothing_is_missing_all_bytes_are_those_of_the_default(case: str, name: str) -> None:
    asked, source = replace(SPECS[case], covariance_type=name), ArraySource.of(X)
    same_bytes(fitted(source, asked, EM), fitted(source, asked, NOTHING))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("spec", [SPECS["em"], FAST], ids=["em", "fast"])
def test_missing_values_give_the_same_bytes_everywhere(
    runners: Sequence[Runner], name: str, spec: Spec
) -> None:
    source = DaskSource.of(da.from_array(ROWS, chunks=(450, 3)))
    asked = replace(spec, covariance_type=name)
    first, *others = (fitted(source, asked, EM, each) for each in runners)
    for each in others:
        same_bytes(each, first)


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("solver", ["em", "fast"])
def test_an_interrupted_fit_goes_on_with_the_same_bytes(name: str, solver: str) -> None:
    spec, source = replace(SPECS[solver], covariance_type=name), ArraySource.of(ROWS)
    found = checkpoints(spec, 1, source, EM)
    assert_same(list(interrupted_after_each(found[0], source)), found)
    whole = fitted(source, spec, EM, ONE)
    same_bytes(resumed(found[len(found) // 2], source), whole)


@pytest.mark.parametrize("solver", ["em", "fast"])
def test_what_is_missing_costs_little_of_what_there_is_to_know(solver: str) -> None:
    spec = FAST if solver == "fast" else Spec(3, tol=1e-8, max_iter=200)
    source = ArraySource.of(with_gaps(X, 0.1))
    whole, found = fitted(ArraySource.of(X), spec, NOTHING).model, fitted(source, spec, EM).model
    at = np.argsort(whole.means @ [1, 10, 100]), np.argsort(found.means @ [1, 10, 100])
    np.testing.assert_allclose(found.means[at[1]], whole.means[at[0]], atol=0.15)
    np.testing.assert_allclose(found.covariances[at[1]], whole.covariances[at[0]], atol=0.2)


def test_rows_without_any_value_are_counted_and_left_out(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[100:130] = np.nan
    kept = np.delete(rows, np.s_[100:130], axis=0)
    with pytest.warns(DataWarning, match="30 of 3,000 rows .* of which all values are missing"):
        found = fitted(ArraySource.of(rows), GIVEN, EM)
    wanted = fitted(ArraySource.of(kept), GIVEN, EM)
    assert found.model.rows == wanted.model.rows == 2970
    np.testing.assert_allclose(found.model.means, wanted.model.means, atol=1e-10)
    assert found.model.log_likelihood == pytest.approx(wanted.model.log_likelihood, abs=1e-10)


@pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")
def test_infinities_are_no_missing_values() -> None:
    rows = ROWS.copy()
    rows[7, 1] = -np.inf
    with pytest.raises(DataError, match=r"found infinity in 1 of 3,000.* row 7, column 1.*drop\.$"):
        fitted(ArraySource.of(rows), GIVEN, EM)
    both = Allowed(nonfinite=True, missing=True)
    found = fitted(ArraySource.of(rows), GIVEN, both).model
    wanted = fitted(ArraySource.of(np.delete(ROWS, 7, axis=0)), GIVEN, EM).model
    assert found.rows == wanted.rows == 2999
    np.testing.assert_allclose(found.means, wanted.means, atol=1e-10)


@pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")
def test_rows_of_bad_chunks_are_left_out_beside_missing_values(tmp_path: Path) -> None:
    path = written(tmp_path / "g", rows=ROWS, damage="flipped")
    both = Allowed(bad_share=0.05, missing=True)
    found = fitted(open_source(path), GIVEN, both)
    assert found.survey.skipped_rows == 100
    assert found.survey.summary.empty_rows == 0
    assert found.model.rows == 2900


def test_a_column_without_any_value_is_refused_by_its_number() -> None:
    rows = ROWS.copy()
    rows[:, 1] = np.nan
    with pytest.raises(DataError, match=r"a value in every column .* found none in column 1"):
        fitted(ArraySource.of(rows), GIVEN, EM)


@pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")
def test_nan_is_an_error_unless_it_is_said_to_be_missing() -> None:
    with pytest.raises(DataError, match=r"finite .* missing em"):
        fitted(ArraySource.of(ROWS), GIVEN, NOTHING)
    assert fitted(ArraySource.of(ROWS), GIVEN, DROP).model.rows < 3000


@pytest.mark.parametrize("name", ["full", "tied"])
def test_rows_held_out_judge_by_what_is_there_of_them(name: str) -> None:
    spec = Spec(3, name, max_iter=5, tol=0.0, held_out=HeldOut(0.3))
    found = fitted(ArraySource.of(ROWS), spec, EM).model
    marks = HeldOut(0.3).marks(tile_of(ROWS))
    values = plain(ROWS, found.mixture).log_densities
    assert found.last.held_out == pytest.approx(values[marks].mean(), abs=1e-9)
    assert found.log_likelihood == pytest.approx(values[~marks].mean(), abs=1e-9)
    assert found.rows == (~marks).sum()


def tile_of(rows: Array) -> Any:
    from dask_gmm.passes.fold import Tile, Workspace

    return Tile(rows, 0, Workspace())


def test_rare_components_get_more_rows_of_which_values_are_missing() -> None:
    generator = np.random.default_rng(0)
    rare = np.array([12.0, 12.0, 0.0]) + generator.standard_normal((40, 3))
    rows = with_gaps(generator.permutation(np.concatenate([X, rare])), 0.1)
    found = fitted(ArraySource.of(rows), replace(FAST, n_components=4), EM).model
    assert any("drawn" in note for note in found.notes)
    assert found.log_likelihood == pytest.approx(log_likelihood(found.mixture, rows), abs=1e-9)


def test_components_without_rows_are_set_on_rows_of_which_values_are_missing() -> None:
    start = Mixture.of([0.5, 0.3, 0.2], [*X[:2], [90.0, 90, 90]], np.stack([np.eye(3)] * 3))
    spec = Spec(3, start=start, solver="fast", tol=None)
    found = fitted(ArraySource.of(ROWS), spec, EM).model
    assert np.isfinite(found.means).all()
    assert found.log_likelihood == pytest.approx(log_likelihood(found.mixture, ROWS), abs=1e-9)


def test_a_fit_says_what_was_missing_and_a_report_shows_it(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "x.zarr", data=ROWS)
    request = FitRequest(str(tmp_path / "x.zarr"), 3, tmp_path / "run", missing="em")
    with pytest.raises(DataError, match="missing em"):
        fit(replace(request, missing="error"), TWO, Silent())
    result = fit(request, TWO, Silent())
    shares = np.isnan(ROWS).mean(axis=0)
    manifest = read_manifest(tmp_path / "run")
    np.testing.assert_allclose(manifest["data"]["missing"], shares)
    assert (manifest["empty_rows"], manifest["settings"]["missing"]) == (0, "em")
    assert result.model.quantiles is not None
    values = np.sort(plain(ROWS, result.model.mixture).log_densities)
    middle = result.model.quantiles.at(0.5)
    assert middle == pytest.approx(np.quantile(values, 0.5), abs=0.2)
    assert fit(request, TWO, Silent()).done_before
    assert "missing" in inspect(tmp_path / "run").to_text()
    report(ReportRequest(tmp_path / "run"))
    assert "missing" in (tmp_path / "run" / "report.html").read_text()


def test_a_selection_counts_missing_values_in_each_of_its_mixtures(tmp_path: Path) -> None:
    request = SelectRequest(
        ROWS,
        (2, 3),
        tmp_path / "grid",
        covariance=("full", "tied"),
        criterion="icl",
        solver="em",
        tol=1e-6,
        missing="em",
    )
    result = select(request, TWO, Silent())
    for each in result.models:
        assert each.log_likelihood == pytest.approx(log_likelihood(each.mixture, ROWS), abs=1e-9)
        known = plain(ROWS, each.mixture).responsibilities
        wanted = -(known * np.log(np.maximum(known, 1e-300))).sum() / len(ROWS)
        assert each.last.entropy == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize("n_blocks", [0, 2])
def test_a_plan_projects_what_is_found_out_about_missing_values(
    n_blocks: int, tmp_path: Path
) -> None:
    zarr.create_array(tmp_path / "x.zarr", data=ROWS)
    request = FitRequest(str(tmp_path / "x.zarr"), 3, tmp_path / "run", solver="em", missing="em")
    planned = plan([request], TWO, n_blocks)
    usual = plan([replace(request, missing="error")], TWO, 0)
    ours, others = (each.steps[0].passes[1].outlook for each in (planned, usual))
    assert ours.room.left < others.room.left


def test_partitions_are_of_rows_that_lack_nothing(tmp_path: Path) -> None:
    parts = {"a": slice(0, 3000)}
    with pytest.raises(InputError, match="found missing em beside"):
        FitRequest(ROWS, 3, tmp_path / "run", partitions=parts, missing="em")


def test_memory_for_missing_values_is_asked_for_before_any_pass() -> None:
    source, small = ArraySource.of(ROWS), ThreadRunner(1, 330 * 2**20)
    assert fitted(ArraySource.of(X), GIVEN, NOTHING, small)
    with pytest.raises(MemoryLimitError):
        fitted(source, GIVEN, EM, small)


def test_small_leaves_change_rounding_alone() -> None:
    whole = fitted(ArraySource.of(ROWS), GIVEN, EM).model
    leaves = ArraySource.of(ROWS, layout=Layout(np.arange(0, 3001, 60)))
    np.testing.assert_allclose(fitted(leaves, GIVEN, EM).model.means, whole.means, atol=1e-9)
