"""Whatever a fit holds between two passes can be written down."""

import importlib
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_type_hints

import pytest

from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.records.registry import TYPES, VERSIONS
from tests.house.tree import PACKAGE, module_name


def members() -> Iterator[type]:
    """Every class in `fitting` that has what all members of a cohort have."""
    for path in sorted((PACKAGE / "fitting").glob("*.py")):
        module = importlib.import_module(f"dask_gmm.{module_name(path)}")
        for kind in vars(module).values():
            if is_dataclass(kind) and hasattr(kind, "spec") and hasattr(kind, "history"):
                assert isinstance(kind, type)
                yield kind


def held_by(hint: Any) -> Iterator[type]:
    """The types that values of an annotation are of, or hold."""
    if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, Enum)):
        yield hint
    for each in get_args(hint):
        yield from held_by(each)


def reachable(*roots: type) -> set[type]:
    found: set[type] = set()
    ahead = list(roots)
    while ahead:
        kind = ahead.pop()
        if kind not in found:
            found.add(kind)
            hints = get_type_hints(kind).values() if is_dataclass(kind) else ()
            ahead += [each for hint in hints for each in held_by(hint)]
    return found


def test_a_cohort_has_the_members_that_are_known_here() -> None:
    names = {each.__name__ for each in members()}
    assert {"Initializing", "Climbing", "Ascending", "Ascended", "Lost", "Finished"} <= names


def test_all_that_a_checkpoint_may_hold_is_in_the_registry_and_nothing_else() -> None:
    wanted = reachable(Checkpoint, *members())
    missing = sorted(each.__qualname__ for each in wanted - set(VERSIONS))
    assert missing == [], "enter them in dask_gmm/records/registry.py"
    assert sorted(each.__qualname__ for each in set(VERSIONS) - wanted) == []


def test_names_are_of_one_type_each() -> None:
    assert len(TYPES) == len(VERSIONS)


@pytest.mark.parametrize("kind", [each for each in VERSIONS if is_dataclass(each)])
def test_what_is_written_down_is_frozen_and_made_of_its_fields(kind: Any) -> None:
    assert all(each.init for each in fields(kind))
    value = object.__new__(kind)
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(kind)[0].name, None)
