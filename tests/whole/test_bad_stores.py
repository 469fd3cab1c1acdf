"""Stores that lost, changed or never had what they should hold, read by a whole fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import GaussianMixtureModel, load_model
from dask_gmm.errors import DataError, InputError
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from tests.data.arrays import CODECS, DAMAGES, chunk_file
from tests.whole.refusals import Kept, command, nothing_at, refused, same_error, says

N_ROWS, CHUNK_ROWS, FEATURES = 650, 100, 3
DAMAGED = 4
FOUND = {
    "absent": "is missing",
    "directory": "is a directory instead of a file",
    "flipped": "does not match its own checksum",
    "truncated": "has 2397 bytes instead of 2404",
    "half": "has 1202 bytes instead of 2404",
    "empty": "is empty",
    "swapped": "is not the one that was written there",
}
SEEN_FIRST = ("absent", "directory", "truncated", "half", "empty")


class Heard:
    """A Progress that does something when a pass has ended, and remembers what it heard."""

    def __init__(self, then: Callable[[], None] = lambda: None, after: int = 1) -> None:
        self.passes: list[str] = []
        self._then, self._left = then, after

    def start_pass(self, name: str, rows: int) -> None:
        self.passes.append(name)

    def advance(self, rows: int) -> None: ...

    def end_pass(self, note: str) -> None:
        self._left -= 1
        if not self._left:
            self._then()


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A data set as `generate` writes it."""
    size = ("--rows", N_ROWS, "--features", FEATURES, "--chunk-rows", CHUNK_ROWS)
    done = command("generate", tmp_path / "d.zarr", *size, "--components", 2)
    assert done.exit_code == 0
    return tmp_path / "d.zarr"


@pytest.fixture(params=["threads", "cluster"])
def runner(request: pytest.FixtureRequest, client: Client) -> Runner:
    return ThreadRunner(2) if request.param == "threads" else DistributedRunner(client)


def foreign(path: Path, kind: str = "zstd") -> Path:
    """The same shape of data set as a stranger writes it."""
    options: dict[str, Any] = CODECS[kind] | {"chunks": (CHUNK_ROWS, FEATURES)}
    if "shards" in options:
        options |= {"chunks": (20, FEATURES), "shards": (CHUNK_ROWS, FEATURES)}
    shape = (N_ROWS, FEATURES)
    array = zarr.create_array(path, shape=shape, dtype="f8", **options)
    array[...] = np.random.default_rng(3).standard_normal(shape)
    return path


def place(array: Path, chunk: int = DAMAGED) -> str:
    start, stop = chunk * CHUNK_ROWS, min((chunk + 1) * CHUNK_ROWS, N_ROWS)
    return f"chunk c/{chunk}/0 (rows {start} to {stop} of {array})"


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_a_generated_array_is_named_by_every_runner(
    generated: Path, damage: str, runner: Runner, tmp_path: Path
) -> None:
    DAMAGES[damage](chunk_file(generated / "x", DAMAGED))
    heard = Heard()
    with pytest.raises(DataError) as caught:
        fit(FitRequest(str(generated), 2, tmp_path / "run"), runner, heard)
    says(caught.value, place(generated / "x"), FOUND[damage], "Restore it from a copy")
    assert heard.passes == ([] if damage in SEEN_FIRST else ["survey"])
    nothing_at(tmp_path / "run")


@pytest.mark.parametrize("damage", ["absent", "directory", "flipped", "swapped"])
def test_the_command_says_the_same_and_succeeds_once_it_is_mended(
    generated: Path, damage: str, tmp_path: Path
) -> None:
    file, fitted = chunk_file(generated / "x", DAMAGED), ("--components", 2, "--out")
    stored = file.read_bytes()
    DAMAGES[damage](file)
    message = refused("fit", generated, *fitted, tmp_path / "run", code=65)
    with pytest.raises(DataError) as caught:
        GaussianMixtureModel(2).fit(generated)
    same_error(caught, message)
    (tmp_path / "c.yaml").write_text(
        f"steps: [{{fit: {{data: {generated}, components: 2, out: {tmp_path}/run}}}}]"
    )
    assert refused("run", tmp_path / "c.yaml", code=65) == message
    assert {each.name for each in tmp_path.iterdir()} == {"d.zarr", "c.yaml"}
    if file.is_dir():
        file.rmdir()
    file.write_bytes(stored)
    assert command("fit", generated, *fitted, tmp_path / "run").exit_code == 0
    assert command("fit", generated, *fitted, tmp_path / "never failed").exit_code == 0
    means = [load_model(tmp_path / run / "model.zarr").means for run in ("run", "never failed")]
    assert means[0].tobytes() == means[1].tobytes()


