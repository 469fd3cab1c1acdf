"""Names for ranges of rows: which are partitions, and by what their rows are known."""

import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.identity import identity_of_rows
from dask_gmm.data.open import open_source
from dask_gmm.errors import InputError
from dask_gmm.workflows.about import settings_of
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.refresh_request import rows_of
from tests.workflows.predicting import foreign
from tests.workflows.refreshing import CHUNK_ROWS, SIZE, stored

CUTS = st.lists(st.integers(10, 99), min_size=2, max_size=8, unique=True).map(sorted)


def named(cuts: list[int]) -> dict[str, slice]:
    return {f"p{i}": slice(*ends) for i, ends in enumerate(pairwise(cuts))}


@given(cuts=CUTS, data=st.data())
def test_neighbors_are_partitions_in_whichever_order(cuts: list[int], data: Any) -> None:
    given_names = dict(data.draw(st.permutations(list(named(cuts).items()))))
    found = rows_of(given_names, range(cuts[0], cuts[-1]), "x")
    assert list(found) == list(named(cuts))
    assert [row for rows in found.values() for row in rows] == list(range(cuts[0], cuts[-1]))


@given(cuts=CUTS, data=st.data())
def test_a_gap_and_an_overlap_are_named(cuts: list[int], data: Any) -> None:
    partitions = named(cuts)
    name = data.draw(st.sampled_from(sorted(partitions)))
    before = partitions[name]
    longer = data.draw(st.sampled_from([-1, 1]))
    partitions[name] = slice(before.start, before.stop + longer)
    found = f"found none with the rows {before.stop - 1}:{before.stop}."
    after = next((each for each, rows in partitions.items() if rows.start == before.stop), None)
    if longer == 1:
        found = f"found {name} and {after} with the rows {before.stop}:{before.stop + 1}."
    if partitions[name].stop in (before.start, cuts[-1] + 1):
        found = f"found {name}={before.start}:{before.stop + longer}."
    with pytest.raises(InputError, match=re.escape(found)):
        rows_of(partitions, range(cuts[0], cuts[-1]), "x")


@pytest.mark.parametrize(
    ("partitions", "found"),
    [
        ({"a": slice(0, 5), "b": slice(6, 10)}, "none with the rows 5:6"),
        ({"a": slice(0, 5), "b": slice(5, 9)}, "none with the rows 9:10"),
        ({"a": slice(0, 5), "b": slice(3, 10)}, "a and b with the rows 3:5"),
        ({"a": slice(0, 5), "b": slice(5, 5)}, "found b=5:5"),
        ({"a": slice(0, 5), "b": slice(5, 11)}, "found b=5:11"),
        ({"a": slice(None, None, 2)}, "found a=0:10"),
    ],
)
def test_what_is_no_partition_is_said(partitions: dict[str, slice], found: str) -> None:
    with pytest.raises(InputError, match=found):
        rows_of(partitions, range(10), "x")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"partitions": {}}, "at least one partition"),
        ({"partitions": {"": slice(0, 5)}}, "partitions as names with slices"),
        ({"partitions": {"a": "0:5"}}, "partitions as names with slices"),
        ({"partitions": {"a": slice(5)}, "held_out": 0.1}, "found held_out 0.1 beside"),
        ({"partitions": {"a": slice(5)}, "nonfinite": "drop"}, "found nonfinite drop beside"),
        ({"partitions": {"a": slice(5)}, "on_bad_chunk": "skip"}, "found on_bad_chunk skip"),
        ({"incremental": True}, "found no warm_start"),
        ({"incremental": True, "warm_start": "m"}, "found no partitions"),
        ({"forgetting": 0.5}, "Wanted forgetting with an incremental step alone"),
        ({"changed": ("a",)}, "Wanted changed with an incremental step alone"),
    ],
)
def test_what_does_not_go_together_is_refused(asked: dict[str, Any], found: str) -> None:
    with pytest.raises(InputError, match=found):
        FitRequest("x", 2, Path("out"), **asked)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"forgetting": 0.0}, "found .* as forgetting"),
        ({"forgetting": 1.5}, "found .* as forgetting"),
        ({"forgetting": float("nan")}, "found .* as forgetting"),
        ({"changed": ("b",)}, "Wanted names of partitions in changed, found b, among a"),
        ({"max_passes": 5}, "Wanted max_passes with a fit alone, found 5"),
        ({"max_seconds": 9.0}, "Wanted max_seconds with a fit alone, found 9.0"),
        ({"deadline": datetime.now(UTC)}, "Wanted deadline with a fit alone"),
        ({"require_converged": True}, "Wanted require_converged with a fit alone, found True"),
    ],
)
def test_what_a_step_cannot_do_is_refused(asked: dict[str, Any], found: str) -> None:
    given_step: dict[str, Any] = {"warm_start": "m", "incremental": True}
    with pytest.raises(InputError, match=found):
        FitRequest("x", None, Path("out"), partitions={"a": slice(5)}, **given_step, **asked)


def test_rows_are_known_wherever_they_lie(tmp_path: Path) -> None:
    first = open_source(str(stored(tmp_path / "a", 1, 2)))
    later = open_source(str(stored(tmp_path / "b", 3, 1, 2)))
    for number in range(2):
        here = identity_of_rows(first, number * SIZE, (number + 1) * SIZE)
        there = identity_of_rows(later, (number + 1) * SIZE, (number + 2) * SIZE)
        assert here == there is not None
    cut = open_source(str(tmp_path / "b"), rows=slice(SIZE, None))
    assert identity_of_rows(cut, 0, SIZE) == identity_of_rows(first, 0, SIZE)


def test_what_is_other_about_rows_is_seen(tmp_path: Path) -> None:
    source = open_source(str(stored(tmp_path / "a", 1, 2)))
    known = {
        identity_of_rows(source, 0, SIZE),
        identity_of_rows(source, SIZE, 2 * SIZE),
        identity_of_rows(source, 0, SIZE - 1),
        identity_of_rows(source, 1, SIZE),
        identity_of_rows(source, CHUNK_ROWS, SIZE),
        identity_of_rows(open_source(str(tmp_path / "a"), columns=(0, 1)), 0, SIZE),
        identity_of_rows(open_source(str(stored(tmp_path / "b", -1, 2))), 0, SIZE),
    }
    assert len(known) == 7
    assert None not in known


def test_rows_without_digests_are_not_known(tmp_path: Path) -> None:
    rows = np.zeros((10, 2))
    assert identity_of_rows(open_source(rows), 0, 5) is None
    assert identity_of_rows(open_source(str(foreign(tmp_path / "x", rows))), 0, 5) is None


def test_a_request_keeps_what_it_was_given_as_it_was() -> None:
    given_names = {"a": slice(np.int64(0), np.int64(5)), "b": slice(5, None)}
    request = FitRequest("x", 2, Path("out"), partitions=given_names)
    given_names["c"] = slice(5, 9)
    assert settings_of(request)["settings"]["partitions"] == {"a": [0, 5], "b": [5, None]}
