"""One call at a time writes predictions, and nothing of another one gets into them."""

import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Source
from dask_gmm.errors import OutputError, OutputExistsError
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.lease import Lease
from dask_gmm.workflows.describe import describe_rows
from dask_gmm.workflows.describe_store import describe_store
from tests.workflows.predicting import (
    DENSITY,
    EVERYTHING,
    OTHER,
    ROWS,
    RUNNER,
    Failing,
    Forbidden,
    left_aside,
    same,
    store,
    stored,
)
from tests.workflows.predicting import data as data
from tests.workflows.predicting import source as source


@pytest.mark.parametrize("density", [DENSITY, OTHER], ids=["the same", "another model"])
@pytest.mark.parametrize("kind", ["stored", "memory"])
def test_a_second_call_at_once_is_refused_and_harms_nothing(
    density: JointDensity, kind: str, source: Source, tmp_path: Path
) -> None:
    rows, out = (source if kind == "stored" else ArraySource.of(ROWS)), tmp_path / "out"

    class Meanwhile(ThreadRunner):
        def run(self, *args: Any) -> Reading:
            for overwrite in (False, True):
                with pytest.raises(OutputError, match=rf"writes {out}, found another .* Wait"):
                    describe_store(rows, density, EVERYTHING, out, RUNNER, overwrite=overwrite)
            return super().run(*args)

    describe_store(rows, DENSITY, EVERYTHING, out, Meanwhile(2))
    same(stored(out), describe_rows(rows, DENSITY, EVERYTHING, RUNNER))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out"]


def test_what_another_call_finished_meanwhile_is_left_alone(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends after this call has looked for it, and before this one is the only writer."""
    out = tmp_path / "out"

    def after_another(path: Path) -> AbstractContextManager[Lease]:
        monkeypatch.undo()
        store(source, path)
        return only_writer(path)

    monkeypatch.setattr("dask_gmm.workflows.describe_store.only_writer", after_another)
    describe_store(source, DENSITY, EVERYTHING, out, Forbidden())
    same(stored(out), describe_rows(source, DENSITY, EVERYTHING, RUNNER))


def test_chunks_of_another_model_are_not_published(source: Source, tmp_path: Path) -> None:
    """Somebody moves what a call about another model left to where this one writes."""
    out, other = tmp_path / "out", tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        describe_store(source, OTHER, EVERYTHING, other, Failing(2))
    left = left_aside(other)

    class Meddling(ThreadRunner):
        def run(self, *args: Any) -> Reading:
            wip = left_aside(out)
            shutil.rmtree(wip)
            left.rename(wip)
            return super().run(*args)

    with pytest.raises(OutputError, match=r"begun for, but .* are others by now\. Stop"):
        describe_store(source, DENSITY, EVERYTHING, out, Meddling(2))
    assert not out.exists()


def test_predictions_that_are_moved_away_while_they_are_looked_at_are_not_there(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a call that replaces them: they are read once, and then others are looked for."""
    out, real = store(source, tmp_path / "out"), Path.read_bytes

    def read_and_move(path: Path) -> bytes:
        found = real(path)
        if path == out / "zarr.json":
            monkeypatch.undo()
            out.rename(tmp_path / "replaced")
        return found

    monkeypatch.setattr(Path, "read_bytes", read_and_move)
    with pytest.raises(OutputExistsError, match="some are missing"):
        store(source, out)
    assert store(source, out) == out
