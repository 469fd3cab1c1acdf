"""The address of a scheduler, from the file in which it writes one when it starts."""

import json
import time
from pathlib import Path
from typing import Final

from dask_gmm.errors import ClusterError, SettingsError

LOOK_SECONDS: Final = 0.2
# A scheduler writes its file in one go; what is no JSON after that is another file.
WRITING_SECONDS: Final = 5.0


def scheduler_address(path: Path, seconds: float) -> str:
    """Wait for the file of ``dask scheduler --scheduler-file``, and give the address in it.

    Raises
    ------
    ClusterError
        If there is none in time.
    SettingsError
        If it cannot be read, or is another file.
    """
    began = time.monotonic()
    seen: float | None = None
    while True:
        try:
            return _address(path)
        except FileNotFoundError as error:
            if time.monotonic() - began >= seconds:
                raise ClusterError(
                    f"Wanted the file of a Dask scheduler at {path}, found none within "
                    f"{seconds:,.0f} s. Start `dask scheduler --scheduler-file {path}`, then run "
                    "this again."
                ) from error
        except OSError as error:
            raise _other(path, str(error.strerror)) from error
        except (ValueError, TypeError, KeyError) as error:
            seen = seen or time.monotonic()
            if time.monotonic() - seen >= WRITING_SECONDS:
                raise _other(path, f"{type(error).__name__}: {error}") from error
        time.sleep(LOOK_SECONDS)


def _address(path: Path) -> str:
    address = json.loads(path.read_bytes())["address"]
    if not isinstance(address, str):
        raise TypeError(f"the address {address!r}")
    return address


def _other(path: Path, found: str) -> SettingsError:
    return SettingsError(
        "Wanted a file that `dask scheduler --scheduler-file` wrote, found something else at "
        f"{path} ({found}). Correct the path."
    )
