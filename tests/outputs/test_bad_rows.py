"""No row without an answer gets one; what is held is projected."""

import pickle
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.questions import Score, Scored
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import GroupTarget, MemoryTarget, Target
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.fold import BadRowError, Fold, Workspace, measure, tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from tests.outputs.describing import (
    DENSITY,
    EVERYTHING,
    N_FEATURES,
    NUMBERS,
    OUTPUTS,
    ROWS,
    K,
    answer,
    reference,
)
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory


def bad_rows() -> Iterator[tuple[float, str]]:
    yield np.nan, "finite"
    yield np.inf, "finite"
    yield -np.inf, "finite"
    yield 1e200, "too far"


@pytest.mark.parametrize(("value", "said"), list(bad_rows()))
@pytest.mark.parametrize(
    "wanted",
    [Wanted(labels=True), Wanted(log_density=True), Wanted(top=1), Wanted(below=0.0)],
    ids=str,
)
def test_a_row_without_an_answer_gets_none(wanted: Wanted, value: float, said: str) -> None:
    rows, row, column = ROWS.copy(), tile_rows(N_FEATURES) + 100, 17
    rows[row, column] = value
    arrays = {each.name: each.empty(len(rows)) for each in wanted.outputs(K, NUMBERS)}
    describe: Fold = Describe(DENSITY, wanted, MemoryTarget(arrays))
    score: Fold = Score(DENSITY)
    for fold in (describe, score):
        with pytest.raises(BadRowError) as caught:
            answer(fold, regular_layout(len(rows), 700), rows)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (again.row, again.column) == (row, column)
        error = again.named(lambda row, column: f"row {row}, column {column}")
        assert isinstance(error, DataError)
        assert said in str(error)
        assert f"row {row}, column {column}" in str(error)


def test_a_bad_row_comes_back_from_any_runner(runner: Runner) -> None:
    rows = ROWS.copy()
    rows[1000, 3] = np.nan
    with pytest.raises(BadRowError) as caught:
        runner.run(RowsInMemory.of(rows, 200), [Score(DENSITY)], Silent())
    assert (caught.value.row, caught.value.column) == (1000, 3)


def test_rows_far_off_have_answers_as_long_as_their_density_is_a_number() -> None:
    rows = ROWS[:3] * np.array([[1.0], [1e80], [1e140]])
    arrays = {each.name: each.empty(3) for each in OUTPUTS}
    answer(Describe(DENSITY, EVERYTHING, MemoryTarget(arrays)), regular_layout(3, 3), rows)
    np.testing.assert_allclose(
        arrays["log_density"], reference().score_samples(rows), rtol=1e-12, atol=0
    )
    assert np.array_equal(arrays["probabilities"].sum(axis=1), np.ones(3))


def test_the_score_is_the_mean_log_density_however_it_is_added(runner: Runner) -> None:
    (scored,) = runner.run(RowsInMemory.of(ROWS, 100), [Score(DENSITY)], Silent())
    (alone,) = ThreadRunner(1).run(RowsInMemory.of(ROWS, 100), [Score(DENSITY)], Silent())
    assert isinstance(scored, Scored)
    assert (scored.rows, scored.log_likelihood) == (len(ROWS), alone.log_likelihood)
    assert scored.log_likelihood / len(ROWS) == pytest.approx(reference().score(ROWS), rel=1e-12)


def described_bytes(density: JointDensity, wanted: Wanted, target: Target) -> tuple[int, int]:
    """Peak and projected bytes of describing one leaf."""
    n_features = len(density.frame.shift)
    fold = Describe(density, wanted, target)
    rows = np.random.default_rng(0).standard_normal((2 * tile_rows(n_features), n_features))
    source = RowsInMemory.of(rows, len(rows))
    with ONE_THREAD:
        tracemalloc.start()
        try:
            measure([fold], source.read(0), Workspace())
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return peak, fold.tile_bytes(n_features)


@pytest.mark.parametrize("name", ["full", "diag"])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (3, 2), (64, 5), (200, 2), (4, 60)])
@pytest.mark.parametrize("wanted", [EVERYTHING, Wanted(labels=True)], ids=str)
def test_what_is_held_is_less_than_projected(
    tmp_path: Path, name: str, k: int, d: int, wanted: Wanted
) -> None:
    factors = np.ones((k, d)) if name == "diag" else np.stack([np.eye(d)] * k)
    means = np.random.default_rng(1).standard_normal((k, d))
    density = scoring_density(np.full(k, 1 / k), means, factors, name)
    wanted = replace(wanted, top=min(k, wanted.top))
    rows = 2 * tile_rows(d)
    specs = (
        ArraySpec(o.name, o.shape(rows), str(o.dtype), rows // 2)
        for o in wanted.outputs(k, np.dtype(np.int16))
    )
    sink = Sink(tmp_path, tuple(specs))
    sink.create({})
    for _ in ("written", "found"):
        peak, projected = described_bytes(density, wanted, GroupTarget(sink))
        assert peak < projected


def test_what_cannot_be_wanted_is_refused() -> None:
    with pytest.raises(InputError, match="found nothing asked for"):
        Wanted()
    with pytest.raises(InputError, match="found -1 as top"):
        Wanted(top=-1)
    with pytest.raises(InputError, match="found nan as below"):
        Wanted(below=np.nan)
    with pytest.raises(InputError, match="number of components, 5, found 6"):
        Wanted(top=6).outputs(K, NUMBERS)
