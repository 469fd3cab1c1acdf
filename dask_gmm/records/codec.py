"""Frozen values as a JSON document and arrays, and back to the same bytes; no pickle.

The document lists objects, each with its type and its fields, after those that it holds. What
several hold is written once, and is one object again. Of an array that is not in the usual order in
memory, the strides are kept: the last bits of a product depend on them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum
from functools import cache
from types import NoneType
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from dask_gmm.errors import DataError
from dask_gmm.mixture.features import freeze
from dask_gmm.records.registry import TYPES, VERSIONS

T = TypeVar("T")
# What `json` reads and writes.
Json: TypeAlias = Any
Values: TypeAlias = npt.NDArray[Any]
# A type and a field of it, for messages.
Where: TypeAlias = tuple[str, ...]

FORMAT: Final = "values"
VERSION: Final = 1
PLAIN: Final = (NoneType, bool, int, str)
NUMBERS: Final = "biufc"


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """A value as it can be stored.

    Parameters
    ----------
    document : dict
        JSON values, without NaN and infinity.
    arrays : mapping of str to ndarray
        Numbers, of any shape, type and order in memory; their names are in the document.
    """

    document: dict[str, Json]
    arrays: Mapping[str, Values]


def encode(value: object) -> Encoded:
    """Write a value down: numbers, texts, tuples, arrays, and objects of registered types of these.

    Parameters
    ----------
    value : object
        Its arrays are not copied.

    Raises
    ------
    TypeError
        If it holds anything else.
    """
    writer = _Writer()
    document = {
        "format": FORMAT,
        "version": VERSION,
        "value": writer.json_of(value, ("the value itself",)),
        "objects": writer.objects,
        "types": writer.versions,
    }
    return Encoded(document, writer.arrays)


def decode(encoded: Encoded, kind: type[T]) -> T:
    """Read a value of some type, with read-only arrays of its own.

    Raises
    ------
    DataError
        If it is of another format, type or version, or something of it is missing.
    """
    try:
        value = _Reader(encoded).value()
    except DataError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise _damaged(f"what is none ({type(error).__name__}: {error})") from error
    if not isinstance(value, kind):
        raise DataError(
            f"Wanted a record of {kind.__name__}, found one of {type(value).__name__}. Give the "
            "record that was meant."
        )
    return value


@cache
def _names(kind: Any) -> tuple[str, ...]:
    """Names of the fields of a type: a checkpoint has objects of a few types by the thousand."""
    return tuple(each.name for each in fields(kind))


class _Writer:
    """Numbers what it meets, so that what is met again is written once."""

    def __init__(self) -> None:
        self.objects: list[Json] = []
        self.versions: dict[str, int] = {}
        self.arrays: dict[str, Values] = {}
        self._written: dict[int, Json] = {}

    def json_of(self, value: object, where: Where) -> Json:
        if type(value) in PLAIN:
            return value
        if isinstance(value, np.generic):
            return {"scalar": self._array(np.asarray(value), where)}
        if type(value) is float:
            return (
                value if math.isfinite(value) else {"float": np.array(value, ">f8").tobytes().hex()}
            )
        if type(value) is tuple:
            return [self.json_of(each, where) for each in value]
        if isinstance(value, Enum):
            return {"member": [self._type(value, where), value.name]}
        if id(value) not in self._written:
            write = self._array if type(value) is np.ndarray else self._object
            self._written[id(value)] = write(value, where)
        return self._written[id(value)]

    def _object(self, value: Any, where: Where) -> Json:
        kind: Any = type(value)
        name, held = self._type(value, where), {}
        for field in _names(kind):
            of = getattr(value, field)
            held[field] = of if type(of) in PLAIN else self.json_of(of, (name, field))
        self.objects.append([name, held])
        return {"object": len(self.objects) - 1}

    def _type(self, value: object, where: Where) -> str:
        kind = type(value)
        if kind not in VERSIONS:
            raise TypeError(
                f"Wanted a type that can be written down, found {kind.__name__} in "
                f"{'.'.join(where)}. Enter it in dask_gmm/records/registry.py."
            )
        self.versions[kind.__name__] = VERSIONS[kind]
        return kind.__name__

    def _array(self, array: Any, where: Where) -> Json:
        if array.dtype.kind not in NUMBERS:
            raise TypeError(
                f"Wanted arrays of numbers, found one of type {array.dtype} in {'.'.join(where)}. "
                "Convert it."
            )
        name = f"a{len(self.arrays)}"
        self.arrays[name] = array
        usual = not array.size or array.strides == np.empty(array.shape, array.dtype).strides
        return {"array": name} | ({} if usual else {"strides": list(array.strides)})


class _Reader:
    """Makes objects in the order in which they were written, each once."""

    def __init__(self, encoded: Encoded) -> None:
        document = encoded.document
        if (document["format"], document["version"]) != (FORMAT, VERSION):
            raise _damaged(f"{document['format']!r} of version {document['version']!r}")
        self._types = {name: _known(name, each) for name, each in document["types"].items()}
        self._arrays = encoded.arrays
        self._read: dict[str, Values] = {}
        self._objects: list[object] = []
        self._document = document

    def value(self) -> object:
        for name, held in self._document["objects"]:
            self._objects.append(self._object(self._types[name], held))
        return self._of(self._document["value"])

    def _object(self, kind: Any, held: Mapping[str, Json]) -> object:
        if set(_names(kind)) != set(held):
            raise _damaged(f"fields of {kind.__name__} that are missing or others")
        return kind(**{name: self._of(json) for name, json in held.items()})

    def _of(self, json: Json) -> Any:
        match json:
            case list():
                return tuple(map(self._of, json))
            case {"float": bits}:
                return np.frombuffer(bytes.fromhex(bits), ">f8").item()
            case {"scalar": array}:
                return self._of(array)[()]
            case {"member": [name, member]}:
                return self._types[name][member]
            case {"object": number}:
                return self._objects[number]
            case {"array": name}:
                return self._array(name, json.get("strides"))
            case dict():
                raise _damaged(f"{sorted(json)} in the place of a value")
        return json

    def _array(self, name: str, strides: Sequence[int] | None) -> Values:
        if name not in self._read:
            self._read[name] = _laid_out(np.asarray(self._arrays[name]), strides)
        return self._read[name]


def _laid_out(stored: Values, strides: Sequence[int] | None) -> Values:
    """Copy an array to memory in which it has these strides; by default the usual ones."""
    if strides is None:
        array = np.empty(stored.shape, stored.dtype)
    else:
        steps = [(n - 1) * step for n, step in zip(stored.shape, strides, strict=True)]
        before, after = (sum(f(step, 0) for step in steps) for f in (min, max))
        memory = np.zeros(after - before + stored.itemsize, np.uint8)
        array = np.ndarray(stored.shape, stored.dtype, memory, -before, tuple(strides))
    array[...] = stored
    freeze(array)
    return array


def _known(name: str, version: object) -> Any:
    kind = TYPES.get(name)
    if kind is None or VERSIONS[kind] != version:
        known = "no such type" if kind is None else f"version {VERSIONS[kind]}"
        raise DataError(
            f"Wanted types of records that this release knows, found {name} of version "
            f"{version!r}, of which it knows {known}. Read the record with the release that "
            "wrote it."
        )
    return kind


def _damaged(found: str) -> DataError:
    return DataError(
        f"Wanted a record of {FORMAT}, version {VERSION}, and all that it names; found {found}. "
        "Restore the record from a copy, or make it again."
    )
