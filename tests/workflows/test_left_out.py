"""Rows that a fit leaves out: those of bad chunks, and those that are not finite."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
import pytest
import zarr
from distributed import Client
from scipy.stats import multivariate_normal

from dask_gmm.data import blocks
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.manifest import write_digests
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Layout, Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, InputError, LostRowsError
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.sample import row_keys
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes import distributed_runner, runner
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.fold import Tile, Workspace
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import DataWarning, FitOutcome, fit_rows
from dask_gmm.workflows.left_out import NOTHING, Allowed, LeftOut
from tests.data.arrays import CODECS, DAMAGES, chunk_file, digests_of
from tests.records.stored import differences
from tests.workflows.resuming import (
    ONE,
    TWO,
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    resumed,
    small_levels,
)

CHUNK_ROWS = 100
DAMAGED = 7
GOOD = np.arange(len(X)) // CHUNK_ROWS != DAMAGED
START = Mixture.of([0.5, 0.3, 0.2], X[:3], np.stack([np.eye(3)] * 3))
GIVEN = Spec(3, start=START, max_iter=5, tol=0.0)
FAST = Spec(3, solver="fast", init=MERGE, tol=None)
SKIP, DROP = Allowed(0.05), Allowed(nonfinite=True)
BOTH = Allowed(0.05, nonfinite=True)

pytestmark = pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of 200, 600 and all rows, and three chunks in a leaf."""
    small_levels(monkeypatch)
    monkeypatch.setattr(blocks, "LEAF_BYTES", 3 * CHUNK_ROWS * X.shape[1] * X.itemsize)


def written(
    group: Path, kind: str = "crc32c", rows: npt.NDArray[Any] = X, damage: str | None = None
) -> Path:
    """Rows with digests, of which a chunk is damaged then."""
    options: dict[str, Any] = {"chunks": (CHUNK_ROWS, rows.shape[1])} | CODECS[kind]
    if "shards" in options:
        options |= {"chunks": (20, rows.shape[1]), "shards": (CHUNK_ROWS, rows.shape[1])}
    array = zarr.open_group(group).create_array("x", shape=rows.shape, dtype=rows.dtype, **options)
    array[...] = rows
    write_digests(group, "x", digests_of(open_source(group)).reshape(-1, 1))
    if damage:
        DAMAGES[damage](chunk_file(group / "x", DAMAGED))
    return group / "x"


def fitted(
    source: Source, spec: Spec = GIVEN, allowed: Allowed = SKIP, on: Runner = TWO
) -> FitOutcome:
    return fit_rows(allowed.of(source), spec, 1, on, Silent(), allowed=allowed)


def fitted_at(path: Path, spec: Spec = GIVEN, allowed: Allowed = SKIP) -> FitOutcome:
    return fitted(open_source(path), spec, allowed)


def same_to(a: FitOutcome, b: FitOutcome, tolerance: float) -> None:
    ours, others = a.model, b.model
    assert ours.rows == others.rows
    assert np.allclose(ours.means, others.means, rtol=0, atol=tolerance)
    assert np.allclose(ours.covariances, others.covariances, rtol=0, atol=tolerance)
    assert np.allclose(ours.log_likelihoods, others.log_likelihoods, rtol=0, atol=tolerance)
    assert ours.bic == pytest.approx(others.bic, rel=tolerance)


def same_bytes(a: FitOutcome, b: FitOutcome) -> None:
    assert list(differences(a.model, b.model)) == []
    assert list(differences(a.survey.sample, b.survey.sample)) == []


@pytest.fixture
def runners(client: Client) -> tuple[Runner, ...]:
    return ONE, ThreadRunner(3), DistributedRunner(client)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", CODECS)
def test_a_fit_without_a_bad_chunk_is_that_of_the_other_rows(
    kind: str, damage: str, tmp_path: Path
) -> None:
    outcome = fitted_at(written(tmp_path / "g", kind, damage=damage))
    same_to(outcome, fitted(ArraySource.of(X[GOOD]), allowed=NOTHING), 1e-10)
    (bad,) = outcome.survey.bad_chunks
    assert (bad.key, bad.start, bad.stop) == ("c/7/0", 700, 800)
    assert outcome.survey.skipped_rows == 100
    assert outcome.survey.summary.bad_rows == 0


