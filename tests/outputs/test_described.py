"""What is said of rows: the same in memory, in a group and block by block; never of a bad row."""

import pickle
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.groups import open_written
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.data.source import Layout
from dask_gmm.errors import DataError, InputError
from dask_gmm.fitting.questions import Score, Scored
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import BlockTarget, GroupTarget, MemoryTarget, Target, Written
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.fold import BadRowError, Fold, Workspace, measure, tile_rows
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.passes.tree import fold_in_order
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory

Values = dict[str, npt.NDArray[Any]]

# So many columns that a tile is small: 512 rows.
N_FEATURES, K, TOP = 40, 5, 3
EVERYTHING = Wanted(labels=True, probabilities=True, log_density=True, top=TOP)
NUMBERS = np.dtype(np.int8)
OUTPUTS = EVERYTHING.outputs(K, NUMBERS)


def parameters() -> tuple[Array, Array, Array]:
    generator = np.random.default_rng(3)
    weights = generator.dirichlet(np.full(K, 5.0))
    means = 0.5 * generator.standard_normal((K, N_FEATURES))
    return weights, means, 1 / np.sqrt(generator.uniform(0.5, 2, (K, N_FEATURES)))


DENSITY = scoring_density(*parameters(), "diag")
ROWS = np.random.default_rng(0).standard_normal((3 * tile_rows(N_FEATURES) + 77, N_FEATURES))


def reference() -> Any:
    model = GaussianMixture(K, covariance_type="diag")
    model.weights_, model.means_, model.precisions_cholesky_ = parameters()
    model.covariances_, model.converged_ = model.precisions_cholesky_**-2, True
    return model


def answer(fold: Fold, layout: Layout, rows: Array = ROWS, order: int = 1) -> Any:
    """Answer leaf by leaf, forward or backward, and add in the tree."""
    reader, answers = RowsInMemory(rows, layout), {}
    with ONE_THREAD:
        for index in range(len(layout))[::order]:
            (answers[index],) = measure([fold], reader.read(index), Workspace())
    return fold_in_order(answers[index] for index in sorted(answers))


def in_memory(layout: Layout, wanted: Wanted = EVERYTHING, order: int = 1) -> Values:
    arrays = {each.name: each.empty(layout.rows) for each in wanted.outputs(K, NUMBERS)}
    answer(Describe(DENSITY, wanted, MemoryTarget(arrays)), layout, order=order)
    return arrays


def same(found: Values, wanted: Values) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name].tobytes() == values.tobytes(), name


def sink_for(folder: Path, n_rows: int, chunk_rows: int) -> Sink:
    specs = (ArraySpec(o.name, o.shape(n_rows), str(o.dtype), chunk_rows) for o in OUTPUTS)
    sink = Sink(folder, tuple(specs))
    sink.create({})
    return sink


def stored(folder: Path) -> Values:
    return {each.name: np.asarray(open_written(folder, each.name)[...]) for each in OUTPUTS}


def test_it_is_what_scikit_learn_says() -> None:
    found = in_memory(regular_layout(len(ROWS), 1000))
    model = reference()
    probabilities = model.predict_proba(ROWS)
    assert np.array_equal(found["labels"], model.predict(ROWS))
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-10)
    np.testing.assert_allclose(found["log_density"], model.score_samples(ROWS), rtol=1e-10)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :TOP]
    assert np.array_equal(found["top_components"], order)
    np.testing.assert_allclose(
        found["top_probabilities"], np.take_along_axis(probabilities, order, 1), atol=1e-10
    )


def test_what_is_asked_for_twice_is_said_once() -> None:
    found = in_memory(regular_layout(len(ROWS), 1000))
    assert np.array_equal(found["top_components"][:, 0], found["labels"])
    own = np.take_along_axis(found["probabilities"], found["top_components"].astype(int), 1)
    assert own.tobytes() == found["top_probabilities"].tobytes()


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(labels=True),
        Wanted(probabilities=True),
        Wanted(log_density=True),
        Wanted(top=TOP),
        Wanted(labels=True, top=TOP),
        Wanted(log_density=True, probabilities=True),
    ],
    ids=str,
)
def test_any_part_of_it_is_the_same(wanted: Wanted) -> None:
    layout = regular_layout(len(ROWS), 1000)
    every = in_memory(layout)
    names = [each.name for each in wanted.outputs(K, NUMBERS)]
    same(in_memory(layout, wanted), {name: every[name] for name in names})


