"""Disks that are full or may only be read: one message, and no earlier result is touched."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import getpagesize
from typing import TypeAlias

import numpy as np
import pytest
from distributed import Client

from dask_gmm import GaussianMixtureModel, generate_gmm_data, load_model
from dask_gmm.errors import DataError, OutputError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.requests import GenerateRequest
from tests.data.arrays import files_of
from tests.whole.refusals import Kept, command, nothing_at, refused, says

PAGE = getpagesize()
X = np.random.default_rng(0).standard_normal((300, 3))
FITTED = ("--components", 2, "--out")

Remount: TypeAlias = Callable[[str], None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 pages: a megabyte, on most machines."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("only root mounts disks")
    made = ["mount", "-t", "tmpfs", "-o", f"size={256 * PAGE}", "tmpfs", str(folder)]
    if subprocess.run(made, check=False, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def remount(disk: Path) -> Remount:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)

    return remount


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set on another disk."""
    generate_gmm_data(300, [1], [[0, 0]], [np.eye(2)], seed=1, store=tmp_path / "d.zarr")
    return tmp_path / "d.zarr"


def fill(disk: Path, free: int) -> Path:
    """Fill a disk up to so many pages."""
    filler = disk / "filler"
    filler.write_bytes(b"x" * (shutil.disk_usage(disk).free - free * PAGE))
    assert shutil.disk_usage(disk).free == free * PAGE
    return filler


@pytest.mark.parametrize("free", [0, 2, 8])
def test_a_fit_onto_a_full_disk_loses_nothing_and_can_be_repeated(
    disk: Path, data: Path, free: int
) -> None:
    assert command("fit", data, *FITTED, disk / "old", "--seed", 4).exit_code == 0
    kept, filler = Kept(disk / "old"), fill(disk, free)
    for out, options in ((disk / "old", ("--overwrite",)), (disk / "new", ())):
        message = refused("fit", data, *FITTED, out, *options, code=74)
        says(message, out.name, "No space left on device", "Make room on that disk")
        kept.check()
        nothing_at(disk / "new")
    filler.unlink()
    assert command("fit", data, *FITTED, disk / "new").exit_code == 0
    assert command("fit", data, *FITTED, disk / "old", "--overwrite").exit_code == 0
    assert load_model(disk / "new" / "model.zarr").means.tobytes() == (
        load_model(disk / "old" / "model.zarr").means.tobytes()
    )
    assert {each.name for each in disk.iterdir()} == {"old", "new"}


@pytest.mark.parametrize("free", [1, 9])
def test_a_model_saved_to_a_full_disk_leaves_the_last_one(disk: Path, free: int) -> None:
    model = GaussianMixtureModel(2).fit(X)
    model.save(disk / "m")
    kept, filler = Kept(disk / "m"), fill(disk, free)
    for path, overwrite in ((disk / "m", True), (disk / "n", False)):
        with pytest.raises(OutputError) as caught:
            model.save(path, overwrite=overwrite)
        says(caught.value, path, "No space left on device", "Make room")
        assert {each.name for each in disk.iterdir()} == {"m", "filler"}
    kept.check()
    filler.unlink()
    model.save(disk / "m", overwrite=True)


@pytest.mark.parametrize("where", ["threads", "cluster"])
def test_rows_too_many_for_a_disk_go_on_when_there_is_room(
    disk: Path, remount: Remount, where: str, client: Client, tmp_path: Path
) -> None:
    runner: Runner = ThreadRunner(2) if where == "threads" else DistributedRunner(client)
    request = GenerateRequest(disk / "x.zarr", 40_000, 4, 2, chunk_rows=1000)
    with pytest.raises(OutputError) as caught:
        generate(request, runner, Silent())
    says(caught.value, disk / ".x.zarr.wip", "No space left on device", "Make room")
    nothing_at(disk / "x.zarr")
    assert list(disk.rglob("*.partial")) == []
    remount(f"size={2048 * PAGE}")
    result = generate(request, runner, Silent())
    assert 0 < result.kept < result.chunks
    assert {each.name for each in disk.iterdir()} == {"x.zarr"}
    straight = GenerateRequest(tmp_path / "x.zarr", 40_000, 4, 2, chunk_rows=1000)
    generate(straight, ThreadRunner(1), Silent())
    assert files_of(disk / "x.zarr") == files_of(tmp_path / "x.zarr")


def test_the_command_says_that_the_disk_is_full(disk: Path) -> None:
    size = ("--rows", 4000, "--features", 4, "--components", 2)
    assert command("generate", disk / "x.zarr", *size).exit_code == 0
    kept = Kept(disk / "x.zarr")
    more = ("generate", disk / "x.zarr", *size, "--rows", 40_000, "--overwrite")
    says(refused(*more, code=74), disk / ".x.zarr.wip", "No space left on device", "Make room")
    kept.check()


def test_a_disk_that_may_only_be_read_is_named_before_any_work(
    disk: Path, remount: Remount, data: Path
) -> None:
    size = ("--rows", 4000, "--features", 4, "--components", 2)
    assert command("fit", data, *FITTED, disk / "run").exit_code == 0
    assert command("generate", disk / "rows", *size).exit_code == 0
    kept = Kept(disk)
    remount("ro")
    for verb, old in ((("fit", data, "--components", 2, "--out"), "run"), (("generate",), "rows")):
        more = size if verb == ("generate",) else ()
        for out, options in ((old, ("--overwrite",)), ("new", ()), ("deep/new", ())):
            message = refused(*verb, disk / out, *more, *options, code=74)
            says(message, disk / out, "Read-only file system", "choose another place")
    says(refused("demo", "--out", disk / "demo", code=74), disk / "demo", "Read-only file system")
    with pytest.raises(OutputError, match=f"{disk}/m, but .*Read-only file system") as caught:
        GaussianMixtureModel(2).fit(X).save(disk / "m")
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.EROFS
    with pytest.raises(OutputError, match="Read-only file system"):
        generate_gmm_data(9, [1], [[0]], [[[1]]], store=disk / "x.zarr")
    assert load_model(disk / "run" / "model.zarr").mixture.n_components == 2
    kept.check()


def test_data_on_a_disk_that_may_only_be_read_are_read(
    disk: Path, remount: Remount, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, disk / "d.zarr")
    (disk / "d.zarr" / "x" / "c" / "0" / "0").write_bytes(b"short")
    remount("ro")
    with pytest.raises(DataError, match=f"c/0/0 .* of {disk}/d.zarr/x. has 5 bytes"):
        GaussianMixtureModel(2).fit(disk / "d.zarr")
    remount("rw")
    shutil.copytree(data, disk / "d.zarr", dirs_exist_ok=True)
    remount("ro")
    assert command("fit", disk / "d.zarr", *FITTED, tmp_path / "run").exit_code == 0
