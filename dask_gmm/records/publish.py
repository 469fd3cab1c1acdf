"""Outputs are written aside and published when they are whole.

Beside ``runs/a`` lies ``runs/.a.wip`` while it is written, under the same name in every run, so
that a run that was interrupted finds what it left. Where one run may be about something else than
another, the name ends in a mark of that, ``runs/.a.wip-0123456789abcdef``. While a published
output is replaced, the old one lies in ``runs/.a.old``. After a crash in between, the next run
puts the old one back if the new one is still aside, and otherwise removes it. Only outputs of the
same kind are replaced.
"""

import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from dask_gmm.errors import InputError, OutputExistsError, output_errors
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import is_there
from dask_gmm.objects.location import Location, P
from dask_gmm.objects.schemes import WEB
from dask_gmm.records.kinds import Kind
from dask_gmm.records.publish_objects import publish_objects, settle_objects, try_writing

# A disk commits many small files together for about the price of one.
FLUSHES_AT_ONCE = 16


def aside(path: P, mark: str = "") -> P:
    """Where an output is written before it is published: a hidden sibling.

    A mark is 16 hexadecimal digits that tell what the output is about.
    """
    return path.with_name(f".{path.name}.wip{mark and '-'}{mark}")


def remove_stale(path: Location, wip: Location, kind: Kind) -> None:
    """Remove what calls about something else left aside, for the only call that writes there.

    What cannot be removed, since a worker that outlived its call still writes to it, is left.
    """
    for each in asides(path):
        if each not in (wip, aside(path)) and kind.may_replace(each):
            with suppress(OSError):
                kind.remove(each)


def refuse_nameless(path: Location) -> None:
    """Refuse a place that is no name in a folder.

    Raises
    ------
    InputError
        Such as of the root of a disk; or one on a web server.
    """
    if path.name in ("", ".."):
        raise InputError(
            f"An output is a folder of its own, with a name, but {path} has none. Choose another "
            f"place, such as {path / 'output'}."
        )
    if isinstance(path, Address) and path.scheme in WEB:
        raise InputError(
            f"An output is written to a disk or to a store, but {path} is on a web server, which "
            "is only read from. Choose another place."
        )


def refuse_existing(path: Location, overwrite: bool, kind: Kind) -> None:
    """Check, before any work, that an output can be published at a path, by its only writer.

    Folders above it are made. What a crash left of a replaced output is put back, or removed.

    Parameters, and what is raised, are those of `refuse_occupied`.
    """
    settle(path, kind)
    refuse_occupied(path, overwrite, kind)


