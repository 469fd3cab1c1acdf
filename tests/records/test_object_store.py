"""What every store promises, kept by an address, and what its refusals are called."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from dask_gmm.errors import (
    DataDeniedError,
    DataError,
    OutputDeniedError,
    OutputError,
    OutputUnreachableError,
    UnreachableError,
)
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import remove
from dask_gmm.objects.fsspec_objects import FsspecObjects
from dask_gmm.records.object_store import ObjectStore
from dask_gmm.records.store import Store
from tests.records.test_store import Promises


class ObjectPromises(Promises):
    """The same of an address; what says that a name is taken may be an answer that was lost."""

    same_again = True

    def made(self) -> Store:
        self.address = Address("memory", "", uuid4().hex)
        return ObjectStore(self.address / "not" / "yet")

    def teardown(self) -> None:
        remove(self.address)


TestObjects = ObjectPromises.TestCase


def test_an_address_says_where_it_is_and_has_nothing_to_tidy() -> None:
    store = ObjectStore(Address("memory", "", uuid4().hex))
    assert str(store) == str(store.address)
    store.put("a", b"1")
    store.remove_stale()
    store.vanish()
    assert store.get("a") == b"1"
    store.remove("a")


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (PermissionError(13, "access is denied"), DataDeniedError, OutputDeniedError),
        (ConnectionError(113, "cannot be reached"), UnreachableError, OutputUnreachableError),
        (OSError(6, "there is no such bucket"), DataError, OutputError),
    ],
)
def test_what_an_address_refuses_is_told(
    error: OSError,
    reading: type[Exception],
    writing: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise error

    store = ObjectStore(Address("memory", "", "s"))
    for name in ("get", "put", "put_if_absent", "children", "remove"):
        monkeypatch.setattr(FsspecObjects, name, refuse)
    calls: list[tuple[Callable[[], object], type[Exception]]] = [
        (lambda: store.get("a"), reading),
        (lambda: store.list(""), reading),
        (lambda: store.put("a", b""), writing),
        (lambda: store.put_if_absent("a", b""), writing),
        (lambda: store.remove("a"), writing),
    ]
    for call, kind in calls:
        with pytest.raises(
            kind, match=rf"[Ww]anted|must be .*{error.strerror}.*memory://s"
        ) as found:
            call()
        assert type(found.value) is kind
        assert "same command again" in str(found.value) or "Ask for permission" in str(found.value)
