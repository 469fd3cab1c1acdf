"""Reads that fail on the way are tried again; those that cannot succeed are not."""

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore, WrapperStore

from dask_gmm import GaussianMixtureModel
from dask_gmm.data import again as module
from dask_gmm.data import folder
from dask_gmm.data.again import again
from dask_gmm.data.damage import DamagedChunkError
from dask_gmm.data.plain import read_plain
from dask_gmm.errors import DataError
from tests.data.arrays import foreign

X = np.random.default_rng(0).standard_normal((300, 2))


class Forbidden(Exception):
    """What a library of a store may raise of its own."""


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSES", (0.0, 0.0))


class Failing(WrapperStore[MemoryStore]):
    """A store that fails at some of its reads of chunks.

    Parameters
    ----------
    store : MemoryStore
    each : int
        Every such read fails: 1 for all of them.
    error : Exception
    """

    def __init__(self, store: MemoryStore, each: int, error: Exception) -> None:
        super().__init__(store)
        self.each, self.error = each, error
        self.reads = 0

    async def get(self, key: str, *args: Any, **options: Any) -> Any:
        if "c/" in key:
            self.reads += 1
            await asyncio.sleep(0)
            if self.reads % self.each == 0:
                raise self.error
        return await super().get(key, *args, **options)


def array_in(store: Any) -> Any:
    array = zarr.create_array(store, shape=X.shape, chunks=(50, 2), dtype="f8")
    array[...] = X
    return array


def failing(each: int, error: Exception) -> tuple[Failing, Any]:
    """A store with rows, and its array, read through what fails."""
    memory = MemoryStore()
    array_in(memory)
    store = Failing(memory, each, error)
    return store, zarr.open_array(store, mode="r+")


@pytest.mark.parametrize(
    "error", [TimeoutError("slow"), OSError(errno.EIO, "Input/output error"), Forbidden("503")]
)
def test_a_store_that_fails_at_every_third_read_costs_no_byte(error: Exception) -> None:
    store, array = failing(3, error)
    means = GaussianMixtureModel(2).fit(array).means
    assert store.reads > 6
    assert means.tobytes() == GaussianMixtureModel(2).fit(array_in(MemoryStore())).means.tobytes()


@pytest.mark.parametrize(
    ("error", "said", "tries"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), r"\(Permission denied\)", 1),
        (Forbidden("403"), r"\(Forbidden: 403\)", 3),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset"), r"\(Connection reset\)", 3),
    ],
)
def test_a_store_that_does_not_give_a_chunk_is_named(
    error: Exception, said: str, tries: int
) -> None:
    store, array = failing(1, error)
    with pytest.raises(DataError, match=rf"chunk c/\d/0 .* cannot be read {said}\. See that it"):
        GaussianMixtureModel(2).fit(array)
    assert store.reads >= tries


def test_a_store_that_does_not_list_its_chunks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _, array = failing(10**9, Forbidden("none"))

    def refusing(self: Failing, prefix: str) -> Any:
        raise Forbidden("403")

    monkeypatch.setattr(Failing, "list_prefix", refusing)
    with pytest.raises(DataError, match=r"must be listed .* \(Forbidden: 403\)\. See that it can"):
        GaussianMixtureModel(2).fit(array)


@pytest.mark.parametrize("kind", ["crc32c", "zstd"])
def test_a_disk_that_fails_now_and_then_costs_no_byte(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = foreign(tmp_path / "g", kind)
    whole = GaussianMixtureModel(2).fit(path).means
    calls = iter(range(10**6))

    def now_and_then(read: Any) -> Any:
        def reading(*args: Any, **options: Any) -> Any:
            if "/c/" in str(args[0]) and next(calls) % 3 == 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return read(*args, **options)

        return reading

    monkeypatch.setattr(folder, "read_plain", now_and_then(read_plain))
    monkeypatch.setattr(Path, "read_bytes", now_and_then(Path.read_bytes))
    assert GaussianMixtureModel(2).fit(path).means.tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (FileNotFoundError(), 1),
        (NotADirectoryError(), 1),
        (IsADirectoryError(), 1),
        (PermissionError(), 1),
        (MemoryError(), 1),
        (DamagedChunkError("is empty"), 1),
        (OSError(), 3),
        (ValueError(), 3),
    ],
)
def test_what_cannot_succeed_is_not_tried_again(error: Exception, calls: int) -> None:
    made: list[int] = []

    def read() -> Iterator[int]:
        made.append(1)
        raise error

    with pytest.raises(type(error)):
        again(read)
    assert len(made) == calls
