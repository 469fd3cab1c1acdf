"""A parquet file that is damaged or changed is never taken for rows."""

import errno
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dask_gmm.data import again
from dask_gmm.data.open import open_source
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.errors import (
    BadChunkError,
    DataDeniedError,
    DataError,
    InputError,
    LostRowsError,
    UnreachableError,
)
from tests.data.arrays import digests_of, values_of
from tests.data.tables import (
    ROWS,
    WHOLE_FILE,
    columns_of,
    flip,
    flip_in,
    one_file,
    two_files,
)

CHECKED: dict[str, Any] = {"write_page_checksum": True, "compression": "zstd"}
PLAIN: dict[str, Any] = {"compression": "none", "use_dictionary": False}
FOUND = {
    "truncated": "cannot be decoded",
    "half": "cannot be decoded",
    "empty": "is empty",
    "other": "cannot be decoded",
    "footer": "cannot be decoded",
}


def opened(path: Path, **options: Any) -> ParquetSource:
    with patch("dask_gmm.data.blocks.LEAF_BYTES", 1):
        source = open_source(path, **options)
    assert isinstance(source, ParquetSource)
    return source


@pytest.mark.parametrize("damage", FOUND)
@pytest.mark.parametrize("make", [one_file, two_files])
def test_a_damaged_file_cannot_be_opened(
    tmp_path: Path, make: Callable[..., Path], damage: str
) -> None:
    path = make(tmp_path / "x.parquet")
    bad = path / "2.parquet" if path.is_dir() else path
    WHOLE_FILE[damage](bad)
    with pytest.raises(DataError, match=rf"but {bad} {FOUND[damage]}.*Restore it from a copy"):
        open_source(path)


def test_a_file_that_is_not_there_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.parquet is not there\. Give another path"):
        open_source(tmp_path / "x.parquet")


@pytest.mark.parametrize("damage", WHOLE_FILE)
def test_a_file_that_changes_after_it_was_opened_is_refused(tmp_path: Path, damage: str) -> None:
    source = opened(two_files(tmp_path / "x"))
    WHOLE_FILE[damage](tmp_path / "x" / "2.parquet")
    kinds = {"absent": "is missing", "empty": "is empty"}
    group = r"row group 0 of 2\.parquet \(rows 200 to 300 of .*/x\)"
    for look in (values_of, ParquetSource.check_present):
        if (damage, look) == ("empty", ParquetSource.check_present) or damage not in kinds:
            found = r"changed since it was first opened\. Stop|cannot be decoded"
        else:
            found = kinds[damage]
        if (damage, look) == ("other", values_of):
            found = "cannot be decoded"
        if (damage, look) == ("footer", ParquetSource.check_present):
            continue  # which does not read it
        with pytest.raises(DataError, match=f"but {group} ({found})"):
            look(source)


def test_another_file_of_the_same_size_is_refused(tmp_path: Path) -> None:
    path = one_file(tmp_path / "x.parquet", **PLAIN)
    source = opened(path)
    stored = path.read_bytes()
    path.unlink()
    one_file(path, **PLAIN)
    assert path.read_bytes() == stored
    assert np.array_equal(values_of(source), ROWS)
    flip(path, len(stored) - 100)
    with pytest.raises(DataError, match="changed since it was first opened"):
        values_of(source)


@pytest.mark.parametrize("columns", [None, ["c", "b"]])
def test_a_flipped_bit_is_refused_where_pages_have_checksums(
    tmp_path: Path, columns: list[str] | None
) -> None:
    path = one_file(tmp_path / "x.parquet", **CHECKED)
    source = opened(path, columns=columns)
    flip_in(path, 1)
    group = rf"row group 1 \(rows 100 to 200 of {path}\) cannot be decoded \(OSError: .*CRC"
    with pytest.raises(BadChunkError, match=group) as caught:
        values_of(source)
    assert caught.value.key == "x.parquet/1"
    others = opened(path, columns=["a", "c"])
    assert np.array_equal(values_of(others), ROWS[:, [0, 2]])


def test_a_group_that_changes_during_a_run_is_refused(tmp_path: Path) -> None:
    path = one_file(tmp_path / "x.parquet", **PLAIN)
    source = opened(path, rows=slice(50, 350))
    pinned = source.pinned(digests_of(source))
    blocks = [source.open().read(index) for index in range(4)]
    flip_in(path, 1)
    assert not np.array_equal(values_of(source), ROWS[50:350])
    group = r"row group 1 \(rows 100 to 200 of .*\) changed during the run"
    for read in (values_of, lambda source: values_of(pickle.loads(pickle.dumps(source)))):
        with pytest.raises(DataError, match=group):
            read(pinned)
    changed = opened(path, rows=slice(50, 350)).pinned(digests_of(source))
    changed.check(blocks[0])
    with pytest.raises(DataError, match=group):
        changed.check(blocks[1])


def test_digests_of_other_files_are_refused(tmp_path: Path) -> None:
    source = opened(one_file(tmp_path / "x.parquet"))
    with pytest.raises(DataError, match="has 4 row groups to read, and 3 were read then"):
        source.pinned(digests_of(source)[:3])


