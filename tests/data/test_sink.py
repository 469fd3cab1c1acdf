"""What is written is read back by zarr, in whole chunks, once, whatever interrupts it."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.codecs import BytesCodec, Crc32cCodec

from dask_gmm.data.groups import open_written, put_array
from dask_gmm.data.open import open_source
from dask_gmm.data.sink import ArraySpec, Digests, Sink
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.errors import InputError, OutputError
from tests.data.arrays import DAMAGES, digests_of, files_of, folder_of, values_of

ROWS = np.random.default_rng(2).standard_normal((250, 3))
LABELS = np.arange(250) % 7
SPECS = (ArraySpec("x", (250, 3), "float64", 100), ArraySpec("component", (250,), "int32", 100))
SETTINGS = {"seed": 3, "weights": [0.25, 0.75], "name": "demo"}


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    sink = Sink(tmp_path / ".a.zarr.wip", SPECS)
    sink.create(SETTINGS)
    return sink


def write_all(sink: Sink) -> dict[str, Any]:
    return {"x": sink.write("x", 0, ROWS), "component": sink.write("component", 0, LABELS)}


def same(found: Digests | None, expected: Iterable[int]) -> bool:
    return found is not None and found.tolist() == list(expected)


@given(
    st.tuples(st.integers(1, 50), st.integers(1, 5)),
    st.sampled_from(["float32", "float64", "int64", "int16"]),
    st.integers(1, 60),
)
@settings(deadline=None, max_examples=50)
def test_zarr_reads_what_was_written(shape: tuple[int, int], dtype: str, chunk_rows: int) -> None:
    rows = np.random.default_rng(shape[0]).integers(-99, 99, shape).astype("f8")
    with tempfile.TemporaryDirectory() as folder:
        sink = Sink(Path(folder), (ArraySpec("x", shape, dtype, chunk_rows),))
        sink.create({})
        digests = np.concatenate(
            [
                sink.write("x", at, rows[at : at + chunk_rows])
                for at in range(0, len(rows), chunk_rows)
            ]
        )
        sink.finalize({"x": digests})
        array = zarr.open_array(Path(folder) / "x", mode="r")
        assert array.dtype == dtype
        assert np.array_equal(np.asarray(array[...]), rows)
        source = open_source(folder)
        assert np.array_equal(values_of(source), rows)
        assert np.array_equal(digests_of(source), digests)
        assert same(sink.finished("x", 0, len(rows)), digests)


def test_the_group_is_what_zarr_and_xarray_expect(sink: Sink) -> None:
    sink.finalize(write_all(sink))
    group = zarr.open_group(sink.path, mode="r", use_consolidated=False)
    x, component = group["x"], group["component"]
    assert isinstance(x, zarr.Array)
    assert isinstance(component, zarr.Array)
    assert dict(group.attrs) == SETTINGS
    assert x.metadata.dimension_names == ("sample", "feature")  # type: ignore[union-attr]
    assert component.metadata.dimension_names == ("sample",)  # type: ignore[union-attr]
    assert x.metadata.codecs == (BytesCodec(), Crc32cCodec())  # type: ignore[union-attr]
    assert np.isnan(float(x.fill_value))
    assert component.fill_value == -1
    assert np.array_equal(np.asarray(component[...]), LABELS)
    assert np.array_equal(np.asarray(open_written(sink.path, "x")[...]), ROWS)


def test_what_is_written_by_zarr_has_the_same_bytes(sink: Sink, tmp_path: Path) -> None:
    sink.write("x", 0, ROWS)
    array = zarr.create_array(
        tmp_path / "b",
        shape=ROWS.shape,
        chunks=(100, 3),
        dtype="f8",
        compressors=Crc32cCodec(),
        fill_value=np.nan,
    )
    array[...] = ROWS
    theirs = files_of(tmp_path / "b" / "c")
    assert len(theirs) == 3
    assert files_of(folder_of(sink) / "x" / "c") == theirs


def test_regions_may_hold_several_chunks_and_come_in_any_order(sink: Sink) -> None:
    last = sink.write("x", 200, ROWS[200:])
    first = sink.write("x", 0, ROWS[:200].astype("f4"))
    assert (len(first), len(last)) == (2, 1)
    assert same(sink.finished("x", 0, 250), [*first, *last])


def test_a_chunk_may_come_in_pieces(sink: Sink) -> None:
    expected = sink.write("x", 100, ROWS[100:])
    pieces = (ROWS[at : at + 30] for at in range(200, 250, 30))
    assert sink.write_pieces("x", 200, 250, pieces) == expected[1]
    assert same(sink.finished("x", 100, 250), expected)
    with pytest.raises(InputError, match=r"rows 0 to 200 of array x .* are 2 chunks"):
        sink.write_pieces("x", 0, 200, [ROWS[:200]])


@pytest.mark.parametrize("n_rows", [0, 99, 101])
def test_pieces_must_be_all_rows_of_their_chunk(sink: Sink, n_rows: int) -> None:
    with pytest.raises(InputError, match=rf"have 100 rows .* but {n_rows} rows came"):
        sink.write_pieces("x", 0, 100, [ROWS[:n_rows]])
    assert sink.finished("x", 0, 100) is None


@pytest.mark.parametrize(
    ("start", "stop"), [(50, 150), (0, 150), (100, 100), (200, 251), (-100, 0)]
)
def test_regions_that_cut_chunks_are_refused(sink: Sink, start: int, stop: int) -> None:
    rows = np.zeros((stop - start, 3))
    message = rf"Whole chunks of 100 rows are written, but rows {start} to {stop} of array x"
    with pytest.raises(InputError, match=message):
        sink.write("x", start, rows)
    with pytest.raises(InputError, match=message):
        sink.finished("x", start, stop)


def test_rows_of_another_shape_are_refused(sink: Sink) -> None:
    with pytest.raises(InputError, match=r"Rows of shape \(3,\) belong in array x"):
        sink.write("x", 0, ROWS[:, :2])


@pytest.mark.parametrize("damage", ["absent", "flipped", "truncated", "half", "empty"])
def test_a_chunk_that_is_not_whole_is_not_finished(sink: Sink, damage: str) -> None:
    digests = sink.write("x", 0, ROWS)
    DAMAGES[damage](folder_of(sink) / "x" / "c" / "1" / "0")
    assert sink.finished("x", 0, 250) is None
    assert sink.finished("x", 100, 200) is None
    assert sink.finished("x", 0, 100) == digests[:1]
    assert sink.finished("x", 200, 250) == digests[2:]


@pytest.mark.parametrize("damage", ["none", "flipped", "half", "empty"])
def test_a_run_that_was_killed_ends_with_the_same_bytes(
    sink: Sink, tmp_path: Path, damage: str
) -> None:
    whole = Sink(tmp_path / "whole", SPECS)
    whole.create(SETTINGS)
    whole.finalize(write_all(whole))

    sink.write("x", 0, ROWS[:200])
    if damage != "none":
        DAMAGES[damage](folder_of(sink) / "x" / "c" / "0" / "0")
    (sink.path / "x" / "c" / "2").mkdir()
    (sink.path / "x" / "c" / "2" / "0.0123.partial").write_bytes(b"half of it")

    sink.create(SETTINGS)
    digests = {}
    for name, values in (("x", ROWS), ("component", LABELS)):
        found = []
        for start, stop in ((0, 100), (100, 200), (200, 250)):
            finished = sink.finished(name, start, stop)
            rows = values[start:stop]
            found.append(sink.write(name, start, rows) if finished is None else finished)
        digests[name] = np.concatenate(found)
    sink.finalize(digests)
    assert files_of(folder_of(sink)) == files_of(tmp_path / "whole")


def test_a_group_with_a_missing_chunk_is_not_completed(sink: Sink) -> None:
    digests = write_all(sink)
    DAMAGES["absent"](folder_of(sink) / "x" / "c" / "1" / "0")
    DAMAGES["half"](folder_of(sink) / "x" / "c" / "2" / "0")
    with pytest.raises(OutputError, match=r"2 are missing or cut short \(1, 2\) .*Run the same"):
        sink.finalize(digests)
    assert not (sink.path / "digests").exists()


def test_chunks_of_rows_are_there_when_all_arrays_have_them(sink: Sink) -> None:
    write_all(sink)
    assert sink.count_there() == 3
    SPECS[0].path(sink.path, 0).unlink()
    assert sink.count_there() == 2
    SPECS[1].path(sink.path, 0).unlink()
    assert sink.count_there() == 2
    SPECS[1].path(sink.path, 2).unlink()
    assert sink.count_there() == 1


def test_a_group_with_a_missing_digest_is_not_completed(sink: Sink) -> None:
    digests = write_all(sink)
    with pytest.raises(OutputError, match=r"3 chunks of array x .* 2 digests were given"):
        sink.finalize(digests | {"x": digests["x"][:2]})


def test_a_chunk_of_another_run_is_told_by_its_digest(sink: Sink) -> None:
    sink.finalize(write_all(sink))
    sink.write("x", 100, ROWS[:100])
    with pytest.raises(ValueError, match=r"c/1/0 .* is not the one that was written there"):
        values_of(open_source(sink.path))


def test_small_arrays_lie_beside(sink: Sink) -> None:
    sink.finalize(write_all(sink))
    covariances = np.arange(12.0).reshape(3, 2, 2)
    axes = ("component", "feature", "feature_")
    put_array(sink.path, "covariances", covariances, axes)
    array = open_written(sink.path, "covariances")
    assert np.array_equal(np.asarray(array[...]), covariances)
    assert array.metadata.dimension_names == axes  # type: ignore[union-attr]
    source = open_source(sink.path)
    assert isinstance(source, ZarrSource)
    assert source.verified


def test_marks_are_stored_as_bools_and_lost_ones_are_set(tmp_path: Path) -> None:
    marks = np.arange(10) % 3 == 0
    spec = ArraySpec("marks", (10,), "bool", 4)
    sink = Sink(tmp_path, (spec,))
    sink.create({})
    sink.finalize({"marks": sink.write("marks", 0, marks)})
    array = zarr.open_array(tmp_path / "marks", mode="r")
    assert array.dtype == np.bool_
    assert np.array_equal(np.asarray(array[...]), marks)
    spec.path(tmp_path, 1).unlink()
    assert np.asarray(zarr.open_array(tmp_path / "marks", mode="r")[4:8]).all()
