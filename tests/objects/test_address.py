"""Addresses are used as paths are: the same calls give the same, and the same errors."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dask_gmm.objects import either
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location

FILES = ["a.txt", "f/a", "f/b.tar.gz", "f/g/a", ".hidden"]
PLACES = [*FILES, "f", "f/g", "none", "f/none"]
texts = st.text("aä\n", max_size=5)
files, places = st.sampled_from(FILES), st.sampled_from(PLACES)


def outcome(call: Callable[[], object]) -> object:
    """What a call gives, or as what it fails."""
    try:
        return call()
    except OSError as error:
        return type(error)


def inside(place: Location) -> list[str] | None:
    return None if place.is_file() else sorted(each.name for each in place.iterdir())


LOOKS: tuple[Callable[[Location], object], ...] = (
    lambda place: place.exists(),
    lambda place: place.is_file(),
    lambda place: place.is_dir(),
    lambda place: place.is_symlink(),
    lambda place: None if place.is_dir() else place.read_bytes(),
    lambda place: None if place.is_dir() else place.read_text(),
    lambda place: None if place.is_dir() else place.stat().st_size,
    either.is_there,
    either.read_if_there,
    inside,
)


def said(look: Callable[[Location], object], name: str, root: Location) -> object:
    return look(root / name)


class Twins(RuleBasedStateMachine):
    """A folder and an address, to which the same happens."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp())
        self.address = Address("memory", "", uuid4().hex)

    def both(self, call: Callable[[Location], object]) -> None:
        assert outcome(lambda: call(self.address)) == outcome(lambda: call(self.folder))

    @rule(name=files, text=texts)
    def write_text(self, name: str, text: str) -> None:
        def write(root: Location) -> object:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            return len(text) == (root / name).write_text(text) or root.is_dir()

        self.both(write)

    @rule(name=files, text=texts)
    def append_text(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        self.both(lambda root: either.append_text(root / name, text))

    @rule(name=files)
    def unlink(self, name: str) -> None:
        self.both(lambda root: (root / name).unlink(missing_ok=True))
        self.no_empty_folders()

    @rule(name=files, other=files)
    def move(self, name: str, other: str) -> None:
        (self.folder / other).parent.mkdir(parents=True, exist_ok=True)
        if name != other:
            self.both(lambda root: either.move(root / name, root / other))
        self.no_empty_folders()

    @rule(name=places, last=st.sampled_from(["", "a"]))
    def remove(self, name: str, last: str) -> None:
        self.both(lambda root: either.remove(root / name, last))
        self.no_empty_folders()

    def no_empty_folders(self) -> None:
        """There are none below an address."""
        for each in sorted(self.folder.rglob("*"), reverse=True):
            if each.is_dir() and not any(each.iterdir()):
                each.rmdir()

    @invariant()
    def they_say_the_same(self) -> None:
        for look in LOOKS:
            for name in PLACES:
                self.both(partial(said, look, name))
        found = {
            name: (self.folder / name).stat().st_size
            for name in FILES
            if (self.folder / name).is_file()
        }
        assert self.address.sizes() == found

    def teardown(self) -> None:
        either.remove(self.address)
        assert not self.address.exists()
        shutil.rmtree(self.folder)


TestTwins = Twins.TestCase
TestTwins.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)


@pytest.mark.parametrize("key", ["", "a", "a/b.c", "a/b.tar.gz", "a/.hidden", "a b/c.", "a.b/c"])
def test_its_parts_are_those_of_a_path(key: str) -> None:
    address, path = Address("s3", "b", key), Path("/") / key
    assert (address.name, str(address.parent)) == (path.name, f"s3://b{path.parent}".rstrip("/"))
    if key != "a b/c.":  # which Python 3.14 sees otherwise
        assert address.suffix == path.suffix
    assert [f"/{each.key}" for each in address.parents] == [str(each) for each in path.parents]
    assert (address / "x" / "y/z").key == str(path / "x" / "y/z")[1:]
    assert address.joinpath("x", "y").key == str(path.joinpath("x", "y"))[1:]
    if key:
        assert address.with_name("x").key == str(path.with_name("x"))[1:]


def test_an_address_that_a_browser_would_not_take_is_quoted() -> None:
    assert str(Address("http", "h:80", "a b/100%")) == "http://h:80/a%20b/100%25"
    assert str(Address("s3", "b", "a b/100%")) == "s3://b/a b/100%"


def test_what_was_written_can_be_told_from_what_was_before(memory: Address) -> None:
    place = memory / "x"
    place.write_bytes(b"1")
    before = place.stat()
    place.write_bytes(b"2")
    assert before.st_size == place.stat().st_size == 1
    assert before.stamp != place.stat().stamp != ""


def test_of_two_that_create_it_one_does(memory: Address) -> None:
    assert (memory / "x").create(b"mine")
    assert not (memory / "x").create(b"yours")
    assert (memory / "x").create(b"mine")  # since an answer may be lost
    assert (memory / "x").read_bytes() == b"mine"


def test_bytes_that_were_read_cannot_be_written_to(memory: Address) -> None:
    (memory / "x").write_bytes(bytearray(b"abc"))
    with pytest.raises(ValueError, match="read-only"):
        (memory / "x").read()[0] = 1


def test_what_says_that_a_folder_is_one_is_removed_last(
    memory: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "mark", "z", "f/mark"):
        (memory / name).write_bytes(b"")
    steps: list[list[str]] = []
    remove = type(memory.objects).remove

    def noted(self: object, keys: list[str]) -> None:
        remove(memory.objects, keys)
        steps.append(sorted(memory.sizes()))

    monkeypatch.setattr(type(memory.objects), "remove", noted)
    either.remove(memory, last="mark")
    assert steps == [["mark"], []]


def test_what_says_that_a_folder_is_one_is_copied_last(
    memory: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c/{i}" for i in range(40)]
    for name in ("a", "mark", "z", *names):
        (memory / "from" / name).write_bytes(name.encode())
    copied: list[str] = []
    copy = type(memory.objects).copy

    def noted(self: object, source: str, target: str) -> None:
        copy(memory.objects, source, target)
        copied.append(source.removeprefix(f"{memory.key}/from/"))

    monkeypatch.setattr(type(memory.objects), "copy", noted)
    either.copy_objects(memory / "from", memory / "to", last="mark")
    assert copied[-1] == "mark"
    assert sorted(copied) == sorted(["a", "mark", "z", *names])
    assert (memory / "to").sizes() == (memory / "from").sizes()
    assert (memory / "to/c/7").read_text() == "c/7"