def test_columns_and_rows_that_are_not_read_may_be_damaged(generated: Path) -> None:
    DAMAGES["absent"](chunk_file(generated / "x", DAMAGED))
    GaussianMixtureModel(2).fit(generated, rows=slice(0, DAMAGED * CHUNK_ROWS))
    with pytest.raises(DataError, match=r"c/4/0 .* is missing"):
        GaussianMixtureModel(2).fit(generated, rows=slice(0, DAMAGED * CHUNK_ROWS + 1))


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_a_generated_array_during_a_run_is_named(
    generated: Path, damage: str, runner: Runner, tmp_path: Path
) -> None:
    heard = Heard(lambda: DAMAGES[damage](chunk_file(generated / "x", DAMAGED)), after=3)
    with pytest.raises(DataError) as caught:
        fit(FitRequest(str(generated), 2, tmp_path / "run"), runner, heard)
    says(caught.value, place(generated / "x"))
    assert heard.passes[-1].startswith("EM pass")
    nothing_at(tmp_path / "run")


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("damage", ["absent", "flipped", "swapped"])
def test_any_change_of_a_foreign_array_during_a_run_is_named(
    kind: str, damage: str, tmp_path: Path
) -> None:
    array = foreign(tmp_path / "x", kind)
    heard = Heard(lambda: DAMAGES[damage](chunk_file(array, DAMAGED)))
    with pytest.raises(DataError) as caught:
        fit(FitRequest(str(array), 2, tmp_path / "run"), ThreadRunner(2), heard)
    says(caught.value, place(array))
    nothing_at(tmp_path / "run")


def test_a_foreign_chunk_exchanged_during_a_run_changed(runner: Runner, tmp_path: Path) -> None:
    array = foreign(tmp_path / "x")
    heard = Heard(lambda: DAMAGES["swapped"](chunk_file(array, DAMAGED)))
    with pytest.raises(DataError) as caught:
        fit(FitRequest(str(array), 2, tmp_path / "run"), runner, heard)
    says(caught.value, place(array), "changed during the run", "Stop what writes to the array")


def test_an_array_rewritten_during_a_run_is_refused(runner: Runner, tmp_path: Path) -> None:
    array = foreign(tmp_path / "x")

    def rewrite() -> None:
        zarr.create_array(array, shape=(9, 3), chunks=(9, 3), dtype="f4", overwrite=True)

    with pytest.raises(DataError, match=r"metadata \(zarr\.json\) of .*/x changed\. Stop what"):
        fit(FitRequest(str(array), 2, tmp_path / "run"), runner, Heard(rewrite))


@pytest.mark.parametrize("damage", SEEN_FIRST)
def test_what_a_foreign_array_lacks_is_named(damage: str, tmp_path: Path) -> None:
    array, run = foreign(tmp_path / "x"), tmp_path / "run"
    DAMAGES[damage](chunk_file(array, DAMAGED))
    message = refused("fit", array, "--components", 2, "--out", run, code=65)
    says(message, place(array))
    assert ("set missing_chunks to fill" in message) == (damage == "absent")
    nothing_at(run)
    filled = command("fit", array, "--components", 2, "--out", run, "--missing-chunks", "fill")
    assert filled.exit_code == (0 if damage == "absent" else 65)


