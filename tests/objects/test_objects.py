"""What all objects promise, by whichever library they are reached."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pytest

from dask_gmm.errors import MissingExtraError
from dask_gmm.objects.address import Address
from dask_gmm.objects.contract import Objects
from dask_gmm.objects.fsspec_objects import FsspecObjects
from dask_gmm.objects.location import location
from dask_gmm.objects.obstore_objects import ObstoreObjects
from dask_gmm.objects.opened import objects_at
from tests.objects.server import web

ODD = ["a b", "100%", "ä", "a+b", "a#b", "a@2", "a=b&c"]


@pytest.fixture(params=["fsspec memory", "fsspec disk", "obstore memory", "obstore disk"])
def objects(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Objects]:
    """Objects of which none is there; on a disk, a store minds that what it removes is not."""
    kind: str = request.param
    if kind == "fsspec memory":
        yield Below(FsspecObjects("memory", ""), uuid4().hex)
    elif kind == "fsspec disk":
        monkeypatch.chdir(tmp_path)  # which is where addresses without a host begin
        yield Below(FsspecObjects("local", ""), "b")
    else:
        stores = obstore.store
        made = stores.MemoryStore() if kind == "obstore memory" else stores.LocalStore(tmp_path)
        monkeypatch.setattr(stores, "from_url", lambda *_, **__: made)
        yield ObstoreObjects("s3://b")


class Below:
    """Objects whose keys begin alike.

    Parameters
    ----------
    objects : Objects
    start : str
    """

    def __init__(self, objects: Objects, start: str) -> None:
        self._objects, self._start = objects, f"{start}/"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def _full(self, key: str) -> str:
        return (self._start + key).rstrip("/")

    def get(self, key: str) -> Any:
        return self._objects.get(self._full(key))

    def part(self, key: str, start: int, n_bytes: int) -> bytes:
        return self._objects.part(self._full(key), start, n_bytes)

    def put(self, key: str, data: bytes | bytearray) -> None:
        self._objects.put(self._full(key), data)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        return self._objects.put_if_absent(self._full(key), data)

    def facts(self, key: str) -> Any:
        return self._objects.facts(self._full(key))

    def below(self, key: str) -> Any:
        found = self._objects.below(self._full(key))
        return ((each[len(self._start) :], facts) for each, facts in found)

    def children(self, key: str) -> list[str]:
        return self._objects.children(self._full(key))

    def remove(self, keys: Iterable[str]) -> None:
        self._objects.remove([self._full(key) for key in keys])

    def copy(self, source: str, target: str) -> None:
        self._objects.copy(self._full(source), self._full(target))


def sizes(objects: Objects, key: str = "") -> dict[str, int]:
    return {name: facts.st_size for name, facts in objects.below(key)}


def test_what_was_put_is_there(objects: Objects) -> None:
    objects.put("a/x", b"123")
    objects.put("a/x", bytearray(b"12345"))
    assert objects.get("a/x").tobytes() == b"12345"
    assert objects.part("a/x", 1, 3) == b"234"
    assert objects.facts("a/x").st_size == 5
    assert not objects.get("a/x").flags.writeable


def test_what_lies_below_a_key_is_listed_and_nothing_beside_it(objects: Objects) -> None:
    for key in ("a/x", "a/f/y", "a/f/g/z", "ab", "b/x"):
        objects.put(key, key.encode())
    assert sizes(objects, "a") == {"a/x": 3, "a/f/y": 5, "a/f/g/z": 7}
    assert sizes(objects, "a/x") == {}
    assert sizes(objects, "none") == {}
    assert objects.children("a") == ["f", "x"]
    assert objects.children("") == ["a", "ab", "b"]
    assert objects.children("a/x") == objects.children("none") == []


def test_one_that_is_there_is_not_put_again(objects: Objects) -> None:
    assert objects.put_if_absent("a/x", b"mine")
    assert not objects.put_if_absent("a/x", b"yours")
    assert objects.put_if_absent("a/x", b"mine")
    assert objects.get("a/x").tobytes() == b"mine"


def test_those_that_are_there_are_removed(objects: Objects) -> None:
    keys = [f"a/{i}" for i in range(5)]
    for key in keys:
        objects.put(key, b"1")
    objects.remove(["a/none", *keys[:3], "none"])
    assert sizes(objects) == dict.fromkeys(keys[3:], 1)
    objects.remove(["none"])
    objects.remove(keys)
    assert sizes(objects) == {}
    objects.remove([])


def test_a_copy_takes_the_place_of_what_was_there(objects: Objects) -> None:
    objects.put("a/x", b"1")
    objects.put("b/y", b"22")
    objects.copy("a/x", "b/y")
    assert sizes(objects) == {"a/x": 1, "b/y": 1}


def test_what_is_not_there_is_named(objects: Objects) -> None:
    for call in (
        lambda: objects.get("a/x"),
        lambda: objects.part("a/x", 0, 1),
        lambda: objects.facts("a/x"),
        lambda: objects.copy("a/x", "b"),
    ):
        with pytest.raises(FileNotFoundError, match=r"there is nothing: '.*a/x'"):
            call()
    assert objects.children("") == []


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_names(objects: Objects, name: str) -> None:
    objects.put(f"{name}/{name}", b"1")
    assert objects.children("") == objects.children(name) == [name]
    assert sizes(objects, name) == {f"{name}/{name}": 1}
    assert objects.get(f"{name}/{name}").tobytes() == b"1"


def test_a_large_object_is_sent_in_parts(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dask_gmm.objects.obstore_objects.ONE_PIECE", 10)
    objects.put("a", bytes(range(200)))
    assert objects.get("a").tobytes() == bytes(range(200))


def test_many_are_removed_in_several_requests(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dask_gmm.objects.obstore_objects.REMOVED_AT_ONCE", 2)
    for i in range(5):
        objects.put(f"a/{i}", b"")
    objects.remove([f"a/{i}" for i in range(5)])
    assert sizes(objects) == {}


class TestWeb:
    """Files that a web server sends."""

    @pytest.fixture
    def served(self, tmp_path: Path) -> Iterator[Address]:
        (tmp_path / "f").mkdir()
        for name in ("x", *ODD):
            (tmp_path / "f" / name).write_text(name)
        with web(tmp_path) as address:
            found = location(f"{address}/f")
            assert isinstance(found, Address)
            yield found

    def test_they_are_read(self, served: Address) -> None:
        assert (served / "x").read_text() == "x"
        assert (served / "x").is_file()
        assert (served / "x").stat().st_size == 1
        with pytest.raises(OSError, match="does not send parts"):  # this one
            served.objects.part("f/x", 0, 1)
        assert not (served / "none").exists()
        with pytest.raises(FileNotFoundError):
            (served / "none").read()

    @pytest.mark.parametrize("name", ODD)
    def test_odd_names_are_names(self, served: Address, name: str) -> None:
        assert (served / name).read_text() == name

    def test_they_are_not_listed(self, served: Address) -> None:
        assert not served.is_dir()
        for call in (served.iterdir, served.sizes, lambda: served.objects.children("f")):
            with pytest.raises(OSError, match="do not tell what they have"):
                call()

    def test_nothing_is_written_or_removed(self, served: Address) -> None:
        for call in (
            lambda: (served / "y").write_bytes(b""),
            lambda: (served / "y").create(b""),
            lambda: (served / "x").unlink(),
            lambda: (served / "x").replace(served / "y"),
        ):
            with pytest.raises(PermissionError, match="only read from"):
                call()
        assert (served / "x").read_text() == "x"


def test_what_opens_a_scheme_is_named_where_it_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    for scheme, extra in (("gs", "gcs"), ("http", "http")):
        with pytest.raises(MissingExtraError, match=rf"pip install 'dask-gmm\[{extra}\]'"):
            ObstoreObjects(f"{scheme}://b")
    with pytest.raises(MissingExtraError, match=r"fsspec opens s3a://b, but .* s3fs"):
        FsspecObjects("s3a", "b")


def test_a_bucket_is_opened_once() -> None:
    assert objects_at("memory", "") is objects_at("memory", "")
    assert isinstance(objects_at("memory", ""), FsspecObjects)
    assert isinstance(objects_at("http", "h"), ObstoreObjects)
