"""Everything below an address is as in a folder, to the byte; on web servers, what can be read."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import zarr
from distributed import Client

from dask_gmm import GaussianMixtureModel, generate_gmm_data, load_model
from dask_gmm.data.open import open_source
from dask_gmm.errors import BadChunkError, InputError
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import remove
from dask_gmm.objects.location import Location
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.generate import generate
from dask_gmm.workflows.requests import GenerateRequest
from tests.data.arrays import CODECS, ROWS, digests_of, files_of, foreign, ours, values_of
from tests.faults.programs import digest_of
from tests.objects.server import web
from tests.whole.refusals import command, refused, says

DRAW = ("--rows", 6_000, "--features", 3, "--components", 2, "--overlap", 0.3, "--chunk-rows", 500)
FIT = ("--components", 2, "--solver", "em", "--max-iter", 4, "--tol", "1e-9")


@pytest.fixture
def memory() -> Iterator[Address]:
    address = Address("memory", "", uuid4().hex)
    yield address
    remove(address)


def objects_of(root: Location) -> dict[str, bytes]:
    if isinstance(root, Address):
        return {name: (root / name).read_bytes() for name in root.sizes()}
    return files_of(root)


def done(*words: object) -> str:
    result = command(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_verb_writes_the_same(memory: Address, tmp_path: Path) -> None:
    for root in (tmp_path, memory):
        data, run = root / "d.zarr", root / "runs/a"
        done("generate", data, *DRAW)
        done("fit", data, *FIT, "--out", run)
        done("predict", data, run, "--out", root / "p.zarr", "--labels", "--log-density")
        done("select", data, "--components", "1,2", "--out", root / "s", "--max-iter", 3)
        done("report", run)
        assert str(run) in done("inspect", run)
        assert json.loads(done("score", data, run, "--json"))["rows"] == 6_000
    for name in ("d.zarr", "p.zarr"):
        folder, address = objects_of(tmp_path / name), objects_of(memory / name)
        assert folder.keys() == address.keys()
        assert {each for each in folder if folder[each] != address[each]} <= {"zarr.json"}
    for name in ("runs/a", "s"):
        assert digest_of(tmp_path / name) == digest_of(memory / name)
        assert objects_of(tmp_path / name).keys() == objects_of(memory / name).keys()
    assert sorted(each.name for each in memory.iterdir()) == ["d.zarr", "p.zarr", "runs", "s"]


def test_what_is_done_is_not_done_again(memory: Address) -> None:
    verbs: list[tuple[object, ...]] = [
        ("generate", memory / "d.zarr", *DRAW),
        ("fit", memory / "d.zarr", *FIT, "--out", memory / "a"),
        ("predict", memory / "d.zarr", memory / "a", "--out", memory / "p.zarr"),
    ]
    for words in verbs:
        done(*words)
    before = objects_of(memory)
    for words in verbs:
        done(*words)
    assert objects_of(memory) == before
    says(refused(*verbs[1], "--seed", 1, code=73), memory / "a", "exists")
    done(*verbs[1], "--seed", 1, "--overwrite")
    assert objects_of(memory) != before


@pytest.mark.parametrize("foreigner", [False, True])
def test_a_fit_that_is_stopped_after_any_pass_goes_on_to_the_same_bytes(
    memory: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreigner: bool
) -> None:
    """Rows without digests are known by the tags of their objects."""
    done("generate", memory / "d.zarr", *DRAW)
    if foreigner:
        remove(memory / "d.zarr/digests")
    words = ("fit", memory / "d.zarr", *FIT, "--out")
    done(*words, memory / "whole")
    real = RunFolder.add_pass

    def dying(last: int, self: RunFolder, record: Any) -> None:
        real(self, record)
        if record["pass"] == last:
            raise KeyboardInterrupt

    for last in range(1, 5):
        with monkeypatch.context() as patch:
            patch.setattr(RunFolder, "add_pass", lambda *args, last=last: dying(last, *args))
            assert command(*words, memory / f"out-{last}").exit_code == 1
        assert not (memory / f"out-{last}").exists()
        left = any("checkpoints/" in name for name in memory.sizes())
        assert left or last == 1
        done(*words, memory / f"out-{last}")
        assert digest_of(memory / f"out-{last}") == digest_of(memory / "whole")
        manifest = json.loads((memory / f"out-{last}/manifest.json").read_text())
        assert len(manifest["parts"]) == 1 + left


def test_a_fit_is_refused_when_its_rows_were_written_again(
    memory: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("generate", memory / "d.zarr", *DRAW)
    remove(memory / "d.zarr/digests")
    words = ("fit", memory / "d.zarr", *FIT, "--out", memory / "out")

    real = RunFolder.add_pass

    def dying(self: RunFolder, record: Any) -> None:
        real(self, record)
        if record["pass"] == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "add_pass", dying)
        assert command(*words).exit_code == 1
    chunk = memory / "d.zarr/x/c/3/0"
    chunk.write_bytes(chunk.read_bytes())
    says(refused(*words, code=73), "that are others or were written again")


@pytest.mark.parametrize("by", ["memory", "http"])
@pytest.mark.parametrize("kind", CODECS)
def test_an_array_of_others_has_the_same_rows_and_digests(
    memory: Address, tmp_path: Path, kind: str, by: str
) -> None:
    here = open_source(foreign(tmp_path / "a.zarr", kind))
    with web(tmp_path) as server:
        place: Any = f"{server}/a.zarr/x"
        if by == "memory":
            place = memory / "x"
            for name, data in files_of(tmp_path / "a.zarr/x").items():
                (place / name).write_bytes(data)
        there = open_source(place)
        np.testing.assert_array_equal(values_of(there), ROWS)
        np.testing.assert_array_equal(digests_of(there), digests_of(here))


@pytest.mark.parametrize("damage", ["absent", "empty", "short", "flipped", "swapped"])
@pytest.mark.parametrize("by", ["memory", "http"])
def test_a_damaged_chunk_is_named(memory: Address, tmp_path: Path, by: str, damage: str) -> None:
    chunk = ours(tmp_path / "a.zarr", "crc32c") / "c/2/0"
    whole, other = chunk.read_bytes(), (tmp_path / "a.zarr/x/c/0/0").read_bytes()
    damaged = {"empty": b"", "short": whole[:-7], "flipped": b"?" + whole[1:], "swapped": other}
    chunk.unlink()
    if damage in damaged:
        chunk.write_bytes(damaged[damage])
    with web(tmp_path) as server:
        place: Any = f"{server}/a.zarr"
        if by == "memory":
            place = memory / "a.zarr"
            for name, data in files_of(tmp_path / "a.zarr").items():
                (place / name).write_bytes(data)
        source = open_source(place)
        with pytest.raises(BadChunkError, match=rf"c/2/0 .*{place}/x"):
            values_of(source)


def test_rows_and_models_are_read_from_web_servers_and_nothing_is_written_there(
    tmp_path: Path,
) -> None:
    done("generate", tmp_path / "d.zarr", *DRAW)
    done("fit", tmp_path / "d.zarr", *FIT, "--out", tmp_path / "here")
    before = files_of(tmp_path)
    with web(tmp_path) as server:
        rows, run = f"{server}/d.zarr", f"{server}/here"
        there = load_model(f"{run}/model.zarr")
        np.testing.assert_array_equal(there.means, load_model(tmp_path / "here/model.zarr").means)
        assert run in done("inspect", run)
        assert json.loads(done("score", rows, run, "--json"))["rows"] == 6_000
        for words in (
            ("generate", f"{server}/n.zarr", *DRAW),
            ("fit", tmp_path / "d.zarr", *FIT, "--out", f"{server}/out"),
            ("predict", rows, run, "--out", f"{server}/p.zarr"),
        ):
            says(refused(*words, code=2), server, "which is only read from", "Choose another")
        assert files_of(tmp_path) == before
        done("fit", rows, *FIT, "--out", tmp_path / "there")
    assert digest_of(tmp_path / "there") == digest_of(tmp_path / "here")


def test_the_python_calls_take_addresses(memory: Address) -> None:
    weights, means, covariances = [0.5, 0.5], np.array([[0.0], [9.0]]), np.ones((2, 1, 1))
    x = generate_gmm_data(1000, weights, means, covariances, seed=1, store=str(memory / "d.zarr"))
    model = GaussianMixtureModel(2).fit(str(memory / "d.zarr"))
    again = GaussianMixtureModel(2).fit(np.asarray(x))
    np.testing.assert_array_equal(model.means, again.means)
    assert isinstance(x, zarr.Array)


class TestWorkers:
    """They do not find what lies in the memory of this process."""

    @pytest.fixture
    def runner(self, client: Client) -> DistributedRunner:
        return DistributedRunner(client)

    def test_rows_there_are_refused(self, memory: Address, client: Client) -> None:
        done("generate", memory / "d.zarr", *DRAW)
        with pytest.raises(InputError, match=rf"workers can open, found {memory}/d.zarr/x"):
            GaussianMixtureModel(2, client=client).fit(str(memory / "d.zarr"))

    def test_nothing_is_written_there(self, memory: Address, runner: DistributedRunner) -> None:
        request = GenerateRequest(memory / "d.zarr", 1000, 2, 2)
        with pytest.raises(InputError, match=rf"workers can write to, found {memory}/d.zarr"):
            generate(request, runner, Silent())
        assert not memory.exists()
