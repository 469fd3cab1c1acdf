"""What is done with a place alike, be it on a disk or an address."""

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from dask_gmm.objects.address import Address
from dask_gmm.objects.location import Location

# A store copies an object in a while, however large it is, and many in the same while.
COPIED_AT_ONCE: Final = 16


def is_there(place: Location) -> bool:
    """Whether there is a file, a folder, an object, or a link to nothing."""
    return os.path.lexists(place) if isinstance(place, Path) else place.exists()


def remove(place: Location, last: str = "") -> None:
    """Remove what is there: a file, a link, an object, or a folder with all that is in it.

    Parameters
    ----------
    place : Path or Address
    last : str, optional
        What of a folder goes last: half removed, it still says by that what it is.
    """
    if isinstance(place, Address):
        _remove_objects(place, last)
    elif place.is_dir() and not place.is_symlink():
        for each in place.iterdir() if last else ():
            if each.name != last:
                remove(each)
        shutil.rmtree(place)
    elif os.path.lexists(place):
        place.unlink()


def _remove_objects(place: Address, last: str) -> None:
    names = place.sizes()
    marks = [last] if last in names else []
    others = [place.joinpath(name).key for name in names if name != last]
    place.objects.remove([*others, place.key] if place.key else others)
    place.objects.remove([place.joinpath(name).key for name in marks])


def remove_quietly(place: Location) -> None:
    """Remove what is there as far as that is possible."""
    if isinstance(place, Path):
        shutil.rmtree(place, ignore_errors=True)
        return
    try:
        remove(place)
    except OSError:
        return


def read_if_there(place: Location) -> bytes | None:
    """Give the bytes of a file or an object; None where there is none.

    Raises
    ------
    OSError
        If there may be one that cannot be read.
    """
    try:
        return place.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise


def move(source: Location, target: Location) -> None:
    """Rename a file or folder; an object is copied to its new name, and removed under the old."""
    if isinstance(source, Address):
        assert isinstance(target, Address)
        source.replace(target)
    else:
        assert isinstance(target, Path)
        source.replace(target)


def append_text(place: Location, text: str) -> None:
    """Add a text at the end of a file, or of an object, which is written anew."""
    if isinstance(place, Path):
        with place.open("a") as file:
            file.write(text)
    else:
        place.write_text((place.read_text() if place.is_file() else "") + text)


def copy_objects(source: Address, target: Address, last: str) -> None:
    """Copy all objects below an address to another one of the same bucket, one of them last."""

    def copy(name: str) -> None:
        source.objects.copy(source.joinpath(name).key, target.joinpath(name).key)

    names = list(source.sizes())
    with ThreadPoolExecutor(COPIED_AT_ONCE) as pool:
        for _ in pool.map(copy, (name for name in names if name != last)):
            pass
    if last in names:
        copy(last)
