"""One call at a time writes an output.

Beside ``runs/a`` lies ``runs/.a.wip-lock`` meanwhile, an empty file that the call holds a lock on.
The system lifts it when the process ends, however it does, so that what a killed one left of the
file keeps nobody out.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dask_gmm.errors import OutputError, output_errors
from dask_gmm.records.publish import refuse_nameless


@contextmanager
def only_writer(path: Path) -> Iterator[None]:
    """Be the only call that writes an output, or refuse.

    Folders above it are made.

    Raises
    ------
    InputError
        If it has no name.
    OutputError
        If another call, in this process or another one, is at work on it, or nothing can be
        written there.
    """
    refuse_nameless(path)
    lock = path.with_name(f".{path.name}.wip-lock")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _take(lock, path)
    try:
        yield
    finally:
        with output_errors(path):
            lock.unlink(missing_ok=True)
            os.close(held)


def _take(lock: Path, path: Path) -> int:
    """Give the descriptor that holds the lock, of the file that is there under its name."""
    held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise OutputError(
            f"Wanted to be the only call that writes {path}, found another one at work on it, "
            f"which holds {lock}. Wait until it has ended, or choose another place."
        ) from None
    except OSError:
        os.close(held)
        raise
    if _is_there(lock, held):
        return held
    os.close(held)  # of a call that removed it, having ended, after this one had opened it
    return _take(lock, path)


def _is_there(lock: Path, held: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(held))
    except FileNotFoundError:
        return False
