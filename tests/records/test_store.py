"""What every store promises, and what a folder does so that it can."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dask_gmm.errors import DataError, InputError, OutputError
from dask_gmm.objects.address import Address
from dask_gmm.records import store as module
from dask_gmm.records.object_store import store_at
from dask_gmm.records.publish import flush_one
from dask_gmm.records.store import FolderStore, Store
from tests.records.stores import MemoryStore

NAMES = ["a", "a.b", "ab", "b-1", "_c"]
names = st.sampled_from(NAMES)
RACER = """
import sys
from pathlib import Path
from dask_gmm.records.store import FolderStore

store, mine = FolderStore(Path(sys.argv[1])), sys.argv[2].encode() * 100_000
print("ready", flush=True)
sys.stdin.readline()
print("".join("01"[store.put_if_absent(f"n{i}", mine)] for i in range(100)))
"""


class Promises(RuleBasedStateMachine):
    """A store beside a dictionary, and whether bytes that are there already count as put."""

    same_again = False

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, bytes] = {}
        self.store = self.made()

    def made(self) -> Store:
        return MemoryStore()

    @rule(name=names, data=st.binary())
    def put(self, name: str, data: bytes) -> None:
        self.store.put(name, data)
        self.model[name] = data

    @rule(name=names, data=st.binary())
    def put_if_absent(self, name: str, data: bytes) -> None:
        kept = name not in self.model or (self.same_again and self.model[name] == data)
        assert self.store.put_if_absent(name, data) == kept
        self.model.setdefault(name, data)

    @rule(name=names)
    def remove(self, name: str) -> None:
        self.store.remove(name)
        self.model.pop(name, None)

    @invariant()
    def what_was_put_is_there_and_nothing_else(self) -> None:
        assert {name: self.store.get(name) for name in NAMES} == {
            name: self.model.get(name) for name in NAMES
        }
        for prefix in ("", "a", "a.", "b-1", "z"):
            expected = sorted(name for name in self.model if name.startswith(prefix))
            assert list(self.store.list(prefix)) == expected


class FolderPromises(Promises):
    """The same of a folder, which is not there at first."""

    def made(self) -> Store:
        self.folder = TemporaryDirectory()
        return FolderStore(Path(self.folder.name) / "not" / "yet")

    def teardown(self) -> None:
        self.folder.cleanup()


TestMemory = Promises.TestCase
TestFolder = FolderPromises.TestCase
TestFolder.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../a", "/a", "a/b", ".a", "a\0", "a\n", "ä", "a b"]
)
@pytest.mark.parametrize("place", [None, Address("memory", "", "s")])
def test_what_is_no_name_is_refused(name: str, place: Address | None, tmp_path: Path) -> None:
    store = store_at(place or tmp_path)
    calls: list[Callable[[], object]] = [
        lambda: store.put(name, b""),
        lambda: store.put_if_absent(name, b""),
        lambda: store.get(name),
        lambda: store.remove(name),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"Wanted a name .*, found .* in .*\. Choose another"):
            call()
    assert list(tmp_path.iterdir()) == []


def test_of_two_processes_that_put_if_absent_one_wins(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", RACER, str(tmp_path / "s"), each] for each in "ab"]
    racers = [
        subprocess.Popen(each, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for each in commands
    ]
    for each in racers:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in racers:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    a, b = (each.communicate()[0].strip() for each in racers)
    assert [each.returncode for each in racers] == [0, 0]
    assert len(a) == len(b) == 100
    store = FolderStore(tmp_path / "s")
    for i, won in enumerate(zip(a, b, strict=True)):
        assert won in (("1", "0"), ("0", "1"))
        assert store.get(f"n{i}") == (b"a" if won[0] == "1" else b"b") * 100_000
    assert len(list(store.path.iterdir())) == 100


def test_a_loser_that_saw_nothing_there_keeps_what_won(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FolderStore(tmp_path).put("a", b"first")
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not FolderStore(tmp_path).put_if_absent("a", b"second")
    assert (tmp_path / "a").read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208


@pytest.mark.parametrize("when", ["made", "written"])
def test_a_folder_that_is_removed_meanwhile_is_made_again(
    when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds a lease removes what is left half written, and, when it ends, an empty folder."""
    store = FolderStore(tmp_path / "s")
    owner, name = (module, "_make") if when == "made" else (os, "fsync")
    real = getattr(owner, name)

    def removed(what: Any) -> None:
        real(what)
        if store.path.is_dir() and list(store.path.iterdir()) != [store.path / "a"]:
            monkeypatch.undo()
            store.remove_stale()
            store.path.rmdir()

    monkeypatch.setattr(owner, name, removed)
    assert store.put_if_absent("a", b"1")
    assert getattr(owner, name) is real
    assert not store.put_if_absent("a", b"2")
    assert store.get("a") == b"1"
    assert [each.name for each in store.path.iterdir()] == ["a"]


