"""Values of settings about what is known before any row, which are written as texts."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from dask_gmm.settings_values import column_numbers

PRIOR_SCHEMA = {
    "anyOf": [
        {"const": "mclust"},
        {"type": "object"},
        {"type": "string", "pattern": "^[a-z]+=[^=,]+(,[a-z]+=[^=,]+)*$"},
    ]
}
FIXED_SCHEMA = {
    "anyOf": [
        {"type": "object"},
        {"type": "string", "pattern": "^[a-z]+=[0-9+:a-z]+(,[a-z]+=[0-9+:a-z]+)*$"},
    ]
}


def named_values(value: object) -> object:
    """Values by names from a text such as ``alpha=2,nu=none``; a word is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form, or has a name twice.
    """
    if not isinstance(value, str) or "=" not in value:
        return value
    found = _named(value, "values such as 'alpha=2,nu=none'")
    return {name: _value(text) for name, text in found.items()}


def _named(text: str, wanted: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",")]
    named = {name: value for name, _, value in parts}
    if len(named) < len(parts) or not all(named.values()):
        raise ValueError(f"wanted {wanted}, found {text!r}")
    return named


def _value(text: str) -> float | str | None:
    """A number, or none, or a word."""
    try:
        return None if text == "none" else float(text)
    except ValueError:
        return text


def fixed_parts(value: object) -> object:
    """Numbers of components by names from a text such as ``means=0+2+5:8,weights=all``.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form, or has a name twice.
    """
    if not isinstance(value, str):
        return value
    found = _named(value, "parameters such as 'means=0+2,weights=all'")
    return {
        name: text if text == "all" else column_numbers(text.replace("+", ","))
        for name, text in found.items()
    }


PriorValues: TypeAlias = Annotated[
    str | dict[str, Any], BeforeValidator(named_values), WithJsonSchema(PRIOR_SCHEMA)
]
FixedParts: TypeAlias = Annotated[
    dict[str, Any], BeforeValidator(fixed_parts), WithJsonSchema(FIXED_SCHEMA)
]
