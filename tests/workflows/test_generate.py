"""A data set is generated whole, the same however and wherever, and never lost to a second run."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.open import open_source
from dask_gmm.errors import InputError, OutputError, OutputExistsError
from dask_gmm.mixture.matching import match
from dask_gmm.mixture.sampling import OUTLIER, block_rows
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.own_clusters import local_cluster
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.drawing import CHUNK_BYTES, usual_chunk_rows
from dask_gmm.workflows.generate import GenerateResult, generate
from dask_gmm.workflows.requests import GenerateRequest

# Several leaves, each a block of 4,096 rows and two chunks.
ROWS, FEATURES = 20_000, 32
RUNNER = ThreadRunner(2)


def request(out: Path, **knobs: Any) -> GenerateRequest:
    usual = GenerateRequest(out, ROWS, FEATURES, 3, seed=1, chunk_rows=2_048)
    return replace(usual, **knobs)


def make(out: Path, **knobs: Any) -> GenerateResult:
    return generate(request(out, **knobs), RUNNER, Silent())


def files_of(group: Path) -> dict[str, bytes]:
    files = (path for path in group.rglob("*") if path.is_file())
    return {str(path.relative_to(group)): path.read_bytes() for path in files}


def array(group: Path, name: str) -> npt.NDArray[Any]:
    return np.asarray(zarr.open_array(group / name, mode="r")[...])


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("usual") / "data.zarr"
    make(out)
    return out


def test_the_group_has_rows_components_and_the_truth(usual: Path) -> None:
    group = zarr.open_group(usual, mode="r", use_consolidated=False)
    described = {
        name: (found.shape, str(found.dtype), found.metadata.to_dict()["dimension_names"])
        for name, found in group.arrays()
    }
    assert described == {
        "x": ((ROWS, FEATURES), "float64", ("sample", "feature")),
        "component": ((ROWS,), "int8", ("sample",)),
        "weights": ((3,), "float64", ("mixture_component",)),
        "means": ((3, FEATURES), "float64", ("mixture_component", "feature")),
        "covariances": (
            (3, FEATURES, FEATURES),
            "float64",
            ("mixture_component", "feature", "feature_2"),
        ),
    }
    assert sorted(path.name for path in usual.parent.iterdir()) == ["data.zarr"]


def test_the_rows_are_of_the_truth_beside_them(usual: Path) -> None:
    x, component = array(usual, "x"), array(usual, "component")
    shares = np.bincount(component, minlength=3) / ROWS
    assert shares == pytest.approx(array(usual, "weights"), abs=4.5 / np.sqrt(4 * ROWS))
    for k in range(3):
        own = x[component == k]
        error = np.sqrt(np.diagonal(array(usual, "covariances")[k]) / len(own))
        assert (np.abs(own.mean(axis=0) - array(usual, "means")[k]) < 4.5 * error).all()


def test_the_attributes_say_what_was_asked(usual: Path) -> None:
    facts: Any = zarr.open_group(usual, mode="r").attrs["dask_gmm"]
    asked = {"rows": ROWS, "features": FEATURES, "components": 3, "chunk_rows": 2_048}
    knobs = {"overlap": 0.01, "imbalance": 1.0, "condition": 10.0, "outliers": 0.0}
    assert facts["settings"] == {"seed": 1, "dtype": "float64", **asked, **knobs}
    assert (facts["format"], facts["version"], facts["seed"]) == ("rows", 1, 1)
    assert {"numpy", "zarr", "dask-gmm", "python"} <= set(facts["versions"])


def test_it_is_read_back_with_every_chunk_compared(usual: Path) -> None:
    source = open_source(usual)
    reader = source.open()
    rows = [reader.read(index).rows.copy() for index in range(len(source.layout))]
    assert np.array_equal(np.concatenate(rows), array(usual, "x"))


def test_the_result_says_what_was_written(tmp_path: Path) -> None:
    result = make(tmp_path / "data.zarr")
    told = json.loads(json.dumps(result.to_json()))
    assert (told["rows"], told["features"], told["chunk_rows"]) == (ROWS, FEATURES, 2_048)
    assert (told["chunks"], told["chunks_kept"], told["seed"]) == (10, 0, 1)
    assert told["means"] == array(tmp_path / "data.zarr", "means").tolist()
    assert match(result.truth, result.truth).order.tolist() == [0, 1, 2]
    text = result.to_text()
    assert "20,000 rows x 32 columns of float64" in text
    assert "10 chunks of 2,048 rows, seed 1" in text
    assert "0.3333" in text


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_writes_the_same_bytes(
    usual: Path, tmp_path: Path, threads: int
) -> None:
    generate(request(tmp_path / "data.zarr"), ThreadRunner(threads), Silent())
    assert files_of(tmp_path / "data.zarr") == files_of(usual)


def test_worker_processes_write_the_same_bytes(usual: Path, tmp_path: Path) -> None:
    with local_cluster(2) as client:
        generate(request(tmp_path / "data.zarr"), DistributedRunner(client), Silent())
    assert files_of(tmp_path / "data.zarr") == files_of(usual)


@pytest.mark.parametrize("chunk_rows", [1_111, 4_096, 10**9, None])
def test_chunks_change_no_row(usual: Path, tmp_path: Path, chunk_rows: int | None) -> None:
    out = tmp_path / "data.zarr"
    result = make(out, chunk_rows=chunk_rows)
    stored: Any = zarr.open_array(out / "x", mode="r")
    assert stored.chunks == (result.chunk_rows, FEATURES)
    assert result.chunk_rows == (min(chunk_rows, ROWS) if chunk_rows else 4_096)
    assert array(out, "x").tobytes() == array(usual, "x").tobytes()
    assert array(out, "component").tobytes() == array(usual, "component").tobytes()


def test_more_rows_begin_with_the_same_rows(usual: Path, tmp_path: Path) -> None:
    make(tmp_path / "data.zarr", rows=ROWS + 5_000)
    more = array(tmp_path / "data.zarr", "x")
    assert np.array_equal(more[:ROWS], array(usual, "x"))


def test_float32_rows_are_the_same_rows_rounded(usual: Path, tmp_path: Path) -> None:
    make(tmp_path / "data.zarr", dtype="float32")
    rounded = array(tmp_path / "data.zarr", "x")
    assert rounded.dtype == np.float32
    assert np.array_equal(rounded, array(usual, "x").astype(np.float32))


@pytest.mark.parametrize(
    "knob",
    [
        {"seed": 2},
        {"overlap": 0.05},
        {"imbalance": 3.0},
        {"condition": 30.0},
        {"outliers": 0.02},
        {"components": 4},
        {"features": 31},
    ],
    ids=lambda knob: next(iter(knob)),
)
def test_every_knob_changes_the_rows(usual: Path, tmp_path: Path, knob: dict[str, Any]) -> None:
    make(tmp_path / "data.zarr", **knob)
    assert not np.isin(array(tmp_path / "data.zarr", "x")[:100, 0], array(usual, "x")).all()


def test_outliers_are_marked_and_far_from_rare(tmp_path: Path) -> None:
    make(tmp_path / "data.zarr", outliers=0.1)
    component = array(tmp_path / "data.zarr", "component")
    share = np.mean(component == OUTLIER)
    assert share == pytest.approx(0.1, abs=4.5 * np.sqrt(0.09 / ROWS))
    x = array(tmp_path / "data.zarr", "x")
    assert x[component == OUTLIER].std() > 3 * x[component != OUTLIER].std()


def test_what_exists_is_refused_and_stays(usual: Path) -> None:
    before = files_of(usual)
    with pytest.raises(OutputExistsError, match=r"data\.zarr exists"):
        make(usual, seed=2)
    assert files_of(usual) == before


def test_overwriting_replaces_it(usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "data.zarr"
    make(out, seed=2)
    make(out, overwrite=True)
    assert files_of(out) == files_of(usual)
    assert [path.name for path in tmp_path.iterdir()] == ["data.zarr"]


@dataclass(frozen=True, slots=True, eq=False)
class PulledPlug(Silent):
    """Ends the run when the first leaf is done."""

    def advance(self, rows: int) -> None:
        raise ConnectionResetError("the plug was pulled")


def interrupted(out: Path, **knobs: Any) -> Path:
    with pytest.raises(ConnectionResetError):
        generate(request(out, **knobs), ThreadRunner(1), PulledPlug())
    assert not out.exists()
    return out.with_name(f".{out.name}.wip")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("mishap", [None, cut, Path.unlink], ids=["none", "cut", "lost"])
def test_an_interrupted_run_goes_on_where_it_was(
    usual: Path, tmp_path: Path, mishap: Callable[[Path], None] | None
) -> None:
    out = tmp_path / "data.zarr"
    wip = interrupted(out)
    finished = len(list((wip / "component" / "c").iterdir()))
    assert 0 < finished < 10
    (wip / "x" / "c" / "6.half.partial").write_bytes(b"half")
    if mishap:
        mishap(wip / "x" / "c" / "0" / "0")
    result = make(out)
    assert result.kept == finished - bool(mishap)
    assert f"({result.kept} kept from an interrupted run)" in result.to_text()
    assert files_of(out) == files_of(usual)
    assert [path.name for path in tmp_path.iterdir()] == ["data.zarr"]


@pytest.mark.parametrize("knob", [{"seed": 2}, {"overlap": 0.02}, {"rows": 9_000}])
def test_work_on_other_rows_is_begun_anew(
    usual: Path, tmp_path: Path, knob: dict[str, Any]
) -> None:
    interrupted(tmp_path / "data.zarr", **knob)
    assert make(tmp_path / "data.zarr").kept == 0
    assert files_of(tmp_path / "data.zarr") == files_of(usual)


def test_a_failed_run_leaves_the_old_output(usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "data.zarr"
    make(out)
    with pytest.raises(ConnectionResetError):
        generate(request(out, seed=2, overwrite=True), ThreadRunner(1), PulledPlug())
    assert files_of(out) == files_of(usual)


def test_a_strangers_folder_in_the_way_is_refused(tmp_path: Path) -> None:
    stranger = tmp_path / ".data.zarr.wip" / "thesis.txt"
    stranger.parent.mkdir()
    stranger.write_text("years of work")
    with pytest.raises(OutputExistsError, match="delete that folder"):
        make(tmp_path / "data.zarr")
    assert stranger.read_text() == "years of work"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        make(tmp_path / "file" / "data.zarr")


def test_overlap_that_cannot_be_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="overlap"):
        make(tmp_path / "data.zarr", imbalance=1e6, components=2)
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 10**9), st.integers(1, 5000), st.sampled_from([4, 8]))
def test_usual_chunks_are_at_most_32_mb_and_whole_blocks(
    n_rows: int, n_features: int, itemsize: int
) -> None:
    rows = usual_chunk_rows(n_rows, n_features, itemsize)
    n_bytes, block = rows * n_features * itemsize, block_rows(n_features)
    assert rows >= 1
    assert n_bytes <= CHUNK_BYTES
    assert rows < block or rows % block == 0
    few = n_rows * n_features * itemsize < 8 * 2**20
    assert n_bytes < 2**21 if few else n_rows / rows >= 7 or n_bytes > CHUNK_BYTES / 2
