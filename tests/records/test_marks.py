"""What lies aside under a mark: kept after a crash, and removed when it is about something else."""

import json
from pathlib import Path

import pytest

from dask_gmm.errors import OutputExistsError
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.records.publish import aside, refuse_existing, refuse_occupied, remove_stale
from tests.records.test_publish import names, text_of, write_folder
from tests.records.test_publish import path as path


def test_a_marked_output_aside_counts_after_a_crash_too(path: Path) -> None:
    """Between the two renames: the old output is put back, whatever the new one is about."""
    write_folder(path.with_name(".a.zarr.old"), "old")
    write_folder(aside(path, "0123456789abcdef"), "new")
    with pytest.raises(OutputExistsError):
        refuse_existing(path, False, RUN_FOLDER)
    assert text_of(path) == "old"


def test_what_others_left_aside_is_removed_if_it_is_of_the_kind(path: Path) -> None:
    mine, *others = (aside(path, digit * 16) for digit in "123")
    other_output = aside(path.with_name("a.zarr.b"), "1" * 16)
    for each in (mine, others[0], other_output, aside(path)):
        write_folder(each, "left")
    (others[1] / "thesis").mkdir(parents=True)
    remove_stale(path, mine, RUN_FOLDER)
    kept = (mine, others[1], other_output, aside(path))
    assert names(path.parent) == sorted(each.name for each in kept)


def test_who_only_looks_settles_nothing(path: Path) -> None:
    """What lies aside may be that of a call which is about to rename it."""
    write_folder(path.with_name(".a.zarr.old"), "old")
    write_folder(aside(path), "new")
    for overwrite in (False, True):
        refuse_occupied(path, overwrite, RUN_FOLDER)
    assert names(path.parent) == [".a.zarr.old", ".a.zarr.wip"]


def test_what_joined_an_output_keeps_it_from_being_replaced(path: Path) -> None:
    write_folder(path, "old")
    told = {"format": "run", "holds": ["manifest.json", "inside"]}
    (path / "manifest.json").write_text(json.dumps(told))
    refuse_existing(path, True, RUN_FOLDER)
    (path / "thesis").touch()
    with pytest.raises(OutputExistsError, match=r"not published with: thesis\. Move that away"):
        refuse_existing(path, True, RUN_FOLDER)
    assert (path / "thesis").exists()
