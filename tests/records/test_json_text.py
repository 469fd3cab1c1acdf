"""What is written as JSON is JSON, also of numbers that it has no word for."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.records.json_text import json_text

PLAIN = st.none() | st.booleans() | st.integers() | st.text() | st.floats()
VALUES: st.SearchStrategy[Any] = st.recursive(
    PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


def strict(text: str) -> Any:
    """Read JSON as its standard has it."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: finite(each) for name, each in value.items()}
        case list():
            return [finite(each) for each in value]
    return value


@given(VALUES)
def test_everything_but_what_is_not_finite_is_read_again(value: Any) -> None:
    assert strict(json_text(value)) == finite(value)
    assert strict(json_text(value, indent=2)) == finite(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_null(value: float) -> None:
    assert json_text({"a": [1, (value, 2.5)]}) == '{"a": [1, [null, 2.5]]}'