def refuse_occupied(path: Location, overwrite: bool, kind: Kind) -> None:
    """Check that an output can be published at a path; for all who look before they write.

    Folders above it are made. Parameters, and what else is raised, are those of `refuse_taken`.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    refuse_taken(path, overwrite, kind)
    with output_errors(path):
        if isinstance(path, Address):
            try_writing(path)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


def refuse_taken(path: Location, overwrite: bool, kind: Kind) -> None:
    """Check that what is at a path, if anything, may be replaced by an output; write nothing.

    Parameters
    ----------
    path : Path or Address
        Its place.
    overwrite : bool
        Whether to replace an output that is there.
    kind : Kind
        What it will be, and of what kind one must be that is replaced.

    Raises
    ------
    InputError
        If it has no name, or would replace the folder that the program runs in.
    OutputExistsError
        If there is something and ``overwrite`` is false, or it is of another kind, or something
        else lies in it.
    OutputError
        If the system does not let it be looked at.
    """
    refuse_nameless(path)
    here = Path.cwd()
    if overwrite and path.resolve() in (here, *here.parents):
        raise InputError(
            f"An output must not replace the folder that the program runs in, {here}, but {path} "
            "is that or above it. Choose another place."
        )
    with output_errors(path):
        if is_there(path):
            _refuse_to_replace(path, overwrite, kind)


def _refuse_to_replace(path: Location, overwrite: bool, kind: Kind) -> None:
    if not overwrite:
        raise OutputExistsError(
            f"An output is written where there is none, but {path} exists. Choose another "
            f"place, or overwrite it."
        )
    if not kind.may_replace(path):
        raise OutputExistsError(
            f"Overwriting replaces a {kind.name} or an empty folder, but {path} is neither. Choose "
            "another place, or move that away."
        )
    if kind.strangers(path):
        raise OutputExistsError(
            f"Overwriting replaces a {kind.name} with all that lies in it, but in {path} there is "
            f"what it was not published with: {', '.join(kind.strangers(path))}. Move that away, "
            "or choose another place."
        )
    if isinstance(path, Address):
        return
    old = _old(path)
    if is_there(old) and not kind.may_replace(old):
        raise OutputExistsError(
            f"What is replaced lies in {old} meanwhile, but that is something else. Choose "
            "another place, or move that away."
        )


def publish(
    wip: Location, path: Location, overwrite: bool, kind: Kind, *, durable: bool = True
) -> None:
    """Put an output that is whole in its place, by renaming.

    The old one is removed last. What is durable is on the disk, and would outlive a power cut,
    before the old one is touched.

    Parameters
    ----------
    wip : Path or Address
        The file or folder, as `aside` names it.
    path : Path or Address
        Its place.
    overwrite : bool
        Whether to replace an output that is there.
    kind : Kind
        See `refuse_existing`.
    durable : bool
        Whether to wait for the disk even if nothing is replaced. Rows with digests that can be
        drawn again need not: what a power cut took of them is found when they are read.

    Raises
    ------
    OutputExistsError
        If there is something and ``overwrite`` is false, or it is of another kind.
    OutputError
        If it cannot be put there; both are then where they were.
    """
    refuse_existing(path, overwrite, kind)
    if isinstance(path, Address):
        assert isinstance(wip, Address)
        publish_objects(wip, path, kind)
        return
    assert isinstance(wip, Path)
    replaces = is_there(path)
    with output_errors(path):
        if durable or replaces:
            flush(wip)
        if replaces:
            path.replace(_old(path))
        try:
            wip.replace(path)
        except OSError:
            settle(path, kind)
            raise
        flush_one(path.parent)
        settle(path, kind)


def flush(path: Path) -> None:
    """See that a file, or a folder with all that is in it, is on the disk, not on its way there.

    Raises
    ------
    OSError
        If the system could not write it.
    """
    inside = (each for each in path.rglob("*") if not each.is_symlink())
    with ThreadPoolExecutor(FLUSHES_AT_ONCE) as pool:
        for _ in pool.map(flush_one, (*inside, path)):
            pass


def flush_one(path: Path) -> None:
    """See that a file, or the names in a folder, are on the disk; see `flush`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def asides(path: P) -> list[P]:
    """Give what lies aside of an output, marked or not."""
    ours = re.compile(rf"{re.escape(aside(path).name)}(-[0-9a-f]{{16}})?")
    with output_errors(path):
        if not path.parent.is_dir():
            return []
        return [each for each in path.parent.iterdir() if ours.fullmatch(each.name)]


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def is_moved(path: Location, kind: Kind) -> bool:
    """Whether a crash left an output moved away, and what was to replace it still aside."""
    if isinstance(path, Address):
        return False
    return not os.path.lexists(path) and kind.is_at(_old(path)) and bool(asides(path))


def settle(path: Location, kind: Kind) -> None:
    """End a replacement, or undo it if the new output has not come from aside to its place.

    Raises
    ------
    InputError
        If the path has no name.
    OutputError
        If the system does not let it.
    """
    refuse_nameless(path)
    if isinstance(path, Address):
        settle_objects(path)
        return
    old = _old(path)
    if not kind.may_replace(old):
        return
    with output_errors(path):
        if is_there(path) or not asides(path):
            kind.remove(old)
        else:
            old.replace(path)
