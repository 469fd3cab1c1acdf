"""Outputs are written aside and published when they are whole.

Beside ``runs/a`` lies ``runs/.a.wip`` while it is written, under the same name in every run, so
that a run that was interrupted finds what it left. While a published output is replaced, the old
one lies in ``runs/.a.old``; a crash in between leaves both, and the next run puts the old one back.
"""

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dask_gmm.errors import InputError, OutputExistsError, output_errors

# A disk commits many small files together for about the price of one.
FLUSHES_AT_ONCE = 16


def aside(path: Path) -> Path:
    """Where an output is written before it is published: a hidden sibling."""
    return path.with_name(f".{path.name}.wip")


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Check, before any work, that an output can be published at a path.

    Folders above it are made. What a crash left of a replaced output is put back in its place.

    Raises
    ------
    InputError
        If it has no name, or would replace the folder that the program runs in.
    OutputExistsError
        If there is something and ``overwrite`` is false.
    OutputError
        If nothing can be written there.
    """
    if path.name in ("", ".."):
        raise InputError(
            f"An output is a folder of its own, with a name, but {path} has none. Choose another "
            f"place, such as {path / 'output'}."
        )
    here = Path.cwd()
    if overwrite and path.resolve() in (here, *here.parents):
        raise InputError(
            f"An output must not replace the folder that the program runs in, {here}, but {path} "
            "is that or above it. Choose another place."
        )
    with output_errors(path):
        _put_back(path)
        if os.path.lexists(path) and not overwrite:
            raise OutputExistsError(
                f"An output is written where there is none, but {path} exists. Choose another "
                f"place, or overwrite it."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def publish(wip: Path, path: Path, overwrite: bool, *, durable: bool = True) -> None:
    """Put an output that is whole in its place, by renaming.

    The old one is removed last. What is durable is on the disk, and would outlive a power cut,
    before the old one is touched.

    Parameters
    ----------
    wip : Path
        The file or folder, as `aside` names it.
    path : Path
        Its place.
    overwrite : bool
        Whether to replace what is there.
    durable : bool
        Whether to wait for the disk. Rows with digests that can be drawn again need not: what a
        power cut took of them is found when they are read.

    Raises
    ------
    OutputExistsError
        If there is something and ``overwrite`` is false.
    OutputError
        If it cannot be put there; both are then where they were.
    """
    refuse_existing(path, overwrite)
    old = _old(path)
    with output_errors(path):
        if durable:
            flush(wip)
        _remove(old)
        if os.path.lexists(path):
            path.replace(old)
        try:
            wip.replace(path)
        except OSError:
            _put_back(path)
            raise
        _flush_one(path.parent)
        _remove(old)


def flush(path: Path) -> None:
    """See that a file, or a folder with all that is in it, is on the disk, not on its way there.

    Raises
    ------
    OSError
        If the system could not write it.
    """
    inside = (each for each in path.rglob("*") if not each.is_symlink())
    with ThreadPoolExecutor(FLUSHES_AT_ONCE) as pool:
        for _ in pool.map(_flush_one, (*inside, path)):
            pass


def _flush_one(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def _put_back(path: Path) -> None:
    old = _old(path)
    if os.path.lexists(old) and not os.path.lexists(path):
        old.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
