"""A JSON document and arrays as the bytes of an archive of numpy, without pickle."""

import json
import zipfile
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

# What `json` reads and writes.
Json: TypeAlias = Any
Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]

# The array of bytes that holds the document.
DOCUMENT: Final = "document"


def packed(document: Json, arrays: Arrays) -> bytes:
    """Give the archive; the same document and arrays have the same bytes."""
    archive = BytesIO()
    text = np.frombuffer(json.dumps(document, allow_nan=False).encode(), np.uint8)
    np.savez(archive, **{DOCUMENT: text}, **arrays)  # type: ignore[arg-type]
    return archive.getvalue()


def unpacked(data: bytes) -> tuple[Json, Arrays]:
    """Read what `packed` gave.

    Raises
    ------
    ValueError
        If these bytes are something else.
    """
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            arrays = dict(archive)
        return json.loads(arrays.pop(DOCUMENT).tobytes()), arrays
    except (AttributeError, EOFError, LookupError, OSError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(f"no archive with a document ({error})") from error
