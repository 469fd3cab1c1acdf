"""A fit leaves out rows that are not finite, wherever they are."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import multivariate_normal

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Layout, Source
from dask_gmm.errors import DataError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.sample import keys_of
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.fold import Tile, Workspace
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner
from dask_gmm.workflows.left_out import NOTHING
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.workflows.leaving import (
    BOTH,
    DROP,
    FAST,
    GIVEN,
    GOOD,
    START,
    fitted,
    fitted_at,
    holed,
    same_bytes,
    same_to,
    written,
)
from tests.workflows.leaving import runners as runners
from tests.workflows.leaving import small as small
from tests.workflows.resuming import TWO, X

pytestmark = pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")


def sources_of(rows: npt.NDArray[Any], folder: Path) -> dict[str, Source]:
    return {
        "numpy": ArraySource.of(rows),
        "small leaves": ArraySource.of(rows, layout=Layout(np.arange(0, 3001, 60))),
        "dask": DaskSource.of(da.from_array(rows, chunks=(450, 3))),
        "zarr": open_source(written(folder / "h", rows=rows)),
    }


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_rows_that_are_not_finite_are_dropped_from_any_source(share: float, tmp_path: Path) -> None:
    rows, fine = holed(share)
    expected = fitted(ArraySource.of(rows[fine]), allowed=NOTHING)
    for source in sources_of(rows, tmp_path).values():
        outcome = fitted(source, allowed=DROP)
        same_to(outcome, expected, 1e-10)
        assert outcome.survey.summary.bad_rows == (~fine).sum()
        assert np.isin(outcome.survey.sample.index, np.flatnonzero(fine)).all()


@pytest.mark.parametrize("spec", [GIVEN, FAST], ids=["given", "fast"])
def test_dropping_rows_gives_the_same_bytes_everywhere(
    runners: Sequence[Runner], spec: Spec
) -> None:
    source = DaskSource.of(da.from_array(holed()[0], chunks=(450, 3)))
    first, *others = (fitted(source, spec, DROP, each) for each in runners)
    for each in others:
        same_bytes(each, first)


@pytest.mark.parametrize(("share", "readings"), [(0.1, 1), (0.7, 1), (0.9, 2)])
def test_the_sample_of_the_finite_rows_is_as_large_as_that_of_all(
    share: float, readings: int
) -> None:
    rows, fine = holed(share)
    spec = Spec(3, max_iter=2)
    outcome = fitted(ArraySource.of(rows, layout=Layout(np.arange(0, 3001, 60))), spec, DROP)
    wanted = min(spec.sample_rows(3000, 3), fine.sum())
    assert len(outcome.survey.sample.rows) == wanted
    assert [each.name for each in outcome.passes].count("survey") == readings


def test_the_sample_has_the_rows_with_the_smallest_keys_of_those_that_are_left(
    tmp_path: Path,
) -> None:
    rows, fine = holed(0.3)
    path = written(tmp_path / "g", rows=rows, damage="absent")
    sample = fitted_at(path, FAST, BOTH).survey.sample
    order = np.argsort(keys_of(0, np.arange(len(X))))
    expected = order[(fine & GOOD)[order]][: sample.size]
    assert np.array_equal(sample.index, expected)
    assert np.array_equal(sample.rows, X[expected])


def test_rows_held_out_are_the_same_ones_whatever_is_left_out(tmp_path: Path) -> None:
    rows, fine = holed(0.2)
    path = written(tmp_path / "g", rows=rows, damage="flipped")
    spec = Spec(3, start=START, max_iter=5, tol=0.0, held_out=HeldOut(0.3))
    outcome = fitted_at(path, spec, BOTH)
    zeros = np.where((fine & GOOD)[:, None], X, 0.0)
    marks = HeldOut(0.3).marks(tile_of(zeros))
    assert outcome.model.rows == (fine & GOOD & ~marks).sum()
    last = outcome.model.last
    assert last.held_out is not None
    scores = densities(outcome.model.mixture, X[fine & GOOD & marks])
    assert last.held_out == pytest.approx(scores.mean(), abs=1e-9)


def tile_of(rows: npt.NDArray[Any]) -> Tile:
    return Tile(rows, 0, Workspace())


def densities(mixture: Mixture, rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    parts = [
        weight * multivariate_normal(mean, covariance).pdf(rows)
        for weight, mean, covariance in zip(
            mixture.weights, mixture.means, mixture.covariances, strict=True
        )
    ]
    return np.asarray(np.log(np.sum(parts, axis=0)))


def test_a_selection_drops_the_rows_that_a_fit_drops(tmp_path: Path) -> None:
    rows, fine = holed(0.1)
    request = SelectRequest(rows, (2, 3), tmp_path / "grid", solver="em", tol=1e-6)
    with pytest.raises(DataError, match="finite"):
        select(request, TWO, Silent())
    result = select(replace(request, nonfinite="drop"), TWO, Silent())
    assert result.selected.rows == fine.sum()
    assert result.to_json()["dropped_rows"] == (~fine).sum()
    others = replace(request, data=rows[fine], out=tmp_path / "others")
    for one, other in zip(result.models, select(others, TWO, Silent()).models, strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3)


def test_where_no_row_is_finite_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="rows that are whole and finite; found 0 of 3,000"):
        fitted(ArraySource.of(np.full_like(X, np.nan)), allowed=DROP)


def test_fewer_rows_than_components_are_refused_once_others_are_dropped() -> None:
    rows = np.full_like(X, np.nan)
    rows[:2] = X[:2]
    with pytest.raises(DataError, match="at least 3 rows that are whole and finite; found 2 of"):
        fitted(ArraySource.of(rows), allowed=DROP)
