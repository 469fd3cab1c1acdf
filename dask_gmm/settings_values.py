"""Values of settings that are written as texts: tolerances, columns, ranges and lists."""

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, WithJsonSchema

from dask_gmm.mixture.names import EXAMPLES, NAMES
from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location, location
from dask_gmm.workflows.requests import Init

# What is made of these alone is meant for numbers.
NUMERIC = r"[\d\s:,.+-]*"
COLUMNS = r"\d+(:\d+)?(,\d+(:\d+)?)*"
NUMBERS_SCHEMA = {
    "anyOf": [
        {"type": "array", "items": {"type": "integer"}},
        {"type": "string", "pattern": f"^{COLUMNS}$"},
    ]
}
COLUMNS_SCHEMA = {
    "anyOf": [
        {"type": "array", "items": {"type": ["integer", "string"]}},
        {"type": "string", "minLength": 1},
    ]
}
ROW_RANGE = r"^[0-9]*:[0-9]*$"
PARTITIONS_SCHEMA = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": "string", "pattern": ROW_RANGE}},
        {"type": "string", "pattern": "^[^=,]+=[0-9]*:[0-9]*(,[^=,]+=[0-9]*:[0-9]*)*$"},
    ]
}


def place(value: object) -> Location:
    """A path from a text, or an address from one such as ``s3://bucket/run``.

    Raises
    ------
    ValueError
        If it is neither, or an address that cannot be used.
    """
    if isinstance(value, Path | Address):
        return value
    if not isinstance(value, str):
        raise ValueError(f"wanted a path, found {value!r}")
    return location(value) if ":/" in value else Path(value)


def local_path(value: object) -> object:
    """A path of this machine from a text.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If it is an address.
    """
    if isinstance(value, str) and "://" in value:
        raise ValueError(f"wanted a path of this machine, found the address {value}")
    return value


def tolerance(value: object) -> object:
    """A number, or ``auto``.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if value == "auto":
        return value
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise ValueError(f"wanted a finite number or auto, found {value}")
    return found


def column_numbers(value: object) -> object:
    """Column numbers from a text such as ``0,2,5:8``, in which 5:8 means 5, 6, 7.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form.
    """
    if not isinstance(value, str):
        return value
    if not re.fullmatch(COLUMNS, value, re.ASCII):
        raise ValueError(f"wanted columns such as '0,2,5:8', found {value!r}")
    parts = (part.partition(":") for part in value.split(","))
    spans = (range(int(a), int(b) if colon else int(a) + 1) for a, colon, b in parts)
    return tuple(column for span in spans for column in span)


def columns(value: object) -> object:
    """Columns from a text such as ``0,2,5:8``, or such as ``a,b``, which are names.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If a name is empty.
    """
    if not isinstance(value, str) or re.fullmatch(NUMERIC, value, re.ASCII):
        return column_numbers(value)
    parts = tuple(value.split(","))
    if not all(parts):
        raise ValueError(f"wanted names of columns such as 'a,b', found {value!r}")
    return parts


def row_range(text: str) -> slice:
    """A slice from a text such as ``0:1000``, of which either end may be left out."""
    start, _, stop = text.partition(":")
    return slice(int(start) if start else None, int(stop) if stop else None)


def with_rows(settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Values of settings that name rows, as requests take them."""
    values = dict(settings)
    return {**values, "rows": None if values["rows"] is None else row_range(values["rows"])}


def counts(value: object) -> object:
    """Whole numbers from a text such as ``2:16``, which is 2 to 16, or ``2,4,8``.

    Anything but a text or a number is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form.
    """
    if isinstance(value, int):
        return (value,)
    if not isinstance(value, str):
        return value
    if not re.fullmatch(COLUMNS, value, re.ASCII):
        raise ValueError(f"wanted numbers such as '2:16' or '2,4,8', found {value!r}")
    parts = (part.partition(":") for part in value.split(","))
    return tuple(n for a, _, b in parts for n in range(int(a), int(b or a) + 1))


def names(value: object) -> object:
    """Names from a text such as ``full,diag``; anything else is given back as it is."""
    return tuple(filter(None, value.split(","))) if isinstance(value, str) else value


def family(value: str) -> str:
    """Check that a text is the name of a family of covariances.

    Raises
    ------
    ValueError
        If it is not.
    """
    if not re.fullmatch(NAMES, value):
        raise ValueError(f"wanted one of {', '.join(EXAMPLES)}, found {value!r}")
    return value


def named_texts(text: str, wanted: str) -> dict[str, str]:
    """Texts by names from one such as ``a=1,b=2``.

    Raises
    ------
    ValueError
        If it is of another form, or has a name twice.
    """
    parts = [part.rpartition("=") for part in text.split(",")]
    named = {name: value for name, _, value in parts}
    if len(named) < len(parts) or not all((*named, *named.values())):
        raise ValueError(f"wanted {wanted}, found {text!r}")
    return named


def partition_rows(value: object) -> object:
    """Rows by names from a text such as ``mon=0:1000,tue=1000:2000``.

    Anything but a text is given back as it is.

    Raises
    ------
    ValueError
        If the text is of another form, or has a name twice.
    """
    if not isinstance(value, str):
        return value
    return named_texts(value, "partitions such as 'mon=0:1000,tue=1000:2000'")


def moment(value: object) -> object:
    """A time from a text such as ``2030-01-31T06:00:00+00:00``, or as YAML reads it.

    Raises
    ------
    ValueError
        If it is neither.
    """
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, date):
        raise ValueError(f"wanted a time such as 2030-01-31T06:00:00+00:00, found {value}")
    return found


def import_path(value: str) -> str:
    """Check that a text is of the form ``package.module:factory``.

    Raises
    ------
    ValueError
        If it is not.
    """
    module, _, factory = value.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *factory.split("."))):
        raise ValueError(f"wanted import paths such as 'package.module:factory', found {value!r}")
    return value


Where: TypeAlias = Annotated[
    Location, PlainValidator(place), WithJsonSchema({"type": "string", "format": "path"})
]
RowRange: TypeAlias = Annotated[str, Field(pattern=ROW_RANGE)]
LocalPath: TypeAlias = Annotated[Path, BeforeValidator(local_path)]
Tolerance: TypeAlias = Annotated[float | Literal["auto"], BeforeValidator(tolerance)]
Moment: TypeAlias = Annotated[datetime, BeforeValidator(moment)]
ColumnNumbers: TypeAlias = Annotated[
    tuple[int, ...], BeforeValidator(column_numbers), WithJsonSchema(NUMBERS_SCHEMA)
]
Columns: TypeAlias = Annotated[
    tuple[int | str, ...], BeforeValidator(columns), WithJsonSchema(COLUMNS_SCHEMA)
]

Counts: TypeAlias = Annotated[
    tuple[int, ...], BeforeValidator(counts), WithJsonSchema(NUMBERS_SCHEMA)
]
Family: TypeAlias = Annotated[
    str, AfterValidator(family), WithJsonSchema({"type": "string", "pattern": NAMES})
]
Families: TypeAlias = Annotated[tuple[Family, ...], BeforeValidator(names)]
Inits: TypeAlias = Annotated[tuple[Init, ...], BeforeValidator(names)]
Names: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(names)]
ImportPath: TypeAlias = Annotated[str, AfterValidator(import_path)]
ImportPaths: TypeAlias = Annotated[tuple[ImportPath, ...], BeforeValidator(names)]
Partitions: TypeAlias = Annotated[
    dict[str, RowRange], BeforeValidator(partition_rows), WithJsonSchema(PARTITIONS_SCHEMA)
]
