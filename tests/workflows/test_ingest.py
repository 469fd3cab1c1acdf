"""Ingesting: the same bytes from every format and after every interruption, and what is kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dask_gmm.data import tables, variables
from dask_gmm.data.open import open_source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import (
    DataError,
    InputError,
    MemoryLimitError,
    OutputExistsError,
)
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.workflows.drawing import usual_chunk_rows
from dask_gmm.workflows.ingest import ingest
from dask_gmm.workflows.inspect import inspect
from dask_gmm.workflows.requests import IngestRequest
from tests.data.arrays import files_of
from tests.data.ingestible import FORMATS, NAMES, TABLES, some_rows, write
from tests.whole.refusals import says
from tests.workflows.ingesting import ROWS, array, facts_of, make, stored
from tests.workflows.ingesting import folder as folder


@pytest.mark.parametrize("standardize", [False, True])
def test_the_same_rows_give_the_same_bytes_from_every_format(
    folder: Path, tmp_path: Path, standardize: bool
) -> None:
    found = []
    for name in FORMATS:
        make(folder / name, tmp_path / name, standardize=standardize)
        found.append(stored(tmp_path / name))
    assert all(each == found[0] for each in found)


def test_a_group_is_read_back_with_every_chunk_compared(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    result = make(folder / "x.parquet", out)
    source = open_source(out)
    assert isinstance(source, ZarrSource)
    assert source.verified
    assert array(out).tobytes() == some_rows(ROWS).tobytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["x.zarr"]
    told = json.loads(json.dumps(result.to_json()))
    assert (told["rows"], told["features"], told["dtype"]) == (ROWS, 3, "float64")
    assert (told["chunks"], told["chunk_rows"], told["chunks_kept"]) == (15, 70, 0)
    assert (told["columns"], told["standardization"]) == (list(NAMES), None)
    assert told["source"]["path"] == str(folder / "x.parquet")
    text = result.to_text()
    assert "1,000 rows x 3 columns of float64" in text
    assert "columns: a, b, c" in text


def test_the_attributes_say_what_was_asked_of_what(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.zarr"
    make(folder / "files", out, columns=("c", 0))
    facts = facts_of(out)
    assert (facts["format"], facts["version"]) == ("ingested", 1)
    assert facts["settings"] == {
        "array": None,
        "variables": None,
        "columns": ["c", 0],
        "chunk_rows": 70,
        "standardize": False,
        "nonfinite": "error",
        "missing_chunks": "error",
    }
    assert (facts["columns"], facts["rows"], facts["features"]) == (["c", "a"], ROWS, 2)
    assert (facts["source"]["format"], facts["source"]["files"]) == ("parquet", 5)
    assert {"python", "numpy", "zarr", "dask-gmm", "pyarrow"} <= set(facts["versions"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(data=st.data())
def test_neither_chunks_nor_pieces_change_a_row(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(list(FORMATS)))
    out = tmp_path_factory.mktemp("out") / "x.zarr"
    with pytest.MonkeyPatch.context() as patch:
        for module in (tables, variables):
            patch.setattr(module, "PIECE_BYTES", data.draw(st.integers(24, 30_000)))
        chunk_rows = data.draw(st.integers(1, 2 * ROWS))
        made = make(folder / name, out, chunk_rows=chunk_rows, standardize=True)
    summary = summarize(some_rows(ROWS))
    wanted = (some_rows(ROWS) - summary.mean) / np.sqrt(summary.variance)
    assert array(out).tobytes() == wanted.tobytes()
    assert made.facts["standardization"]["mean"] == summary.mean.tolist()
    assert made.facts["chunk_rows"] == min(chunk_rows, ROWS)


def test_statistics_do_not_depend_on_chunks_where_they_are_of_many_blocks(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dask_gmm.workflows.ingest_rows.SUMMED_AT_ONCE", 100)
    told = [
        make(folder / name, tmp_path / f"{name}{rows}", chunk_rows=rows, standardize=True).facts
        for name in ("x.parquet", "x.npy")
        for rows in (7, 500)
    ]
    assert len({json.dumps(each["standardization"]) for each in told}) == 1
    rows = some_rows(ROWS)
    assert told[0]["standardization"]["mean"] == pytest.approx(rows.mean(axis=0), abs=1e-15)
    assert told[0]["standardization"]["scale"] == pytest.approx(rows.std(axis=0), rel=1e-14)


def test_a_constant_column_is_centered_alone(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[1e9, 1.0], [1e9, 3.0]], np.float32))
    made = make(tmp_path / "x.npy", tmp_path / "x.zarr", standardize=True)
    assert made.facts["standardization"] == {"mean": [1e9, 2.0], "scale": [1.0, 1.0]}
    assert array(tmp_path / "x.zarr").tolist() == [[0.0, -1.0], [0.0, 1.0]]
    assert array(tmp_path / "x.zarr").dtype == np.float32
    assert "divided by" in made.to_text()


@pytest.mark.parametrize("values", [[[np.inf, np.nan]], [[1e300], [-1e300]]])
def test_what_has_no_deviation_is_not_standardized(tmp_path: Path, values: Any) -> None:
    np.save(tmp_path / "x.npy", np.array(values))
    with pytest.raises(DataError) as refused:
        make(tmp_path / "x.npy", tmp_path / "x.zarr", standardize=True, nonfinite="keep")
    says(refused.value, tmp_path / "x.npy", "standardize")
    assert not (tmp_path / "x.zarr").exists()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("standardize", [False, True])
def test_a_value_that_is_not_finite_is_refused_with_its_place_or_kept(
    tmp_path: Path, name: str, standardize: bool
) -> None:
    rows = some_rows(100)
    rows[71, 1] = np.nan
    source, out = write(tmp_path, name, rows), tmp_path / "out.zarr"
    with pytest.raises(DataError) as refused:
        make(source, out, standardize=standardize)
    files = {"files": "2.parquet", "parts": "part-1.csv"}
    row = 71 - 33 * (name in files)
    column = "'b'" if name in TABLES else "1"
    says(refused.value, f"row {row}, column {column}", files.get(name, name), "nan", "nonfinite")
    assert not out.exists()
    made = make(source, out, standardize=standardize, nonfinite="keep")
    found = array(out)
    assert np.isnan(found[71, 1])
    assert np.isfinite(np.delete(found, 71, axis=0)).all()
    if standardize:
        others = np.delete(rows, 71, axis=0)
        assert made.facts["standardization"]["mean"] == pytest.approx(others.mean(axis=0))


@pytest.mark.parametrize("name", ["x.parquet", "x.csv", "parts", "files"])
def test_an_empty_source_is_refused(tmp_path: Path, name: str) -> None:
    source = write(tmp_path, name, some_rows(0))
    with pytest.raises(DataError) as refused:
        make(source, tmp_path / "out.zarr")
    says(refused.value, source, "at least one row")


def test_without_chunk_rows_chunks_are_of_the_usual_size(folder: Path, tmp_path: Path) -> None:
    made = make(folder / "x.csv", tmp_path / "x.zarr", chunk_rows=None)
    assert made.facts["chunk_rows"] == min(usual_chunk_rows(ROWS, 3, 8), ROWS)


def test_small_floats_stay_small(tmp_path: Path) -> None:
    rows = some_rows(100).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    make(tmp_path / "x.npy", tmp_path / "x.zarr")
    assert array(tmp_path / "x.zarr").tobytes() == rows.tobytes()


@pytest.mark.parametrize("name", FORMATS)
def test_what_does_not_fit_in_memory_is_refused_before_it_is_read(
    folder: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = IngestRequest(folder / name, tmp_path / "out")
    with pytest.raises(MemoryLimitError) as refused:
        ingest(request, Silent(), memory_limit=300 * 2**20)
    says(refused.value, folder / name, "MiB")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("where", ["x.zarr", "x.zarr/inside", "."])
def test_a_source_is_not_replaced_by_what_is_made_of_it(tmp_path: Path, where: str) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    source = write(folder, "three.zarr", some_rows(9)).rename(folder / "x.zarr")
    before = files_of(source)
    with pytest.raises(InputError) as refused:
        make(source, folder / where, overwrite=True)
    says(refused.value, source, "apart")
    assert files_of(source) == before


def test_other_kinds_of_outputs_are_not_replaced(folder: Path, tmp_path: Path) -> None:
    out = write(tmp_path, "three.zarr", some_rows(9))
    before = files_of(out)
    with pytest.raises(OutputExistsError) as refused:
        make(folder / "x.npy", out, overwrite=True)
    says(refused.value, out, "ingested data set")
    assert files_of(out) == before


@pytest.mark.parametrize(
    ("knobs", "parts"),
    [
        ({"nonfinite": "drop"}, ("nonfinite", "'drop'")),
        ({"missing_chunks": "skip"}, ("missing_chunks",)),
        ({"chunk_rows": 0}, ("chunk_rows",)),
        ({"array": "x", "variables": ("u",)}, ("array or variables",)),
        ({"variables": ()}, ("variables",)),
        ({"columns": ("a", "a")}, ("columns", "once")),
        ({"columns": "a"}, ("columns",)),
    ],
)
def test_a_request_is_checked_when_it_is_made(
    knobs: dict[str, Any], parts: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as refused:
        replace(IngestRequest(Path("x"), Path("y")), **knobs)
    says(refused.value, *parts)


def test_inspect_shows_names_and_standardization(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = make(folder / "x.parquet", out, columns=("b", "a"), standardize=True)
    report = inspect(out)
    scaling = made.facts["standardization"]
    assert report.facts["column names"] == ["b", "a"]
    assert report.facts["source"] == str(folder / "x.parquet")
    assert report.facts["mean subtracted"] == scaling["mean"]
    assert report.facts["divided by"] == scaling["scale"]
    assert "column names" in report.to_text()
    plain = inspect(make(folder / "x.npy", tmp_path / "plain").out)
    assert plain.facts["standardized"] is False
    assert plain.facts["column names"] is None
    assert "divided by" not in plain.facts


def test_names_survive_being_ingested_again(folder: Path, tmp_path: Path) -> None:
    make(folder / "x.parquet", tmp_path / "one", columns=("b", "a"))
    again = make(tmp_path / "one", tmp_path / "two", columns=("a",))
    assert again.facts["columns"] == ["a"]
    assert array(tmp_path / "two").tobytes() == some_rows(ROWS)[:, :1].tobytes()