@given(st.integers(1, 400), st.integers(1, 5))
@settings(deadline=None, max_examples=20)
def test_it_is_the_same_in_memory_in_a_group_and_block_by_block(
    tmp_path_factory: pytest.TempPathFactory, chunk_rows: int, chunks: int
) -> None:
    layout = regular_layout(len(ROWS), chunk_rows * chunks)
    expected = in_memory(layout)
    same(in_memory(layout, order=-1), expected)
    sink = sink_for(tmp_path_factory.mktemp("group"), len(ROWS), chunk_rows)
    fold = pickle.loads(pickle.dumps(Describe(DENSITY, EVERYTHING, GroupTarget(sink))))
    written: Written = answer(fold, layout, order=-1)
    sink.finalize(written.digests)
    assert written.kept == 0
    same(stored(sink.path), expected)
    reader, fold = RowsInMemory(ROWS, layout), Describe(DENSITY, EVERYTHING, BlockTarget(OUTPUTS))
    with ONE_THREAD:
        parts = [measure([fold], reader.read(i), Workspace())[0] for i in range(len(layout))]
    same({name: np.concatenate([part[name] for part in parts]) for name in expected}, expected)


def broken(path: Path, damage: str) -> None:
    content = path.read_bytes()
    if damage == "lost":
        path.unlink()
    elif damage == "half":
        path.write_bytes(content[: len(content) // 2])
    else:
        path.write_bytes(content[:10] + bytes([content[10] ^ 1]) + content[11:])


@pytest.mark.parametrize("name", [each.name for each in OUTPUTS])
@pytest.mark.parametrize("damage", ["lost", "half", "flipped"])
def test_only_what_is_not_finished_is_described_again(
    tmp_path: Path, name: str, damage: str
) -> None:
    chunk_rows, layout = 100, regular_layout(len(ROWS), 600)
    sink = sink_for(tmp_path, len(ROWS), chunk_rows)
    fold = Describe(DENSITY, EVERYTHING, GroupTarget(sink))
    first: Written = answer(fold, layout)
    before = states(tmp_path)
    spec = next(spec for spec in sink.arrays if spec.name == name)
    broken(spec.path(tmp_path, 7), damage)
    again: Written = answer(fold, layout)
    after = states(tmp_path)
    redone = {spec.path(tmp_path, 7) for spec in sink.arrays}
    assert (first.kept, again.kept) == (0, spec.n_chunks - 1)
    assert {path: content for path, (_, content) in after.items()} == {
        path: content for path, (_, content) in before.items()
    }
    assert {path for path in after if after[path][0] != before[path][0]} <= redone
    same(dict(again.digests), dict(first.digests))


def states(folder: Path) -> dict[Path, tuple[int, bytes]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_ino, path.read_bytes()) for path in files}


def test_what_is_finished_is_not_computed() -> None:
    """A tile with a bad row is not looked at where all about it is there."""

    class Finished(MemoryTarget):
        def shelf(self, start: int, stop: int) -> "Finished":
            return self

        def lacks(self, start: int, stop: int) -> bool:
            return False

    rows = np.full_like(ROWS, np.nan)
    answer(Describe(DENSITY, EVERYTHING, Finished({})), regular_layout(len(rows), 1000), rows)


def bad_rows() -> Iterator[tuple[float, str]]:
    yield np.nan, "finite"
    yield np.inf, "finite"
    yield -np.inf, "finite"
    yield 1e200, "too far"


@pytest.mark.parametrize(("value", "said"), list(bad_rows()))
@pytest.mark.parametrize(
    "wanted", [Wanted(labels=True), Wanted(log_density=True), Wanted(top=1)], ids=str
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


def test_labels_alone_are_those_beside_log_densities_however_close() -> None:
    """Two components have twins nearer than float32 can tell, the others none so near."""
    weights, means, factors = parameters()
    apart = np.repeat([1e-5, 1.0], [2, K - 2])[:, None]
    beside = means + apart * np.random.default_rng(0).standard_normal(means.shape)
    density = scoring_density(
        np.concatenate([weights, weights]),
        np.concatenate([means, beside]),
        np.concatenate([factors, factors]),
        "diag",
    )
    found = []
    for wanted in (Wanted(labels=True), Wanted(labels=True, log_density=True)):
        arrays = {each.name: each.empty(len(ROWS)) for each in wanted.outputs(2 * K, NUMBERS)}
        fold = Describe(density, wanted, MemoryTarget(arrays))
        answer(fold, regular_layout(len(ROWS), 1000))
        found.append(arrays["labels"])
    assert np.array_equal(found[0], found[1])


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
    with pytest.raises(InputError, match="number of components, 5, found 6"):
        Wanted(top=6).outputs(K, NUMBERS)