def test_a_loser_follows_a_winner_that_has_gone_with_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, flush = FolderStore(tmp_path), flush_one
    store.put("a", b"of the winner")

    def gone(folder: Path) -> None:
        monkeypatch.undo()
        store.remove("a")
        folder.rmdir()
        flush(folder)

    monkeypatch.setattr(Path, "exists", lambda path: False)
    monkeypatch.setattr(module, "flush_one", gone)
    assert store.put_if_absent("a", b"of the loser")
    assert store.get("a") == b"of the loser"


def test_a_folder_that_cannot_be_made_is_an_error_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_make", lambda folder: None)
    with pytest.raises(OutputError, match="No such file or directory"):
        FolderStore(tmp_path / "s").put_if_absent("a", b"1")


@pytest.mark.parametrize("way", ["put", "put_if_absent"])
def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_after(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[str, bool]] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        found = os.fstat(descriptor)
        what = "folder" if stat.S_ISDIR(found.st_mode) else f"{found.st_size} bytes"
        steps.append((what, (tmp_path / "s" / "t" / "a").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    getattr(FolderStore(tmp_path / "s" / "t"), way)("a", b"12345")
    made = [("folder", False)] * 2
    assert steps == [*made, ("5 bytes", False), ("folder", True)]


@pytest.mark.parametrize("way", ["put", "put_if_absent"])
@pytest.mark.parametrize("where", ["fsync", "rename"])
def test_a_write_that_fails_leaves_what_was_there(
    where: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    store = FolderStore(tmp_path)
    if way == "put":
        store.put("a", b"old")
    before = store.get("a")
    with monkeypatch.context() as patch:
        if where == "fsync":
            patch.setattr(os, "fsync", fail)
        else:
            patch.setattr(Path, "replace", fail)
            patch.setattr(Path, "hardlink_to", fail)
        with pytest.raises(OutputError, match=r"No space left .* Make room on that disk"):
            getattr(store, way)("a", b"new")
    assert store.get("a") == before
    assert list(store.list("")) == [each.name for each in tmp_path.iterdir()]


def test_a_name_that_may_not_last_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "flush_one", fail)
    with pytest.raises(OutputError, match="Input/output error"):
        FolderStore(tmp_path).put("a", b"new")


def test_what_a_killed_process_left_is_not_listed_and_can_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    store.put("a", b"1")
    left, others = tmp_path / f".b.{'0f' * 8}.wip", tmp_path / ".run.wip"
    left.write_bytes(b"2")
    others.mkdir()
    assert list(store.list("")) == ["a"]
    with monkeypatch.context() as patch:

        def refuse(path: Path, missing_ok: bool) -> None:
            raise PermissionError(13, "Permission denied")

        patch.setattr(Path, "unlink", refuse)
        with pytest.raises(OutputError, match="Ask for permission"):
            store.remove_stale()
        with pytest.raises(OutputError, match="Ask for permission"):
            store.remove("a")
    store.remove_stale()
    assert sorted(tmp_path.iterdir()) == [others, tmp_path / "a"]
    FolderStore(tmp_path / "none").remove_stale()


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wanted = r'Wanted a file that can be read at .*/a, but the system says "Is a directory"\. Mend'
    with pytest.raises(DataError, match=wanted):
        FolderStore(tmp_path).get("a")
    (tmp_path / "b").write_text("")
    wanted = r'Wanted a folder .* at .*/b, but the system says "Not a directory"\. Mend'
    with pytest.raises(DataError, match=wanted):
        FolderStore(tmp_path / "b").list("")


def test_a_store_says_where_it_is(tmp_path: Path) -> None:
    assert str(FolderStore(tmp_path)) == str(tmp_path)


def test_a_disk_without_hard_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: Path, target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "hardlink_to", refusing)
    store = FolderStore(tmp_path / "store")
    assert store.put_if_absent("a", b"first")
    assert not store.put_if_absent("a", b"second")
    assert store.get("a") == b"first"
    assert [each.name for each in (tmp_path / "store").iterdir()] == ["a"]
