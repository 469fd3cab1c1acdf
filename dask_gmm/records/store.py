"""Where records are kept as bytes under names: the contract of such stores, and a folder as one."""

import errno
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from dask_gmm.errors import DataError, InputError, kind_of_data_error, output_errors
from dask_gmm.records.publish import flush_one

# What disks say that know no hard links.
WITHOUT_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP)
# How often it is tried to put something into a folder that others remove when it is empty.
TRIES: Final = 10
NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class Store(Protocol):
    """Bytes under names of letters, digits, dots, dashes and underscores, the first no dot.

    What is there under a name is always whole, and lasts once the call that put it has returned.
    As a text, a store says where it is.
    """

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, in the place of others that are there."""

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Keep bytes under a name unless there are some; give whether these are the ones kept."""

    def get(self, name: str) -> bytes | None:
        """Give the bytes under a name, None if there are none."""

    def list(self, prefix: str) -> Sequence[str]:
        """Give the names that begin with a text, sorted."""

    def remove(self, name: str) -> None:
        """Forget the bytes under a name, if there are some."""


class FolderStore:
    """A folder with a file for each name.

    Files are written under a hidden name, flushed to the disk, and renamed or linked. The folder,
    and those above it, are made when something is put there.

    Parameters
    ----------
    path : Path
        The folder. On a disk without hard links, one process at a time may put something there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def put(self, name: str, data: bytes) -> None:
        """Keep bytes under a name, in the place of others that are there.

        Raises
        ------
        InputError
            If it is no name.
        OutputError
            If they cannot be written; what was there is there still.
        """
        path = self._place(name)
        with output_errors(path), self._written_aside(path, data) as aside:
            aside.replace(path)

    def put_if_absent(self, name: str, data: bytes) -> bool:
        """Keep bytes under a name unless there are some; give whether these are the ones kept.

        Raises
        ------
        InputError
            If it is no name.
        OutputError
            If they cannot be written.
        """
        path = self._place(name)
        with output_errors(path):
            for _ in range(TRIES - 1):
                with suppress(FileNotFoundError):  # the folder has gone, or what lay aside in it
                    return self._put_if_absent(path, data)
            return self._put_if_absent(path, data)

    def _put_if_absent(self, path: Path, data: bytes) -> bool:
        if path.exists():
            return False
        with self._written_aside(path, data) as aside:
            try:
                path.hardlink_to(aside)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in WITHOUT_LINKS:
                    raise
                aside.replace(path)
        return True

    def get(self, name: str) -> bytes | None:
        """Give the bytes under a name, None if there are none.

        Raises
        ------
        InputError
            If it is no name.
        DataError
            If there is something that cannot be read.
        """
        path = self._place(name)
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable("a file", path, error) from error

    def list(self, prefix: str) -> Sequence[str]:
        """Give the names that begin with a text, sorted.

        Raises
        ------
        DataError
            If there is a folder that cannot be read, or something else in its place.
        """
        try:
            names = [each.name for each in self.path.iterdir()]
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _unreadable("a folder", self.path, error) from error
        return sorted(each for each in names if each.startswith(prefix) and NAME.fullmatch(each))

    def remove(self, name: str) -> None:
        """Forget the bytes under a name, if there are some.

        Raises
        ------
        InputError
            If it is no name.
        OutputError
            If they cannot be removed.
        """
        path = self._place(name)
        with output_errors(path):
            path.unlink(missing_ok=True)

    def remove_stale(self) -> None:
        """Remove what killed processes left half written, for the only one that writes there.

        Raises
        ------
        OutputError
            If it cannot be removed.
        """
        with output_errors(self.path):
            for each in self.path.glob(f".*.{'[0-9a-f]' * 16}.wip"):
                each.unlink(missing_ok=True)

    def vanish(self) -> None:
        """Remove the folder, unless something lies in it."""
        with suppress(OSError):  # something does
            self.path.rmdir()

    def _place(self, name: str) -> Path:
        return self.path / checked_name(name, self.path)

    @contextmanager
    def _written_aside(self, path: Path, data: bytes) -> Iterator[Path]:
        """Write a file that is to be renamed or linked; then see that its new name lasts."""
        _make(self.path)
        aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.wip")
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield aside
        finally:
            aside.unlink(missing_ok=True)
        flush_one(self.path)


def checked_name(name: str, place: object) -> str:
    """Give a name of a store, or refuse what is none.

    Raises
    ------
    InputError
    """
    if not NAME.fullmatch(name):
        raise InputError(
            "Wanted a name of letters, digits, dots, dashes and underscores that begins with "
            f"no dot, found {name!r} for a file in {place}. Choose another name."
        )
    return name


def _make(folder: Path) -> None:
    """Make a folder, and those above it, such that they last."""
    if not folder.is_dir():
        _make(folder.parent)
        folder.mkdir(exist_ok=True)
        flush_one(folder.parent)


def _unreadable(wanted: str, path: Path, error: OSError) -> DataError:
    return kind_of_data_error(error)(
        f'Wanted {wanted} that can be read at {path}, but the system says "{error.strerror}". '
        "Mend that, or remove it, and run the same command again."
    )
