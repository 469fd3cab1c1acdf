"""Values as they come back from a disk, and what is different about them."""

import json
import struct
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from io import BytesIO
from typing import Any, TypeVar

import numpy as np

from dask_gmm.records.codec import Encoded, decode, encode

T = TypeVar("T")


def stored(value: object, kind: type[T]) -> T:
    """Encode a value, make text and an archive of it, and decode what these hold."""
    return decode(stored_form(encode(value)), kind)


def stored_form(encoded: Encoded) -> Encoded:
    """Write an encoded value as strict JSON and an archive without pickle, and read both."""
    text = json.dumps(encoded.document, allow_nan=False)
    archive = BytesIO()
    np.savez(archive, **encoded.arrays)  # type: ignore[arg-type]
    archive.seek(0)
    with np.load(archive, allow_pickle=False) as arrays:
        return Encoded(json.loads(text), dict(arrays))


def parts(value: object) -> dict[str, object]:
    """What a value holds, by name; nothing if it is a number, a text or an array."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    return {str(i): each for i, each in enumerate(value)} if isinstance(value, tuple) else {}


def differences(a: object, b: object, where: str = "") -> Iterator[str]:
    """Name the places where two values differ in type, bytes, or order in memory."""
    if type(a) is not type(b) or facts(a) != facts(b):
        yield f"{where}: {facts(a)} and {facts(b)}"
        return
    ours, others = parts(a), parts(b)
    for name in ours:
        yield from differences(ours[name], others[name], f"{where}.{name}")


def facts(value: Any) -> object:
    """What two values must have in common beside their parts."""
    if isinstance(value, np.ndarray):
        strides = value.strides if value.size else None
        return value.dtype.str, value.shape, strides, value.tobytes()
    if isinstance(value, np.generic):
        return value.dtype.str, value.tobytes()
    if isinstance(value, float):
        return struct.pack(">d", value)
    return list(parts(value)) if is_dataclass(value) or isinstance(value, tuple) else value
