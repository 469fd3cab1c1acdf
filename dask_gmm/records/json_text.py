"""JSON as its standard has it: what is not finite, for which it has no word, is null."""

import json
import math
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """Write JSON values as a text.

    Parameters
    ----------
    value : JSON values
        NaN and infinities in them become null.
    indent : int, optional
        By which lines are indented; by default all is on one line.
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
    return value
