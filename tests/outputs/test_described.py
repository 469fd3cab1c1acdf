"""What is said of rows: the same in memory, in a group and block by block."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_gmm.data.blocks import regular_layout
from dask_gmm.mixture.scoring import scoring_density
from dask_gmm.outputs.described import Describe
from dask_gmm.outputs.shelves import BlockTarget, GroupTarget, MemoryTarget, Written
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.fold import Workspace, measure
from dask_gmm.passes.threads import ONE_THREAD
from tests.data.arrays import folder_of
from tests.outputs.describing import (
    BELOW,
    DENSITY,
    EVERYTHING,
    NUMBERS,
    OUTPUTS,
    ROWS,
    TOP,
    K,
    answer,
    in_memory,
    parameters,
    reference,
    same,
    sink_for,
    stored,
)
from tests.passes.conftest import client as client
from tests.passes.conftest import runner as runner
from tests.passes.rows import RowsInMemory


def test_it_is_what_scikit_learn_says() -> None:
    found = in_memory(regular_layout(len(ROWS), 1000))
    model = reference()
    probabilities = model.predict_proba(ROWS)
    assert np.array_equal(found["labels"], model.predict(ROWS))
    np.testing.assert_allclose(found["probabilities"], probabilities, atol=1e-10)
    np.testing.assert_allclose(found["log_density"], model.score_samples(ROWS), rtol=1e-10)
    assert np.array_equal(found["anomaly"], model.score_samples(ROWS) < BELOW)
    assert 0.1 < found["anomaly"].mean() < 0.4
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
        Wanted(below=BELOW),
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


@given(st.integers(20, 400), st.integers(1, 5))
@settings(deadline=None, max_examples=10)
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
    same(stored(folder_of(sink)), expected)
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
