"""A fit leaves out the rows of bad chunks that its first pass finds, and no others."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import dask.array as da
import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import DataError, InputError, LostRowsError
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes import distributed_runner, runner
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import DataWarning, resume_rows
from dask_gmm.workflows.left_out import NOTHING, Allowed, LeftOut
from dask_gmm.workflows.sources import rows_for
from tests.data.arrays import CODECS, DAMAGES, chunk_file
from tests.records.stored import differences
from tests.workflows.leaving import (
    BOTH,
    DAMAGED,
    DROP,
    FAST,
    GIVEN,
    GOOD,
    SKIP,
    fitted,
    fitted_at,
    holed,
    same_bytes,
    same_to,
    written,
)
from tests.workflows.leaving import runners as runners
from tests.workflows.leaving import small as small
from tests.workflows.resuming import (
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    resumed,
)

pytestmark = pytest.mark.filterwarnings("ignore::dask_gmm.workflows.fit_rows.DataWarning")


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


@pytest.mark.parametrize(
    ("spec", "damage"),
    [
        (GIVEN, "absent"),
        pytest.param(GIVEN, "flipped", marks=pytest.mark.slow),
        pytest.param(FAST, "absent", marks=pytest.mark.slow),
        (FAST, "flipped"),
    ],
    ids=["given, absent", "given, flipped", "fast, absent", "fast, flipped"],
)
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
        with pytest.raises(InputError, match="Wanted stored rows for on_bad_chunk skip"):
            SKIP.of(source)


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


def test_a_fit_goes_on_over_rows_that_are_held(runners: Sequence[Runner], tmp_path: Path) -> None:
    source = SKIP.of(open_source(written(tmp_path / "g", damage="absent")))
    kept = checkpoints(GIVEN, source=source, allowed=SKIP)
    expected = fitted(source)
    for each in runners:
        with rows_for(source, each, "memory") as rows, warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            outcome = resume_rows(rows, kept[1], each, Silent())
        assert list(differences(outcome.model, expected.model)) == []


def test_what_was_left_out_is_said_in_the_numbers_of_the_array(tmp_path: Path) -> None:
    source = open_source(written(tmp_path / "g", damage="absent"), rows=slice(250, 2990))
    outcome = fitted(source)
    left_out = LeftOut.of(source, outcome.survey)
    assert left_out.to_json() == {
        "bad_chunks": [{"chunk": "c/7/0", "rows": [700, 800], "cause": "is missing"}],
        "skipped_rows": 100,
        "dropped_rows": 0,
        "empty_rows": 0,
    }
    assert LeftOut.kept_in(left_out.to_json()).to_json() == left_out.to_json()
    assert left_out.to_text() == ("left out: 100 rows of 1 bad chunk",)
    assert isinstance(source, ZarrSource)
    assert outcome.survey.bad_chunks[0].start == 700 - 250
