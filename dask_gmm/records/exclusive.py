"""One call at a time writes an output.

Beside ``runs/a`` lie two things meanwhile. ``runs/.a.wip-lock`` is an empty file that the call
holds a lock on; the system lifts it when the process ends, however it does, so that what a killed
one left of the file keeps nobody out. Calls on other hosts, who may not see that lock, find a lease
in ``runs/.a.wip-lease``.
"""

import fcntl
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import TypeAlias

from dask_gmm.errors import BusyError, DaskGMMError, output_errors
from dask_gmm.records.lease import BEAT_EVERY, Lease, take
from dask_gmm.records.publish import refuse_nameless
from dask_gmm.records.store import FolderStore, Store

Take: TypeAlias = Callable[[Store], Lease]


@contextmanager
def only_writer(path: Path, take: Take = take) -> Iterator[Lease]:
    """Be the only call that writes an output, or refuse.

    Folders above it are made. A warning tells of a holder on another host whose place is taken.

    Parameters
    ----------
    path : Path
    take : callable
        Takes the lease.

    Yields
    ------
    Lease
        To be checked before anything is written that another call would miss.

    Raises
    ------
    InputError
        If it has no name.
    BusyError
        If another call, in this process or another one, is at work on it.
    OutputError
        If nothing can be written there.
    """
    refuse_nameless(path)
    lock = path.with_name(f".{path.name}.wip-lock")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _take(lock, path)
    try:
        with _leased(path, take) as lease:
            for text in lease.warnings:
                warnings.warn(text, stacklevel=3)
            yield lease
    finally:
        with output_errors(path):
            lock.unlink(missing_ok=True)
            os.close(held)


@contextmanager
def _leased(path: Path, take: Take) -> Iterator[Lease]:
    store = FolderStore(path.with_name(f".{path.name}.wip-lease"))
    lease, ended = take(store), Event()
    try:
        store.remove_stale()
        thread = Thread(target=show, args=(lease, ended), name="lease", daemon=True)
        thread.start()
        try:
            yield lease
        finally:
            ended.set()
            thread.join()
    finally:
        lease.release()
        with suppress(OSError):  # it holds the lease of another call
            store.path.rmdir()


def show(lease: Lease, ended: Event) -> None:
    """Show every 20 seconds that the holder of a lease lives, until it has ended."""
    count = 0
    while not ended.wait(BEAT_EVERY):
        count += 1
        with suppress(
            DaskGMMError
        ):  # the next one may be seen; a lost lease is the holder's to see
            lease.beat(count)


def _take(lock: Path, path: Path) -> int:
    """Give the descriptor that holds the lock, of the file that is there under its name."""
    held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise BusyError(
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