def test_every_lost_chunk_is_counted_before_the_first_is_read(tmp_path: Path) -> None:
    array = foreign(tmp_path / "x")
    for chunk in (2, 3, 6):
        DAMAGES["absent"](chunk_file(array, chunk))
    message = refused("fit", array, "--components", 2, "--out", tmp_path / "run", code=65)
    says(message, place(array, 2), "is missing (and 2 more of 7 chunks are damaged)")


NO_ZARR: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (lambda path: None, "is not there"),
    "a file": (lambda path: path.write_text("1,2"), "is a file"),
    "an empty folder": (lambda path: path.mkdir(), "is an empty folder"),
    "a folder": (lambda path: (path / "a.csv").mkdir(parents=True), "is a folder with a.csv"),
}


@pytest.mark.parametrize("name", NO_ZARR)
def test_a_path_that_is_not_zarr_is_refused(name: str, tmp_path: Path) -> None:
    make, found = NO_ZARR[name]
    make(tmp_path / "x")
    message = refused("fit", tmp_path / "x", "--components", 2, "--out", tmp_path / "run", code=2)
    says(message, f"{tmp_path}/x {found}", "Give the folder that holds its zarr.json")
    with pytest.raises(InputError) as caught:
        GaussianMixtureModel(2).fit(str(tmp_path / "x"))
    same_error(caught, message)
    assert refused("inspect", tmp_path / "x", code=2) == message
    nothing_at(tmp_path / "run")


def test_a_name_too_long_for_the_system_is_refused(generated: Path, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    says(refused("fit", path, "--components", 2, "--out", tmp_path / "run", code=2), "too long")
    message = refused("fit", generated, "--components", 2, "--out", path, code=74)
    says(message, path, "File name too long")


def test_a_group_without_an_array_to_choose_lists_what_it_has(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "g")
    for name, shape in (("a", (4, 2)), ("b", (5, 2)), ("c", (5,))):
        group.create_array(name, shape=shape, dtype="f8")
    message = refused("fit", tmp_path / "g", "--components", 2, "--out", tmp_path / "r", code=2)
    says(message, f"in {tmp_path}/g are: a (4, 2), b (5, 2).", "Choose one with array=")
    other = ("--array", "d", "--out", tmp_path / "r")
    says(
        refused("fit", tmp_path / "g", "--components", 2, *other, code=2), "the array d", "a (4, 2)"
    )


def test_chunks_that_a_writer_left_out_can_be_filled(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "x", shape=(400, 2), chunks=(100, 2), dtype="f8")
    stored = np.random.default_rng(0).standard_normal((300, 2)) + 5
    array[:300] = stored
    with pytest.raises(DataError, match="set missing_chunks to fill"):
        GaussianMixtureModel(1).fit(tmp_path / "x")
    filled = GaussianMixtureModel(1).fit(tmp_path / "x", missing_chunks="fill")
    assert np.allclose(filled.means, stored.sum(axis=0) / 400)
    with pytest.raises(InputError, match="missing_chunks"):
        GaussianMixtureModel(1).fit(tmp_path / "x", missing_chunks="zero")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"zarr_format": 9}', b"\xff\xfe\x00"])
@pytest.mark.parametrize("name", ["x/zarr.json", "digests/x/zarr.json"])
def test_damaged_metadata_are_named(
    generated: Path, name: str, content: bytes, tmp_path: Path
) -> None:
    (generated / name).write_bytes(content)
    run = ("--components", 2, "--out", tmp_path / "run")
    says(refused("fit", generated / "x", *run, code=65), generated / name.split("/zarr")[0])
    nothing_at(tmp_path / "run")


@pytest.mark.parametrize("damage", ["absent", "flipped", "truncated", "empty", "directory"])
def test_damaged_digests_are_named_and_not_passed_over(
    generated: Path, damage: str, tmp_path: Path
) -> None:
    DAMAGES[damage](generated / "digests" / "x" / "c" / "0" / "0")
    kept = Kept(generated)
    run = ("--components", 2, "--out", tmp_path / "run")
    message = refused("fit", generated, *run, code=65)
    says(message, generated / "digests" / "x", "delete that to read without digests")
    kept.check()
