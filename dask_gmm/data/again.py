"""Reads that fail may succeed when they are tried again: networks do so, and disks behind them."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from dask_gmm.data.damage import DamagedChunkError

# Seconds before the second and the third attempt.
PAUSES: Final = (0.1, 1.0)
FINAL: Final = (
    FileNotFoundError,
    NotADirectoryError,
    IsADirectoryError,
    PermissionError,
    MemoryError,
    DamagedChunkError,
)
T = TypeVar("T")


def again(read: Callable[[], T]) -> T:
    """Give what is read, at the third attempt at the latest.

    Raises
    ------
    Exception
        Of the last attempt; at once if another one would not help: where there is nothing to read,
        or it may not be read, or it has been and is wrong.
    """
    for pause in PAUSES:
        try:
            return read()
        except FINAL:
            raise
        except Exception:  # noqa: BLE001  stores raise errors of any type
            time.sleep(pause)
    return read()
