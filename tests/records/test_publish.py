"""An output is published whole or not at all, and replacing one never loses it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dask_gmm.errors import OutputError, OutputExistsError
from dask_gmm.records import publish as module
from dask_gmm.records.kinds import DATA_GROUP, MODEL_GROUP, RUN_FOLDER, Kind
from dask_gmm.records.publish import aside, publish, refuse_existing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "a.zarr"


def write_folder(at: Path, text: str) -> None:
    """Write a folder with the mark of a run folder."""
    (at / "inside").mkdir(parents=True)
    (at / "inside" / "file").write_text(text)
    (at / "manifest.json").write_text('{"format": "run"}')


def text_of(path: Path) -> str:
    return (path / "inside" / "file").read_text()


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_it_is_written_in_a_hidden_sibling_of_a_fixed_name(path: Path) -> None:
    assert aside(path) == path.parent / ".a.zarr.wip" == aside(path)


def test_a_folder_is_published_and_nothing_else_is_left(path: Path) -> None:
    write_folder(aside(path), "new")
    publish(aside(path), path, False, RUN_FOLDER)
    assert text_of(path) == "new"
    assert names(path.parent) == ["a.zarr"]


def test_a_file_is_published(path: Path) -> None:
    refuse_existing(path, False, RUN_FOLDER)
    aside(path).write_text("new")
    publish(aside(path), path, False, RUN_FOLDER)
    assert path.read_text() == "new"


def test_what_exists_is_refused_before_any_work_and_again_at_the_end(path: Path) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        refuse_existing(path, False, RUN_FOLDER)
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        publish(aside(path), path, False, RUN_FOLDER)
    assert text_of(path) == "old"
    assert text_of(aside(path)) == "new"


@pytest.mark.parametrize("old_is_empty", [True, False])
def test_overwriting_replaces_all_of_it(path: Path, old_is_empty: bool) -> None:
    if old_is_empty:
        path.mkdir(parents=True)
    else:
        write_folder(path, "old")
        (path / "only in the old one").touch()
    write_folder(aside(path), "new")
    refuse_existing(path, True, RUN_FOLDER)
    publish(aside(path), path, True, RUN_FOLDER)
    assert text_of(path) == "new"
    assert names(path) == ["inside", "manifest.json"]
    assert names(path.parent) == ["a.zarr"]


def test_overwriting_a_link_leaves_what_it_points_to(path: Path) -> None:
    write_folder(path.parent / "elsewhere", "old")
    path.symlink_to(path.parent / "elsewhere")
    write_folder(aside(path), "new")
    publish(aside(path), path, True, RUN_FOLDER)
    assert (text_of(path), text_of(path.parent / "elsewhere")) == ("new", "old")
    assert names(path.parent) == ["a.zarr", "elsewhere"]


MARKS = {
    RUN_FOLDER: ("manifest.json", '{"format": "run"}'),
    MODEL_GROUP: ("zarr.json", '{"attributes": {"dask_gmm": {"format": "model"}}}'),
    DATA_GROUP: ("zarr.json", '{"attributes": {"dask_gmm": {"format": "rows"}}}'),
}
NO_MARKS = ("", "[]", "{", "{}", '{"format": "ran"}', '{"attributes": {"dask_gmm": "run"}}')


@pytest.mark.parametrize("kind", MARKS, ids=lambda kind: kind.form)
def test_overwriting_replaces_its_own_kind_and_no_other(path: Path, kind: Kind) -> None:
    path.mkdir(parents=True)
    others = [mark for other, mark in MARKS.items() if other is not kind]
    for file, content in [*others, *((MARKS[kind][0], text) for text in NO_MARKS)]:
        (path / file).write_text(content)
        with pytest.raises(OutputExistsError, match=f"{kind.name} or an empty .* is neither"):
            refuse_existing(path, True, kind)
        with pytest.raises(OutputExistsError, match="move that away"):
            publish(aside(path), path, True, kind)
        assert (path / file).read_text() == content
        (path / file).unlink()
    file, content = MARKS[kind]
    (path / file).write_text(content)
    refuse_existing(path, True, kind)


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("nowhere")])
def test_overwriting_replaces_no_file_and_no_broken_link(
    path: Path, make: Callable[[Path], None]
) -> None:
    path.parent.mkdir()
    make(path)
    with pytest.raises(OutputExistsError, match="is neither"):
        refuse_existing(path, True, RUN_FOLDER)
    assert os.path.lexists(path)


class StopError(BaseException):
    """Stands for a kill: nothing catches it."""


def steps_of_overwriting(path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> bool:
    """Overwrite, killed at that change of a name; False if there are not so many."""
    done = 0
    rename, settle = Path.replace, module.settle

    def step() -> None:
        nonlocal done
        if done == stop_at:
            raise StopError
        done += 1

    def renamed(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    def settled(target: Path, kind: Kind) -> None:
        step()
        settle(target, kind)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", renamed)
        patch.setattr(module, "settle", settled)
        try:
            publish(aside(path), path, True, RUN_FOLDER)
        except StopError:
            return True
    return False


@pytest.mark.parametrize("stop_at", range(5))
def test_a_kill_at_any_step_leaves_one_of_the_two(
    path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    assert steps_of_overwriting(path, monkeypatch, stop_at) == (stop_at < 4)
    with pytest.raises(OutputExistsError):
        refuse_existing(path, False, RUN_FOLDER)
    assert not path.with_name(".a.zarr.old").exists()
    assert text_of(path) in {"old", "new"}
    if aside(path).exists():
        assert text_of(path) == "old"
        publish(aside(path), path, True, RUN_FOLDER)
    assert text_of(path) == "new"


@pytest.mark.parametrize("half_removed", [True, False])
def test_what_was_replaced_does_not_come_back(path: Path, half_removed: bool) -> None:
    old = path.with_name(".a.zarr.old")
    write_folder(old, "old")
    if half_removed:
        (old / "inside" / "file").unlink()
    refuse_existing(path, False, RUN_FOLDER)
    assert names(path.parent) == []


def test_a_replaced_output_is_of_its_kind_until_all_of_it_is_removed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(path, "old")

    rmtree = shutil.rmtree

    def failing(each: Path) -> None:
        if each.name != "inside":
            raise StopError
        rmtree(each)

    monkeypatch.setattr(shutil, "rmtree", failing)
    with pytest.raises(StopError):
        RUN_FOLDER.remove(path)
    assert names(path) == ["manifest.json"]


def test_a_strangers_folder_where_the_old_one_would_lie_is_kept(path: Path) -> None:
    stranger = path.with_name(".a.zarr.old") / "thesis.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("years of work")
    refuse_existing(path, False, RUN_FOLDER)
    write_folder(path, "old")
    with pytest.raises(OutputExistsError, match=r"\.a\.zarr\.old meanwhile"):
        refuse_existing(path, True, RUN_FOLDER)
    assert (stranger.read_text(), text_of(path)) == ("years of work", "old")


def test_a_rename_that_fails_puts_the_old_one_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    rename = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if self == aside(path):
            raise OSError(5, "Input/output error", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OutputError, match="Input/output error"):
        publish(aside(path), path, True, RUN_FOLDER)
    assert text_of(path) == "old"
    assert text_of(aside(path)) == "new"


def test_all_is_on_the_disk_before_it_has_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush_one = module.flush_one

    def noted(one: Path) -> None:
        flushed.append(f"{one.name}, {'published' if path.exists() else 'aside'}")
        flush_one(one)

    monkeypatch.setattr(module, "flush_one", noted)
    write_folder(aside(path), "new")
    publish(aside(path), path, False, RUN_FOLDER)
    inside = ["file, aside", "inside, aside", "manifest.json, aside"]
    assert sorted(flushed[:-1]) == [".a.zarr.wip, aside", *inside]
    assert flushed[-1] == "runs, published"


def test_what_is_not_durable_does_not_wait_for_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(module, "flush_one", flushed.append)
    write_folder(aside(path), "new")
    publish(aside(path), path, False, RUN_FOLDER, durable=False)
    assert text_of(path) == "new"
    assert flushed == [path.parent]


def test_what_replaces_an_output_is_durable_always(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(module, "flush_one", flushed.append)
    write_folder(path, "old")
    write_folder(aside(path), "new")
    publish(aside(path), path, True, RUN_FOLDER, durable=False)
    assert {aside(path), aside(path) / "inside" / "file"} < set(flushed)


@pytest.fixture
def read_only(path: Path) -> Iterator[Path]:
    """A place that cannot be written to, by root either: a folder of the system's own."""
    place = Path("/proc/self") if os.geteuid() == 0 else path.parent
    if place == path.parent:
        place.mkdir()
        place.chmod(0o500)
    yield place
    if place == path.parent:
        place.chmod(0o700)


def test_a_place_that_cannot_be_written_is_refused_before_any_work(read_only: Path) -> None:
    with pytest.raises(OutputError, match="but the system says"):
        refuse_existing(read_only / "a.zarr", False, RUN_FOLDER)
