"""Below an address, too, an output is published whole or not at all, wherever a call is killed."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from dask_gmm.errors import OutputError, OutputExistsError
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import remove
from dask_gmm.objects.fsspec_objects import FsspecObjects
from dask_gmm.records.kinds import PREDICTIONS, RUN_FOLDER
from dask_gmm.records.page import REPORT
from dask_gmm.records.publish import aside, publish, refuse_existing, settle

CHANGES = ("put", "put_if_absent", "remove", "copy")


@pytest.fixture
def path() -> Iterator[Address]:
    root = Address("memory", "", uuid4().hex)
    yield root / "runs" / "a.zarr"
    remove(root)


def write_folder(at: Address, text: str) -> None:
    """Write a folder with the mark of a run folder; an old one has more."""
    names = ["inside/file", "inside/c/0/0", *(["old/file"] if text == "old" else [])]
    for name in names:
        (at / name).write_text(text)
    (at / "manifest.json").write_text('{"format": "run"}')


def contents(at: Address) -> dict[str, str]:
    return {name: (at / name).read_text() for name in at.sizes()}


class StopError(BaseException):
    """Stands for a kill: nothing catches it."""


def killed(call: Callable[[], object], at: int, done: bool) -> bool:
    """Whether a call is killed at that change of the store, which is made or not."""
    left = at

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def change(*args: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                if left == -1 and done:
                    real(*args)
                raise StopError
            return real(*args)

        return change

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(FsspecObjects, name, dying(getattr(FsspecObjects, name)))
        try:
            call()
        except StopError:
            return True
    return False


def whole(path: Address) -> dict[str, dict[str, str]]:
    """What the two outputs are when they are whole."""
    found = {}
    for text in ("old", "new"):
        write_folder(path.with_name(text), text)
        found[text] = contents(path.with_name(text))
        remove(path.with_name(text))
    return found


@pytest.mark.parametrize("again", [None, 0, 1, 2, 3, 5])
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("replaces", [False, True])
def test_a_kill_at_any_change_leaves_what_the_same_call_finishes(
    path: Address, replaces: bool, done: bool, again: int | None
) -> None:
    """The second call may be killed, too."""
    outputs = whole(path)
    at = 0
    while True:
        if replaces:
            write_folder(path, "old")
        write_folder(aside(path), "new")
        was_killed = killed(lambda: publish(aside(path), path, True, RUN_FOLDER), at, done)
        look(path, outputs)
        if again is not None:
            killed(lambda: finish(path, outputs), again, done)
            look(path, outputs)
        finish(path, outputs)
        assert contents(path) == outputs["new"]
        assert [each.name for each in path.parent.iterdir()] == ["a.zarr"]
        remove(path)
        if not was_killed:
            break
        at += 1
    assert at >= (9 if replaces else 6)


def look(path: Address, outputs: dict[str, dict[str, str]]) -> None:
    """See that what says that it is an output is one, and that the new one is whole somewhere."""
    if RUN_FOLDER.is_at(path):
        assert contents(path) in outputs.values()
    assert outputs["new"] in (contents(path), contents(aside(path)))


def finish(path: Address, outputs: dict[str, dict[str, str]]) -> None:
    """Do as the same call does."""
    settle(path, RUN_FOLDER)
    assert not path.exists() or contents(path) in outputs.values()
    if contents(path) == outputs["new"]:
        remove(aside(path), last=RUN_FOLDER.document)
    else:
        publish(aside(path), path, True, RUN_FOLDER)
    remove(path.with_name(f".{path.name}.wip-probe"))


def test_the_next_call_that_looks_removes_what_has_been_copied(path: Address) -> None:
    """From when on that is known, until all of it is removed."""
    left = 0
    for at in range(20):
        write_folder(aside(path), "new")
        killed(lambda: publish(aside(path), path, True, RUN_FOLDER), at, True)
        known = '"copied": ".a' in half_of(path)
        left += known and aside(path).exists()
        settle(path, RUN_FOLDER)
        assert not (known and aside(path).exists())
        assert "new" in {*contents(path).values(), *contents(aside(path)).values()}
        remove(path.parent)
    assert left >= 2


def half_of(path: Address) -> str:
    half = path.with_name(f".{path.name}.wip-half")
    return half.read_text() if half.is_file() else ""


def test_the_next_call_that_looks_removes_what_is_half_there(path: Address) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    at = 0
    while RUN_FOLDER.is_at(path):
        assert killed(lambda: publish(aside(path), path, True, RUN_FOLDER), at, True)
        at += 1
    assert path.exists()
    refuse_existing(path, False, RUN_FOLDER)
    assert not path.exists()
    assert RUN_FOLDER.is_at(aside(path))


def test_what_somebody_else_put_there_is_not_removed(path: Address) -> None:
    (path / "thesis.txt").write_text("years of work")
    settle(path, RUN_FOLDER)
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError):
            refuse_existing(path, overwrite, RUN_FOLDER)
    assert contents(path) == {"thesis.txt": "years of work"}


def test_what_is_half_published_is_all_that_is_removed(path: Address) -> None:
    """Not another kind of output, nor what somebody has put there since."""
    write_folder(aside(path), "new")
    at = 0
    while not path.exists():
        assert killed(lambda: publish(aside(path), path, False, RUN_FOLDER), at, True)
        at += 1
    assert not RUN_FOLDER.is_at(path)
    (path / "inside" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError):
            refuse_existing(path, overwrite, RUN_FOLDER)
    assert contents(path) == {"inside/thesis.txt": "years of work"}


@pytest.mark.parametrize("mark", ["", "years of work", "{}", '{"kind": {}, "names": []}'])
def test_a_mark_that_tells_nothing_is_refused_and_nothing_is_removed(
    path: Address, mark: str
) -> None:
    write_folder(path, "old")
    before = contents(path)
    half = path.with_name(f".{path.name}.wip-half")
    half.write_text(mark)
    with pytest.raises(OutputError, match=rf"at {half}, found something else .* remove the mark"):
        refuse_existing(path, True, RUN_FOLDER)
    assert contents(path) == before
    assert half.read_text() == mark


def test_a_call_for_another_kind_settles_what_was_half_published_as_its_own_would(
    path: Address,
) -> None:
    """Wherever the first one was killed, an output that is whole is kept."""
    outputs = whole(path)
    at, kept = 0, 0
    while True:
        write_folder(path, "old")
        write_folder(aside(path), "new")
        was_killed = killed(lambda: publish(aside(path), path, True, RUN_FOLDER), at, True)
        is_whole = RUN_FOLDER.is_at(path)
        settle(path, PREDICTIONS)
        assert path.exists() == is_whole
        assert not is_whole or contents(path) in outputs.values()
        assert not [each for each in path.parent.iterdir() if each.name.endswith("-half")]
        kept += is_whole
        remove(path)
        if not was_killed:
            break
        at += 1
    assert 1 < kept < at


def test_what_exists_is_refused_before_any_work_and_again_at_the_end(path: Address) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        refuse_existing(path, False, RUN_FOLDER)
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        publish(aside(path), path, False, RUN_FOLDER)
    assert contents(path)["inside/file"] == "old"
    assert contents(aside(path))["inside/file"] == "new"


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(5))
def test_a_page_is_the_old_one_or_the_new_one(path: Address, at: int, done: bool) -> None:
    page = f'<meta content="{REPORT.form}">'
    path.write_text(f"{page}old")
    aside(path).write_text(f"{page}new")
    killed(lambda: publish(aside(path), path, True, REPORT), at, done)
    assert path.read_text() in (f"{page}old", f"{page}new")
    if aside(path).exists():
        publish(aside(path), path, True, REPORT)
    assert path.read_text() == f"{page}new"
