"""Whatever happens to a store, the newest checkpoint that is whole comes back to the same bytes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.passes.progress import Silent
from dask_gmm.records.archive import unpacked
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.records.checkpoints import Checkpoints
from dask_gmm.records.codec import encode
from dask_gmm.records.pointer import arrays_name, digest, survey_name
from dask_gmm.records.store import FolderStore
from dask_gmm.workflows.fit_rows import fit_rows, resume_rows
from tests.records.kept import (
    FIT,
    OTHER,
    copy_of,
    flipped,
    holding,
    is_latest,
    replaced,
    same,
    write_all,
)
from tests.records.stored import differences
from tests.records.stores import Crash, FailingStore, MemoryStore
from tests.workflows.resuming import ONE, SOURCE, TWO, checkpoints, small_levels

SPECS = {
    "em": Spec(3, "tied", max_iter=4, tol=1e-6),
    "fast": Spec(3, solver="fast", init=MERGE, tol=None),
    "float32": Spec(2, "diag", precision="float32", max_iter=4),
}


@pytest.mark.parametrize("case", SPECS)
def test_every_checkpoint_of_a_fit_comes_back_and_goes_on_to_the_same_bytes(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_levels(monkeypatch)
    whole, kept = (
        fit_rows(SOURCE, SPECS[case], 2, ONE, Silent()),
        Checkpoints(FolderStore(tmp_path)),
    )
    written = checkpoints(SPECS[case], n_init=2)
    ends = {0, len(written) // 2, len(written) - 1}
    for i, each in enumerate(written):
        kept.write(each)
        found = Checkpoints(FolderStore(tmp_path)).latest()
        assert found is not None
        assert list(differences(found.checkpoint, each)) == []
        if i in ends:
            outcome = resume_rows(SOURCE, found.checkpoint, TWO, Silent())
            assert list(differences(outcome.model, whole.model)) == []


def test_what_is_kept_are_the_last_three_and_one_survey() -> None:
    store = holding(*FIT[:5])
    numbered = [f"checkpoint-{i:06d}.{end}" for i in (3, 4, 5) for end in ("json", "npz")]
    (survey,) = store.list("survey-")
    assert list(store.list("")) == [*numbered, survey]
    assert survey == survey_name(digest(store.held[survey]))


def test_the_survey_is_written_once_also_by_another_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store, puts = holding(FIT[0]), list[str]()
    real = MemoryStore.put_if_absent

    def noted(store: MemoryStore, name: str, data: bytes) -> bool:
        puts.append(name.split("-")[0])
        return real(store, name, data)

    before = store.held[store.list("survey-")[0]]
    monkeypatch.setattr(MemoryStore, "put_if_absent", noted)
    again = Checkpoints(store)
    found = again.latest()
    assert found is not None
    for each in FIT[1:3]:
        again.write(replace(each, survey=found.checkpoint.survey))
    assert puts == ["checkpoint"] * 2
    Checkpoints(store).write(FIT[3])
    assert puts == [*["checkpoint"] * 2, "survey", "checkpoint"]
    (survey,) = store.list("survey-")
    assert store.held[survey] is before
    assert is_latest(store, FIT[3])


def test_rows_of_the_sample_are_in_the_survey_alone() -> None:
    store = holding(FIT[3])
    rows = FIT[3].survey.sample.rows
    (survey,) = store.list("survey-")
    _, arrays = unpacked(store.held[survey])
    assert any(np.array_equal(each, rows) for each in arrays.values())
    _, own = unpacked(store.held[arrays_name(1)])
    assert max(each.nbytes for each in own.values()) < rows.nbytes / 10


def test_what_members_share_with_the_survey_is_shared_again() -> None:
    found = Checkpoints(holding(FIT[2])).latest()
    assert found is not None
    back: Any = found.checkpoint
    assert back.members[0].survey.summary is back.survey.summary


def test_a_survey_that_is_gone_or_damaged_is_written_again() -> None:
    for damage in (lambda data: None, lambda data: b"", flipped):
        store = holding(FIT[0])
        (survey,) = store.list("survey-")
        replaced(store, survey, damage(store.held[survey]))
        Checkpoints(store).write(FIT[1])
        assert is_latest(store, FIT[1])
    into = Checkpoints(store)
    into.write(FIT[2])
    store.remove(survey)
    into.write(FIT[3])
    assert is_latest(store, FIT[3])


def test_another_fit_takes_the_place_of_one_and_what_is_not_ours_stays() -> None:
    store = holding(*FIT[:3])
    others = {"notes.txt": b"a", "checkpoint-x.json": b"b", "checkpoint-000001.txt": b"c"}
    store.held.update(others)
    write_all(store, OTHER[0])
    assert is_latest(store, OTHER[0])
    assert len(store.list("survey-")) == 2
    write_all(store, *OTHER[1:3])
    assert len(store.list("survey-")) == 1
    assert others.items() <= store.held.items()


def test_where_nothing_was_finished_there_is_none() -> None:
    store = MemoryStore()
    assert Checkpoints(store).latest() is None
    assert Checkpoints(store).header() is None
    store.held[arrays_name(7)] = b"half"
    assert Checkpoints(store).latest() is None
    write_all(store, FIT[0])
    assert list(store.list("checkpoint-")) == ["checkpoint-000008.json", "checkpoint-000008.npz"]


def crashes(before: MemoryStore, after: Checkpoint) -> Iterator[MemoryStore]:
    """What is left of a store when a write is interrupted at each of its calls."""
    for calls in count(1):
        for done in (False, True):
            store = copy_of(before)
            try:
                Checkpoints(FailingStore(store, calls, done)).write(after)
            except Crash:
                yield store
            else:
                return


@pytest.mark.parametrize("before", [1, 2, 3, 5])
def test_a_write_that_is_interrupted_anywhere_leaves_the_old_or_the_new_one(before: int) -> None:
    store = holding(*FIT[:before])
    left = list(crashes(store, FIT[before]))
    assert len(left) >= 14
    assert all(is_latest(each, *FIT[before - 1 : before + 1]) for each in left)
    assert is_latest(left[0], FIT[before - 1])
    assert is_latest(left[-1], FIT[before])


def test_a_first_write_that_is_interrupted_leaves_none_or_the_new_one() -> None:
    found = [Checkpoints(each).latest() for each in crashes(MemoryStore(), FIT[0])]
    assert found[0] is None
    assert found[-1] is not None
    assert all(each is None or same(each.checkpoint, FIT[0]) for each in found)


def test_a_write_after_one_that_was_interrupted_may_be_interrupted_and_nothing_is_left() -> None:
    wanted = [name.split("-")[0] for name in holding(*FIT[:5]).list("")]
    for once in crashes(holding(*FIT[:4]), FIT[4]):
        for twice in crashes(once, FIT[5]):
            assert is_latest(twice, *FIT[3:6])
        write_all(once, *FIT[5:7])
        assert is_latest(once, FIT[6])
        assert [name.split("-")[0] for name in once.list("")] == wanted


@pytest.mark.parametrize("done", [False, True])
def test_one_that_failed_can_be_written_again_by_the_same(done: bool) -> None:
    store = holding(*FIT[:3])
    for calls in range(1, 10):
        failing = FailingStore(store, calls, done)
        into = Checkpoints(failing)
        with pytest.raises(Crash):
            into.write(FIT[3])
        failing._left = 100
        into.write(FIT[4])
        assert is_latest(store, FIT[4])


def test_of_two_that_write_at_once_both_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one takes the number just before."""
    store, real = holding(FIT[0]), MemoryStore.put_if_absent

    def beaten(store: MemoryStore, name: str, data: bytes) -> bool:
        if name == arrays_name(2):
            monkeypatch.undo()
            Checkpoints(store).write(FIT[1])
        return real(store, name, data)

    monkeypatch.setattr(MemoryStore, "put_if_absent", beaten)
    Checkpoints(store).write(FIT[2])
    assert is_latest(store, FIT[2])
    store.remove("checkpoint-000003.json")
    assert is_latest(store, FIT[1])


def test_a_header_is_read_without_arrays() -> None:
    store, header = MemoryStore(), {"settings": "a1b2", "nested": {"passes": [1, None, 0.5]}}
    Checkpoints(store).write(FIT[0], header)
    found = Checkpoints(store).latest()
    assert found is not None
    assert found.header == header
    for name in [*store.list("survey-"), arrays_name(1)]:
        store.remove(name)
    assert Checkpoints(store).header() == header
    assert json.loads(store.held["checkpoint-000001.json"].split(b"\n")[0])["header"] == header


@pytest.mark.parametrize("header", [{"a": object()}, {"a": float("nan")}])
def test_a_header_that_is_no_json_leaves_what_stands(header: dict[str, Any]) -> None:
    store = holding(FIT[0])
    with pytest.raises((TypeError, ValueError), match="JSON"):
        Checkpoints(store).write(FIT[1], header)
    assert is_latest(store, FIT[0])


def test_the_same_checkpoint_has_the_same_bytes() -> None:
    one, other = holding(FIT[3]), MemoryStore()
    found = Checkpoints(one).latest()
    assert found is not None
    Checkpoints(other).write(found.checkpoint)
    assert one.held == other.held
    assert encode(found.checkpoint).document == encode(FIT[3]).document