@pytest.fixture(scope="module", params=["plain", "checked"])
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = PLAIN if request.param == "plain" else CHECKED
    path = one_file(tmp_path_factory.mktemp("stored") / "x.parquet", **options)
    shutil.copy(path, path.with_name("copy"))
    return path


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_no_flipped_bit_passes_a_later_pass_or_ends_in_another_error(
    stored: Path, data: st.DataObject
) -> None:
    source, whole = opened(stored, columns=["b", "c"]), stored.read_bytes()
    pinned, copy = source.pinned(digests_of(source)), stored.with_name("copy")
    at = data.draw(st.integers(0, len(whole) - 1))
    try:
        flip(stored, at)
        with suppress(DataError):
            assert values_of(source).shape == (370, 2)
        try:
            same = np.array_equal(values_of(pinned), ROWS[:, 1:])
        except DataError as error:
            same = str(stored) not in str(error)
        spans = [columns_of(copy, group)[name] for group in range(4) for name in ("b", "c")]
        inside = any(start <= at < start + size for start, size in spans)
        assert same != (inside or at >= len(whole) - pq.read_metadata(copy).serialized_size - 8)
    finally:
        stored.write_bytes(whole)


@pytest.mark.parametrize("damage", ["flipped", "absent"])
def test_bad_groups_are_left_out_where_that_is_asked_for(tmp_path: Path, damage: str) -> None:
    path = two_files(tmp_path / "x", **CHECKED)
    source = opened(path, rows=slice(50, 350)).skipping()
    if damage == "absent":
        (path / "2.parquet").unlink()
        rows, keys, cause = range(150, 300), ["2.parquet/0", "2.parquet/1"], "is missing"
    else:
        flip_in(path / "1.parquet", 1)
        rows, keys, cause = range(50, 150), ["1.parquet/1"], "CRC"
    assert source.check_present() == 0
    expected = ROWS[50:350].copy()
    expected[rows] = np.nan
    blocks = [source.open().read(index) for index in range(4)]
    found = [bad for block in blocks for bad in block.bad_chunks]
    assert np.array_equal(values_of(source), expected, equal_nan=True)
    assert [each.key for each in found] == keys
    assert all(cause in each.cause for each in found)
    assert (found[0].start, found[-1].stop) == (rows.start, rows.stop)
    pinned = source.pinned(digests_of(source), found)
    assert np.array_equal(values_of(pinned), expected, equal_nan=True)
    for block in blocks:
        pinned.check(block)


def test_what_is_restored_stays_left_out_and_what_is_lost_later_is_an_error(
    tmp_path: Path,
) -> None:
    path = one_file(tmp_path / "x.parquet", **CHECKED)
    whole = path.read_bytes()
    flip_in(path, 2)
    source = opened(path).skipping()
    blocks = [source.open().read(index) for index in range(4)]
    found = [bad for block in blocks for bad in block.bad_chunks]
    pinned = source.pinned(digests_of(source), found)
    path.write_bytes(whole)
    values = values_of(pinned)
    assert np.isnan(values[200:300]).all()
    assert np.array_equal(values[:200], ROWS[:200])
    with pytest.raises(LostRowsError, match=r"row group 2 .*changed during the run"):
        pinned.check(source.open().read(2))
    flip_in(path, 0)
    with pytest.raises(LostRowsError, match=r"row group 0 .* with its time"):
        values_of(pinned)
    path.unlink()
    for read in (values_of, ParquetSource.check_present):
        with pytest.raises(LostRowsError, match="is missing"):
            read(pinned)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, OSError], list[int]]:
    """Make so many reads of files fail."""
    monkeypatch.setattr(again, "PAUSES", (0.0, 0.0))

    def fail(times: int, error: OSError) -> list[int]:
        left, real = [times], Path.open

        class Failing:
            def __init__(self, file: BufferedReader) -> None:
                self._file = file

            def __getattr__(self, name: str) -> Any:
                return getattr(self._file, name)

            def __enter__(self) -> None: ...

            def __exit__(self, *_: object) -> None:
                self._file.close()

            def read(self, size: int) -> bytes:
                left[0] -= 1
                if left[0] >= 0:
                    raise error
                return self._file.read(size)

        def open_failing(path: Path, *args: Any, **options: Any) -> Any:
            return Failing(real(path, *args, **options))

        monkeypatch.setattr(Path, "open", open_failing)
        return left

    return fail


IO = OSError(errno.EIO, "Input/output error")


def test_a_read_that_fails_is_tried_again(
    tmp_path: Path, failing: Callable[[int, OSError], list[int]]
) -> None:
    source = opened(one_file(tmp_path / "x.parquet"))
    expected = digests_of(source)
    left = failing(2, IO)
    assert np.array_equal(digests_of(source), expected)
    assert left[0] < 0


@pytest.mark.parametrize(
    ("error", "kind"),
    [(IO, UnreachableError), (PermissionError(errno.EACCES, "denied"), DataDeniedError)],
)
def test_what_the_system_does_not_let_be_read_is_no_bad_group(
    tmp_path: Path,
    failing: Callable[[int, OSError], list[int]],
    error: OSError,
    kind: type[DataError],
) -> None:
    path = one_file(tmp_path / "x.parquet")
    source = opened(path).skipping()
    failing(99, error)
    with pytest.raises(kind, match=r"row group 0 .*cannot be read \(.*See that it can be read"):
        values_of(source)
    with pytest.raises(kind, match=rf"but {path} cannot be read"):
        open_source(path)
