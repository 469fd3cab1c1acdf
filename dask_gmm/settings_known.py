"""Values of settings about what is known before any row, which are written as texts."""

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from dask_gmm.settings_values import column_numbers, named_texts

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
PRIORS_SCHEMA = {
    "anyOf": [
        {"type": "object"},
        {"type": "string", "pattern": "^[a-z_]+(,[a-z_]+=[^=,]+)*$"},
    ]
}


def priors(value: object) -> object:
    """Priors by name from ``dirichlet_process`` or ``dirichlet_process,mean_precision_prior=2``.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form, or has a name twice.
    """
    if not isinstance(value, str):
        return value
    kind, comma, others = value.partition(",")
    try:
        found = named_texts(others, "numbers by names") if comma else {}
        named = {name: float(text) for name, text in found.items()}
    except ValueError as error:
        raise ValueError(
            "wanted a prior such as 'dirichlet_process,weight_concentration_prior=0.01', found "
            f"{value!r}"
        ) from error
    return {"weight_concentration_prior_type": kind, **named}


def named_values(value: object) -> object:
    """Values by names from a text such as ``alpha=2,nu=none``; a word is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form, or has a name twice.
    """
    if not isinstance(value, str) or "=" not in value:
        return value
    found = named_texts(value, "values such as 'alpha=2,nu=none'")
    return {name: _value(text) for name, text in found.items()}


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
    found = named_texts(value, "parameters such as 'means=0+2,weights=all'")
    return {
        name: text if text == "all" else column_numbers(text.replace("+", ","))
        for name, text in found.items()
    }


Priors: TypeAlias = Annotated[
    dict[str, Any], BeforeValidator(priors), WithJsonSchema(PRIORS_SCHEMA)
]
PriorValues: TypeAlias = Annotated[
    str | dict[str, Any], BeforeValidator(named_values), WithJsonSchema(PRIOR_SCHEMA)
]
FixedParts: TypeAlias = Annotated[
    dict[str, Any], BeforeValidator(fixed_parts), WithJsonSchema(FIXED_SCHEMA)
]
