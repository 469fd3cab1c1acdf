"""What cannot be written is refused, with the reason and the cure, and nothing is lost."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.data.open import open_source
from dask_gmm.data.sink import ArraySpec, Sink
from dask_gmm.errors import InputError, OutputError, OutputExistsError
from tests.data.arrays import files_of, folder_of, values_of

ROWS = np.random.default_rng(2).standard_normal((250, 3))
SPECS = (ArraySpec("x", (250, 3), "float64", 100),)
SETTINGS = {"seed": 3, "weights": [0.25, 0.75], "name": "demo"}


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    sink = Sink(tmp_path / ".a.zarr.wip", SPECS)
    sink.create(SETTINGS)
    return sink


@pytest.mark.parametrize(
    ("specs", "attributes", "differing"),
    [
        (SPECS, SETTINGS | {"seed": 4}, "seed"),
        (SPECS, {"seed": 3}, "name, weights"),
        ((ArraySpec("x", (250, 3), "float32", 100),), SETTINGS, "x/data_type"),
        ((ArraySpec("x", (260, 3), "float64", 50),), SETTINGS, "x/chunk_grid, x/shape"),
    ],
)
def test_an_unfinished_output_of_other_settings_is_refused(
    sink: Sink, specs: tuple[ArraySpec, ...], attributes: dict[str, Any], differing: str
) -> None:
    before = files_of(folder_of(sink))
    with pytest.raises(OutputExistsError, match=f"differs in {differing}. Go back"):
        Sink(sink.path, specs).create(attributes)
    assert files_of(folder_of(sink)) == before


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()
    with pytest.raises(OutputExistsError, match="no zarr group"):
        Sink(tmp_path, SPECS).create({})


def test_damaged_metadata_of_an_unfinished_output_are_refused(sink: Sink) -> None:
    (sink.path / "x" / "zarr.json").write_text("{")
    with pytest.raises(OutputExistsError, match=r"x/zarr\.json \(damaged\)"):
        sink.create(SETTINGS)


@pytest.mark.parametrize(
    ("shape", "dtype", "chunk_rows", "message"),
    [
        ((0, 3), "float64", 4, "at least one row"),
        ((3, 0), "float64", 4, "at least one row"),
        ((3, 2), "float64", 0, "at least one row"),
        ((3, 2), "complex128", 2, "floats, integers or bools, but array x is to be complex128"),
        ((3, 2), "object", 2, "floats, integers or bools"),
    ],
)
def test_arrays_of_another_kind_are_not_written(
    shape: tuple[int, int], dtype: str, chunk_rows: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        ArraySpec("x", shape, dtype, chunk_rows)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 80 kB, which only root can make."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_says_so_and_keeps_what_is_finished(tiny_disk: Path) -> None:
    rows = np.random.default_rng(0).standard_normal((10_000, 2))
    sink = Sink(tiny_disk / "a", (ArraySpec("x", rows.shape, "float64", 1_500),))
    sink.create({})
    with pytest.raises(OutputError, match=r"No space left.*Make room on that disk"):
        sink.write("x", 0, rows)
    assert list(tiny_disk.rglob("*.partial")) == []
    assert sink.finished("x", 0, 1_500) is not None
    kept = files_of(tiny_disk)
    subprocess.run(["mount", "-o", "remount,size=1m", str(tiny_disk)], check=True)
    sink.finalize({"x": sink.write("x", 0, rows)})
    assert np.array_equal(values_of(open_source(tiny_disk / "a")), rows)
    assert kept.items() <= files_of(tiny_disk).items()


def test_a_read_only_disk_says_so(tiny_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    with pytest.raises(OutputError, match="That disk is read-only: choose another place"):
        Sink(tiny_disk / "a", SPECS).create({})


def test_a_place_that_may_not_be_written_says_so(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", "there")

    monkeypatch.setattr("dask_gmm.data.sink.write_plain", refuse)
    message = r'written to .*x/c/0/0, but the system says "Permission denied" of there\. Ask for'
    with pytest.raises(OutputError, match=message):
        sink.write("x", 0, ROWS)
