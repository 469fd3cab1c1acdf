"""Parts of a run are read again as they were written."""

import json
from datetime import UTC, datetime

import pytest

from dask_gmm.records.parts import Part, header_of, parts_in

STARTED = datetime(2030, 1, 31, 22, 0, tzinfo=UTC)
LATER = datetime(2030, 1, 31, 22, 1, 30, tzinfo=UTC)
BEGUN = Part(STARTED.isoformat(), "a", ("one", "two"), {"numpy": "2"})


def test_a_part_that_is_interrupted_has_what_was_kept_last() -> None:
    part = BEGUN.after(3).at(5, LATER)
    assert (part.first_pass, part.last_pass, part.interrupted) == (4, 5, True)
    assert (part.until, part.seconds) == (LATER.isoformat(), 90.0)


def test_a_part_that_ends_the_run_is_not_interrupted() -> None:
    assert not BEGUN.ended(5, LATER).interrupted


def test_of_a_part_that_has_left_nothing_no_seconds_are_known() -> None:
    assert BEGUN.seconds == 0.0


def test_parts_are_read_as_they_were_written() -> None:
    parts = (BEGUN.at(2, LATER), BEGUN.after(2).ended(2, LATER))
    header = json.loads(json.dumps(header_of(parts)))
    assert [each.to_json() for each in parts_in(header)] == [each.to_json() for each in parts]
    assert parts_in({}) == ()


@pytest.mark.parametrize("said", [{}, {"machines": [], "more": 1}])
def test_something_else_is_no_part(said: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError)):
        parts_in({"parts": [said]})