@pytest.mark.parametrize("spec", [GIVEN, FAST], ids=["given", "fast"])
@pytest.mark.parametrize("damage", ["absent", "flipped"])
def test_the_bytes_depend_on_neither_runner_nor_tasks(
    runners: Sequence[Runner],
    spec: Spec,
    damage: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = open_source(written(tmp_path / "g", damage=damage))
    expected = fitted(source, spec)
    for tasks in (1, 3, 1000):
        for module in (runner, distributed_runner):
            monkeypatch.setattr(module, "tasks_wanted", lambda *asked, n=tasks: n)
        for each in runners:
            same_bytes(fitted(source, spec, on=each), expected)


def test_where_nothing_is_bad_the_bytes_are_those_of_a_fit_that_leaves_out_nothing(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "g")
    for spec in (GIVEN, FAST):
        expected = fitted_at(path, spec, NOTHING)
        for allowed in (SKIP, DROP, BOTH):
            outcome = fitted_at(path, spec, allowed)
            same_bytes(outcome, expected)
            assert not outcome.survey.leaves_out


def test_bad_chunks_and_rows_are_told_of(tmp_path: Path) -> None:
    rows = X.copy()
    rows[5, 1], rows[1234] = np.nan, np.inf
    path = written(tmp_path / "g", rows=rows, damage="absent")
    with pytest.warns(DataWarning) as told:
        outcome = fitted_at(path, allowed=BOTH)
    texts = (
        f"1 bad chunk of {path} skipped, with 100 of 3,000 rows: c/7/0 is missing",
        f"2 of 3,000 rows of {path} left out, which are not finite, the first at row 5, column 1, "
        f"in chunk c/0/0 (rows 0 to 100 of {path})",
    )
    assert tuple(str(each.message) for each in told) == texts
    assert outcome.warnings == texts
    assert outcome.model.rows == 3000 - 100 - 2


def test_what_may_not_be_left_out_is_an_error(tmp_path: Path) -> None:
    rows = X.copy()
    rows[5, 1] = np.nan
    path = written(tmp_path / "g", rows=rows, damage="absent")
    with pytest.raises(DataError, match=r"chunk c/7/0 \(rows 700 to 800 of .* is missing"):
        fitted_at(path, allowed=DROP)
    with pytest.raises(DataError, match=r"NaN or infinity in 1 of 3,000 rows, the first at row 5"):
        fitted_at(path, allowed=SKIP)


def test_the_first_row_that_is_not_finite_is_none_of_a_bad_chunk(tmp_path: Path) -> None:
    rows = X.copy()
    rows[2000, 2] = np.inf
    path = written(tmp_path / "g", rows=rows, damage="truncated")
    with pytest.raises(DataError, match=r"in 1 of 3,000 rows, the first at row 2,000, column 2"):
        fitted_at(path)


def test_too_many_bad_chunks_are_refused_and_the_first_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "g")
    for chunk in (3, 5, 6, 29):
        DAMAGES["absent"](chunk_file(path, chunk))
    found = (
        r"at most 0.1 of the rows with them; found 4 bad chunks with 400 of 3,000 rows of .*: "
        r"c/3/0 is missing, c/5/0 is missing, c/6/0 is missing, and 1 more\. Restore"
    )
    with pytest.raises(DataError, match=found):
        fitted_at(path, allowed=Allowed(0.1))
    assert fitted_at(path, allowed=Allowed(0.14)).model.rows == 2600


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_where_all_chunks_are_bad_there_is_nothing_to_fit(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "g")
    for chunk in range(30):
        DAMAGES["empty"](chunk_file(path, chunk))
    found = "at least 3 rows that are whole and finite; found 0 of 3,000"
    with pytest.raises(DataError, match=found if share == 1 else "30 bad chunks with 3,000"):
        fitted_at(path, allowed=Allowed(share))


