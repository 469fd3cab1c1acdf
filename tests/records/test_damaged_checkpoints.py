"""A damaged checkpoint is passed over; where none is left, or of another release, it says so."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from dask_gmm.errors import DataError
from dask_gmm.fitting.spec import Spec
from dask_gmm.records import codec
from dask_gmm.records.archive import packed
from dask_gmm.records.checkpoints import Checkpoints
from dask_gmm.records.pointer import Pointer, Stored, arrays_name, digest, survey_name
from dask_gmm.records.registry import VERSIONS
from tests.records.kept import (
    DAMAGES,
    FIT,
    OTHER,
    holding,
    is_latest,
    replaced,
    same,
    write_all,
)
from tests.records.stores import MemoryStore


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("ending", ["json", "npz"])
def test_a_newest_one_that_is_damaged_is_passed_over_with_a_warning(
    ending: str, damage: str
) -> None:
    store = holding(*FIT[:5])
    name = f"checkpoint-000005.{ending}"
    replaced(store, name, DAMAGES[damage](store.held[name]))
    found = Checkpoints(store).latest()
    assert found is not None
    assert same(found.checkpoint, FIT[3])
    if (ending, damage) == ("json", "missing"):  # as if it had not been finished
        assert found.warnings == ()
    else:
        (warning,) = found.warnings
        assert name in warning
        assert "goes on from checkpoint-000004.json" in warning
    write_all(store, FIT[6])
    assert is_latest(store, FIT[6])


@pytest.mark.parametrize("ending", ["json", "npz"])
def test_one_in_the_place_of_another_is_passed_over(ending: str) -> None:
    for other in (holding(*FIT[:4]), holding(*FIT[:3], OTHER[0]), holding(*OTHER[:3])):
        store = holding(*FIT[:5])
        newest = max(other.list("checkpoint-"))[: -len("npz")] + ending
        store.held[f"checkpoint-000005.{ending}"] = other.held[newest]
        found = Checkpoints(store).latest()
        assert found is not None
        assert same(found.checkpoint, FIT[3])
        assert len(found.warnings) == 1


def test_a_pointer_of_another_fit_names_a_survey_that_is_not_there() -> None:
    store, other = holding(*FIT[:2]), holding(*OTHER[:2])
    store.held.update({name: other.held[name] for name in other.list("checkpoint-000002")})
    found = Checkpoints(store).latest()
    assert found is not None
    assert same(found.checkpoint, FIT[0])
    assert found.warnings[0].count("survey-") == 1
    assert "is missing" in found.warnings[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_where_all_are_damaged_it_says_what_to_do(damage: str) -> None:
    store = holding(*FIT[:4])
    (survey,) = store.list("survey-")
    replaced(store, survey, DAMAGES[damage](store.held[survey]))
    wanted = r"^Wanted a checkpoint that is whole in memory; found none: survey-\w+\.npz [^;]*\. "
    with pytest.raises(DataError, match=wanted + "Restore them from a copy, or remove them and"):
        Checkpoints(store).latest()


def test_each_damage_is_named_once_where_all_are_damaged() -> None:
    store = holding(*FIT[:2])
    store.held |= {"checkpoint-000001.npz": b"", "checkpoint-000002.json": b"x"}
    wanted = r"none: checkpoint-000002.json is not as .*; checkpoint-000001.npz has 0 bytes instead"
    with pytest.raises(DataError, match=wanted):
        Checkpoints(store).latest()
    assert Checkpoints(store).header() == {}


def pointed(store: MemoryStore, number: int, change: Callable[[Any], Any]) -> None:
    """Change what a pointer says, with the digest that belongs to it."""
    name = f"checkpoint-{number:06d}.json"
    line = json.dumps(change(json.loads(store.held[name].split(b"\n")[0]))).encode()
    store.held[name] = line + b"\n" + digest(line).encode() + b"\n"


SHA = "0" * 64
FOREIGN: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda said: {},
    "a list": lambda said: [1],
    "a number": lambda said: 1,
    "another format": lambda said: said | {"format": "run"},
    "another number": lambda said: said | {"number": 1},
    "no digest": lambda said: said | {"arrays": said["arrays"] | {"sha256": "x"}},
    "a number as digest": lambda said: said | {"survey": said["survey"] | {"sha256": 1}},
    "a text as length": lambda said: said | {"survey": said["survey"] | {"size": "1"}},
    "other arrays": lambda said: said | {"arrays": said["survey"]},
    "a path": lambda said: said | {"survey": said["survey"] | {"name": "../../secret"}},
    "a survey that is none": lambda said: (
        said | {"survey": {"name": survey_name(SHA), "sha256": SHA, "size": 9}}
    ),
    "a text as header": lambda said: said | {"header": "text"},
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_pointer_of_something_else_is_passed_over(case: str) -> None:
    store = holding(*FIT[:3])
    pointed(store, 3, FOREIGN[case])
    found = Checkpoints(store).latest()
    assert found is not None
    assert same(found.checkpoint, FIT[1])
    assert len(found.warnings) == 1
    write_all(store, *FIT[3:5])
    assert is_latest(store, FIT[4])


def pickled() -> bytes:
    archive = BytesIO()
    np.savez(archive, document=np.array([{}], dtype=object))
    return archive.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        b"PK\x03\x04",
        pickled(),
        packed(None, {}),
        packed({"checkpoint": 1, "survey": {"a0": "a9"}}, {}),
        packed({"checkpoint": 1, "survey": [1]}, {}),
        packed({"survey": {}}, {}),
    ],
)
def test_arrays_of_something_else_are_passed_over_though_their_digest_is_right(data: bytes) -> None:
    store = holding(*FIT[:2])
    survey = Stored.of(name := store.list("survey-")[0], store.held[name])
    pointer = Pointer(3, Stored.of(arrays_name(3), data), survey, {})
    store.held |= {arrays_name(3): data, "checkpoint-000003.json": pointer.to_bytes()}
    found = Checkpoints(store).latest()
    assert found is not None
    assert same(found.checkpoint, FIT[1])
    assert "checkpoint-000003.npz is something else" in found.warnings[0]


def test_one_of_another_version_is_refused_and_nothing_is_written() -> None:
    store = holding(*FIT[:2])
    pointed(store, 2, lambda said: said | {"version": 7})
    wanted = r"version 1; found checkpoint-000002.json in memory, of version 7\. Go on with the"
    before = dict(store.held)
    for call in (
        Checkpoints(store).latest,
        Checkpoints(store).header,
        lambda: Checkpoints(store).write(FIT[2]),
    ):
        with pytest.raises(DataError, match=wanted):
            call()
    assert store.held == before


def test_one_with_types_of_another_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    store = holding(FIT[0])
    monkeypatch.setattr(codec, "VERSIONS", {**VERSIONS, Spec: 99})
    with pytest.raises(DataError, match=r"found Spec of version .* knows version 99") as caught:
        Checkpoints(store).latest()
    assert caught.value.__notes__ == ["The record is checkpoint-000001.npz in memory."]
