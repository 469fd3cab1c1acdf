"""Checkpoints in stores, what may be wrong with them, and which is the newest."""

from collections.abc import Callable

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.spec import Spec
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.records.checkpoints import Checkpoints
from tests.records.stored import differences
from tests.records.stores import MemoryStore
from tests.workflows.resuming import X, checkpoints

FIT = checkpoints(Spec(2, max_iter=8, tol=0.0))
OTHER = checkpoints(Spec(2, max_iter=3, tol=0.0), source=ArraySource.of(X + 1))


def holding(*kept: Checkpoint) -> MemoryStore:
    store = MemoryStore()
    write_all(store, *kept)
    return store


def write_all(store: MemoryStore, *kept: Checkpoint) -> None:
    into = Checkpoints(store)
    for each in kept:
        into.write(each)


def copy_of(store: MemoryStore) -> MemoryStore:
    copied = MemoryStore()
    copied.held.update(store.held)
    return copied


def same(a: object, b: object) -> bool:
    return next(differences(a, b), None) is None


def is_latest(store: MemoryStore, *expected: Checkpoint) -> bool:
    """Whether the newest one in a store is one of these, and nothing is said of it."""
    found = Checkpoints(store).latest()
    assert found is not None
    assert found.warnings == ()
    return any(same(found.checkpoint, each) for each in expected)


def flipped(data: bytes) -> bytes:
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


def replaced(store: MemoryStore, name: str, data: bytes | None) -> None:
    store.held.pop(name) if data is None else store.held.update({name: data})


DAMAGES: dict[str, Callable[[bytes], bytes | None]] = {
    "missing": lambda data: None,
    "truncated": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "flipped": flipped,
    "flipped at its end": lambda data: data[:-3] + bytes([data[-3] ^ 16]) + data[-2:],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(len(data)),
    "longer": lambda data: data + b"\0",
}