def test_rows_that_are_not_stored_have_no_chunks_to_skip() -> None:
    for source in (ArraySource.of(X), DaskSource.of(da.from_array(X))):
        with pytest.raises(InputError, match="Wanted rows in zarr for on_bad_chunk skip"):
            SKIP.of(source)


def holed(share: float = 0.1, seed: int = 0) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Rows some of which are not finite, and marks of the others."""
    generator = np.random.default_rng(seed)
    rows, bad = X.copy(), generator.random(len(X)) < share
    values = generator.choice([np.nan, np.inf, -np.inf], bad.sum())
    rows[bad, generator.integers(0, X.shape[1], bad.sum())] = values
    return rows, ~bad


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
    order = np.argsort(row_keys(0, 0, len(X)))
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


def test_where_no_row_is_finite_there_is_nothing_to_fit() -> None:
    with pytest.raises(DataError, match="rows that are whole and finite; found 0 of 3,000"):
        fitted(ArraySource.of(np.full_like(X, np.nan)), allowed=DROP)


def test_fewer_rows_than_components_are_refused_once_others_are_dropped() -> None:
    rows = np.full_like(X, np.nan)
    rows[:2] = X[:2]
    with pytest.raises(DataError, match="at least 3 rows that are whole and finite; found 2 of"):
        fitted(ArraySource.of(rows), allowed=DROP)


@pytest.mark.parametrize("spec", [Spec(3, max_iter=4, tol=1e-6), FAST], ids=["em", "fast"])
def test_a_fit_that_left_rows_out_goes_on_with_the_same_bytes(spec: Spec, tmp_path: Path) -> None:
    path = written(tmp_path / "g", rows=holed(0.05)[0], damage="absent")
    source = BOTH.of(open_source(path))
    undisturbed: list[Checkpoint] = checkpoints(spec, source=source, allowed=BOTH)
    assert undisturbed[0].survey.leaves_out
    assert_same(undisturbed, list(interrupted_after_each(undisturbed[0], source)))


def test_a_chunk_that_was_skipped_stays_so_when_it_is_restored(tmp_path: Path) -> None:
    path = written(tmp_path / "g")
    file = chunk_file(path, DAMAGED)
    whole = file.read_bytes()
    file.unlink()
    source = SKIP.of(open_source(path))
    kept = checkpoints(GIVEN, source=source, allowed=SKIP)
    expected = fitted_at(path)
    file.write_bytes(whole)
    for each in (source, open_source(path)):
        with pytest.warns(DataWarning, match="1 bad chunk of .* skipped"):
            outcome = resumed(kept[1], each)
        assert list(differences(outcome.model, expected.model)) == []
        assert list(differences(outcome.survey, expected.survey)) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_chunk_that_was_whole_must_be_so_when_a_fit_goes_on(tmp_path: Path, damage: str) -> None:
    source = SKIP.of(open_source(written(tmp_path / "g", damage="flipped")))
    kept = checkpoints(GIVEN, source=source, allowed=SKIP)
    DAMAGES[damage](chunk_file(tmp_path / "g" / "x", 4))
    with pytest.raises(LostRowsError, match=r"must stay so, but chunk c/4/0 .*goes on\."):
        resumed(kept[1], source)


def test_what_was_left_out_is_said_in_the_numbers_of_the_array(tmp_path: Path) -> None:
    source = open_source(written(tmp_path / "g", damage="absent"), rows=slice(250, 2990))
    outcome = fitted(source)
    left_out = LeftOut.of(source, outcome.survey)
    assert left_out.to_json() == {
        "bad_chunks": [{"chunk": "c/7/0", "rows": [700, 800], "cause": "is missing"}],
        "skipped_rows": 100,
        "dropped_rows": 0,
    }
    assert LeftOut.kept_in(left_out.to_json()).to_json() == left_out.to_json()
    assert left_out.to_text() == ("left out: 100 rows of 1 bad chunk",)
    assert isinstance(source, ZarrSource)
    assert outcome.survey.bad_chunks[0].start == 700 - 250
