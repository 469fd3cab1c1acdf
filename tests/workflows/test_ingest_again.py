"""Ingesting again: what is whole is kept, what is there is left alone, other sources are others."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.data import variables
from dask_gmm.errors import DataError, OutputExistsError
from dask_gmm.records.publish import aside
from tests.data.arrays import files_of
from tests.data.ingestible import FORMATS, some_rows, write
from tests.whole.refusals import says
from tests.workflows.ingesting import ROWS, array, make, stored
from tests.workflows.ingesting import folder as folder


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("damaged", [(), (3,), (0, 14), tuple(range(1, 15))])
def test_finished_chunks_are_kept_and_the_others_written(
    folder: Path, tmp_path: Path, name: str, damaged: tuple[int, ...]
) -> None:
    """As after a kill, or a power cut: what is not whole is read again, and nothing else."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    make(folder / name, whole, standardize=True)
    make(folder / name, out, standardize=True)
    before = files_of(out)
    out.rename(aside(out))
    for chunk in damaged:
        path = aside(out) / "x" / "c" / str(chunk) / "0"
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    made = make(folder / name, out, standardize=True)
    assert made.kept == 15 - len(damaged)
    assert files_of(out) == before
    assert stored(out) == stored(whole)


def test_what_was_kept_is_not_read_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    make(folder / "x.npy", out, standardize=True)
    out.rename(aside(out))

    def refuse(*_: object) -> Any:
        raise AssertionError("it is read")

    monkeypatch.setattr("dask_gmm.data.variables.VariablesTable.pieces", refuse)
    assert make(folder / "x.npy", out, standardize=True).kept == 15


@pytest.mark.parametrize(
    "knobs", [{"columns": (2, 1, 0)}, {"standardize": True}, {"nonfinite": "keep"}]
)
def test_what_was_left_by_another_request_is_replaced(
    folder: Path, tmp_path: Path, knobs: dict[str, Any]
) -> None:
    out = tmp_path / "out"
    make(folder / "x.npy", out, **knobs)
    out.rename(aside(out))
    made = make(folder / "x.npy", out)
    assert made.kept == 0
    assert array(out).tobytes() == some_rows(ROWS).tobytes()


def test_what_was_left_of_another_source_is_replaced(tmp_path: Path) -> None:
    source, out = write(tmp_path, "x.npy", some_rows(ROWS)), tmp_path / "out"
    make(source, out)
    out.rename(aside(out))
    np.save(source, some_rows(ROWS, seed=1))
    assert make(source, out).kept == 0
    assert array(out).tobytes() == some_rows(ROWS, seed=1).tobytes()


def test_what_is_there_of_the_same_source_is_left_alone(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = make(folder / "x.csv", out, standardize=True)
    again = make(folder / "x.csv", out, standardize=True)
    assert (first.done_before, again.done_before) == (False, True)
    assert {**again.to_json(), "done_before": False} == first.to_json()
    assert "nothing to do" in again.to_text()
    with pytest.raises(OutputExistsError):
        make(folder / "x.csv", out)
    assert not make(folder / "x.csv", out, overwrite=True).done_before


def test_a_source_that_was_written_again_is_another(tmp_path: Path) -> None:
    source, out = write(tmp_path, "x.npy", some_rows(ROWS)), tmp_path / "out"
    make(source, out)
    os.utime(source, (1, 1))
    with pytest.raises(OutputExistsError):
        make(source, out)


def test_a_source_that_changes_meanwhile_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = write(tmp_path, "x.npy", some_rows(ROWS)), tmp_path / "out"
    whole = variables.VariablesTable.pieces

    def touched(self: Any, start: int, stop: int | None) -> Any:
        yield from whole(self, start, stop)
        os.utime(source, (1, 1))

    monkeypatch.setattr(variables.VariablesTable, "pieces", touched)
    with pytest.raises(DataError) as refused:
        make(source, out)
    says(refused.value, source, "Stop what writes there")
    assert not out.exists()


def test_fewer_rows_than_were_counted_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = variables.VariablesTable.pieces
    monkeypatch.setattr(
        variables.VariablesTable, "pieces", lambda self, start, _: whole(self, start, ROWS - 1)
    )
    with pytest.raises(DataError) as refused:
        make(folder / "x.npy", tmp_path / "out")
    says(refused.value, folder / "x.npy", "ends 1 rows")
