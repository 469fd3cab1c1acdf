"""An output is published whole or not at all, and replacing one never loses it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dask_gmm.errors import OutputError, OutputExistsError
from dask_gmm.records import publish as module
from dask_gmm.records.publish import aside, publish, refuse_existing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "a.zarr"


def write_folder(at: Path, text: str) -> None:
    (at / "inside").mkdir(parents=True)
    (at / "inside" / "file").write_text(text)


def text_of(path: Path) -> str:
    return (path / "inside" / "file").read_text()


def names(path: Path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_it_is_written_in_a_hidden_sibling_of_a_fixed_name(path: Path) -> None:
    assert aside(path) == path.parent / ".a.zarr.wip" == aside(path)


def test_a_folder_is_published_and_nothing_else_is_left(path: Path) -> None:
    write_folder(aside(path), "new")
    publish(aside(path), path, overwrite=False)
    assert text_of(path) == "new"
    assert names(path.parent) == ["a.zarr"]


def test_a_file_is_published(path: Path) -> None:
    refuse_existing(path, overwrite=False)
    aside(path).write_text("new")
    publish(aside(path), path, overwrite=False)
    assert path.read_text() == "new"


def test_what_exists_is_refused_before_any_work_and_again_at_the_end(path: Path) -> None:
    write_folder(path, "old")
    write_folder(aside(path), "new")
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        refuse_existing(path, overwrite=False)
    with pytest.raises(OutputExistsError, match=r"a\.zarr exists"):
        publish(aside(path), path, overwrite=False)
    assert text_of(path) == "old"
    assert text_of(aside(path)) == "new"


@pytest.mark.parametrize("old_is_a_folder", [True, False])
def test_overwriting_replaces_all_of_it(path: Path, old_is_a_folder: bool) -> None:
    if old_is_a_folder:
        write_folder(path, "old")
        (path / "only in the old one").touch()
    else:
        path.parent.mkdir()
        path.write_text("old")
    write_folder(aside(path), "new")
    refuse_existing(path, overwrite=True)
    publish(aside(path), path, overwrite=True)
    assert text_of(path) == "new"
    assert names(path) == ["inside"]
    assert names(path.parent) == ["a.zarr"]


class StopError(BaseException):
    """Stands for a kill: nothing catches it."""


def steps_of_overwriting(path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int) -> bool:
    """Overwrite, killed at that change of a name; False if there are not so many."""
    done = 0
    rename, remove = Path.replace, module._remove

    def step() -> None:
        nonlocal done
        if done == stop_at:
            raise StopError
        done += 1

    def renamed(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    def removed(target: Path) -> None:
        step()
        remove(target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", renamed)
        patch.setattr(module, "_remove", removed)
        try:
            publish(aside(path), path, overwrite=True)
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
        refuse_existing(path, overwrite=False)
    assert text_of(path) in {"old", "new"}
    if aside(path).exists():
        assert text_of(path) == "old"
        publish(aside(path), path, overwrite=True)
    assert text_of(path) == "new"


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
        publish(aside(path), path, overwrite=True)
    assert text_of(path) == "old"
    assert text_of(aside(path)) == "new"


def test_all_is_on_the_disk_before_it_has_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[str] = []
    flush_one = module._flush_one

    def noted(one: Path) -> None:
        flushed.append(f"{one.name}, {'published' if path.exists() else 'aside'}")
        flush_one(one)

    monkeypatch.setattr(module, "_flush_one", noted)
    write_folder(aside(path), "new")
    publish(aside(path), path, overwrite=False)
    assert sorted(flushed[:-1]) == [".a.zarr.wip, aside", "file, aside", "inside, aside"]
    assert flushed[-1] == "runs, published"


def test_what_is_not_durable_does_not_wait_for_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(module, "_flush_one", flushed.append)
    write_folder(aside(path), "new")
    publish(aside(path), path, overwrite=False, durable=False)
    assert text_of(path) == "new"
    assert flushed == [path.parent]


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
        refuse_existing(read_only / "a.zarr", overwrite=False)
