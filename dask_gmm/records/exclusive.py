"""One call at a time writes an output.

Beside ``runs/a`` lie two things meanwhile. ``runs/.a.wip-lock`` is an empty file that the call
holds a lock on; the system lifts it when the process ends, however it does, so that what a killed
one left of the file keeps nobody out. For an output below an address it lies in the folder of this
machine for temporary files. Calls on other hosts, who may not see that lock, find a lease
in ``runs/.a.wip-lease``.
"""

import fcntl
import hashlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread
from typing import TypeAlias

from dask_gmm.errors import BusyError, DaskGMMError, output_errors
from dask_gmm.objects.location import Location
from dask_gmm.records.lease import BEAT_EVERY, Lease
from dask_gmm.records.lease import take as take_lease
from dask_gmm.records.object_store import ObjectStore, store_at
from dask_gmm.records.publish import refuse_nameless
from dask_gmm.records.store import FolderStore, Store

Take: TypeAlias = Callable[[Store], Lease]


@contextmanager
def only_writer(path: Location, take: Take | None = None) -> Iterator[Lease]:
    """Be the only call that writes an output, or refuse.

    Folders above it are made. A warning tells of a holder on another host whose place is taken.

    Parameters
    ----------
    path : Path or Address
    take : callable, optional
        Takes the lease; `dask_gmm.records.lease.take` unless given.

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
    lock = _lock_of(path)
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        held = _take(lock, path)
    try:
        with _leased(path, take or partial(take_lease, scope=_scope_of(path))) as lease:
            for text in lease.warnings:
                warnings.warn(text, stacklevel=3)
            yield lease
    finally:
        with output_errors(path):
            lock.unlink(missing_ok=True)
            os.close(held)


@contextmanager
def _leased(path: Location, take: Take) -> Iterator[Lease]:
    store = store_at(path.with_name(f".{path.name}.wip-lease"))
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
    except BaseException:
        with suppress(DaskGMMError):  # what has happened is the news
            _release(lease, store)
        raise
    else:
        _release(lease, store)


def _release(lease: Lease, store: FolderStore | ObjectStore) -> None:
    lease.release()
    store.vanish()


def show(lease: Lease, ended: Event) -> None:
    """Show every 20 seconds that the holder of a lease lives, until it has ended."""
    count = 0
    while not ended.wait(BEAT_EVERY):
        count += 1
        with suppress(
            DaskGMMError
        ):  # the next one may be seen; a lost lease is the holder's to see
            lease.beat(count)


def _take(lock: Path, path: Location) -> int:
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


def _lock_of(path: Location) -> Path:
    if isinstance(path, Path):
        return path.with_name(f".{path.name}.wip-lock")
    known = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"dask-gmm-{os.getuid()}-{known}.wip-lock"


def _scope_of(path: Location) -> str:
    """Tell the processes that see the lock: of one user, with the same temporary files and words.

    An address may have another form, such as with the name of an account, and then another lock.
    """
    if isinstance(path, Path):
        return ""
    folder = Path(tempfile.gettempdir()).stat()
    return f" {_lock_of(path).name} {folder.st_dev} {folder.st_ino}"


def _is_there(lock: Path, held: int) -> bool:
    try:
        return os.path.samestat(lock.stat(), os.fstat(held))
    except FileNotFoundError:
        return False
