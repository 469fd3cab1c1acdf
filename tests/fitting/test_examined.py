"""What is said of rows at once is what scikit-learn says of each, however it is added."""

import math
import tracemalloc

import numpy as np
import pytest

from dask_gmm.fitting.examined import Examine, Examined
from dask_gmm.passes.fold import Workspace, measure, tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from tests.outputs.describing import BELOW, DENSITY, ROWS, K, reference
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory

FOLD = Examine(DENSITY, -60.0, BELOW)


def examined(rows: np.ndarray, runner: Runner, fold: Examine = FOLD) -> Examined:
    (found,) = runner.run(RowsInMemory.of(rows, 100), [fold], Silent())
    assert isinstance(found, Examined)
    return found


def test_it_is_what_scikit_learn_says(runner: Runner) -> None:
    found, model = examined(ROWS, runner), reference()
    values = model.score_samples(ROWS)
    assert found.rows == len(ROWS)
    assert found.mean == pytest.approx(values.mean() + 60.0, rel=1e-9)
    assert found.standard_error == pytest.approx(values.std(ddof=1) / len(ROWS) ** 0.5, rel=1e-9)
    mass = model.predict_proba(ROWS).sum(axis=0)
    np.testing.assert_allclose(found.responsibilities, mass, rtol=1e-9)
    assert found.below == np.sum(values < BELOW)


def test_it_has_the_same_bytes_from_any_runner(runner: Runner) -> None:
    found, alone = examined(ROWS, runner), examined(ROWS, ThreadRunner(1))
    assert (found.above, found.squares, found.below) == (alone.above, alone.squares, alone.below)
    assert found.responsibilities.tobytes() == alone.responsibilities.tobytes()


def test_from_where_log_densities_are_measured_changes_nothing_else() -> None:
    fold = Examine(DENSITY, 1e5)
    found, usual = (examined(ROWS, ThreadRunner(1), each) for each in (fold, FOLD))
    assert found.mean + 1e5 == pytest.approx(usual.mean - 60.0, rel=1e-9)
    assert found.standard_error == pytest.approx(usual.standard_error, rel=1e-4)
    assert found.below == 0


def test_a_single_row_has_no_standard_error() -> None:
    assert examined(ROWS[:1], ThreadRunner(1)).standard_error is None


def test_rows_that_count_less_than_two_have_none() -> None:
    """Their weights may be shares of a sum, which rounding makes a little more than 1."""
    few, more = (Examined(9, mass, 0.0, 9.0, np.ones(1), 0) for mass in (1.0 + 2**-52, 9.0))
    assert few.standard_error is None
    assert more.standard_error == pytest.approx(8**-0.5)


def test_rows_as_far_off_as_numbers_go_have_none_either() -> None:
    found = examined(ROWS[:4] * np.array([[1.0], [1.0], [1.0], [1e120]]), ThreadRunner(1))
    assert math.isfinite(found.mean)
    assert found.standard_error is None
    assert found.responsibilities.sum() == pytest.approx(4)


def test_what_is_held_is_projected() -> None:
    n_features = ROWS.shape[1]
    source = RowsInMemory.of(ROWS[: tile_rows(n_features)], tile_rows(n_features))
    with ONE_THREAD:
        tracemalloc.start()
        try:
            measure([FOLD], source.open().read(0), Workspace())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert 0.5 * FOLD.tile_bytes(n_features) < peak <= FOLD.tile_bytes(n_features)
    assert len(FOLD.density.constants) == K
