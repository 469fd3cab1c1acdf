"""Faults that wait in a folder for a process that comes to them, and a word when one happens.

The process under test names the points that it passes; the test arms some of them. A fault is a
file, which is claimed by renaming it: so one that was armed once happens once, in whichever process
comes there first. What happens is told over a socket, so that nobody has to look again and again.
"""

import errno
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Final

VARIABLE: Final = "DASK_GMM_TESTS_ARMED"
ALWAYS: Final = "always"
PIECE: Final = 32 * 2**20
PIECES: Final = 48


def _eat() -> None:
    """Hold more and more memory until somebody ends this."""
    held = [bytearray(os.urandom(1)) * PIECE for _ in range(PIECES)]
    raise MemoryError(f"{len(held)} pieces of {PIECE} bytes, and nobody minds")


def _fail(number: int) -> Callable[[], None]:
    def fail() -> None:
        raise OSError(number, os.strerror(number))

    return fail


FAULTS: Final = MappingProxyType(
    {
        "pass": lambda: None,
        "wait": lambda: None,
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "eat": _eat,
        "broken": _fail(errno.EIO),
        "denied": _fail(errno.EACCES),
        "full": _fail(errno.ENOSPC),
        "read-only": _fail(errno.EROFS),
    }
)


class Armed:
    """The faults of one test.

    Parameters
    ----------
    folder : Path
        Its own, with a short name, as that of a socket must be.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()

    def arm(self, point: str, *faults: str) -> None:
        """Let these happen at a point, one each time that somebody comes there."""
        for fault in faults:
            (self.folder / f"{point}@{next(self._numbers):06d}@{fault}").touch()

    def always(self, point: str, fault: str) -> None:
        """Let this happen whenever somebody comes to a point."""
        (self.folder / f"{point}@{ALWAYS}@{fault}").touch()

    def disarm(self) -> None:
        """Let nothing happen any more."""
        for each in self.folder.glob("*@*@*"):
            each.unlink(missing_ok=True)

    @property
    def left(self) -> list[str]:
        """What has not happened yet."""
        return sorted(each.name for each in self.folder.glob("*@*@*"))

    def come_to(self, point: str) -> None:
        """Be at a point, and suffer what was armed there."""
        for each in sorted(self.folder.glob(f"{point}@*@*")):
            if each.name.split("@")[1] == ALWAYS or _claimed(each):
                self._happen(point, each.name.split("@")[2])
                return

    def _happen(self, point: str, fault: str) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as told:
            try:
                told.connect(str(self.folder / "told"))
                told.sendall(f"{point} {os.getpid()}".encode())
                told.shutdown(socket.SHUT_WR)
                if fault == "wait":
                    told.recv(1)
            except OSError:
                if fault == "wait":
                    raise
        FAULTS[fault]()

    @contextmanager
    def listening(self, seconds: float = 60.0) -> Iterator["Ear"]:
        """Hear what happens, from now on."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear:
            ear.bind(str(self.folder / "told"))
            ear.listen(64)
            ear.settimeout(seconds)
            try:
                yield Ear(ear)
            finally:
                (self.folder / "told").unlink()


class Ear:
    """Hears of faults as they happen.

    Parameters
    ----------
    ear : socket
        It gives up when nothing has happened for as long as its time-out.
    """

    def __init__(self, ear: socket.socket) -> None:
        self._ear = ear

    @contextmanager
    def next(self) -> Iterator[tuple[str, int]]:
        """Give the point and the process of the next fault; one that waits goes on afterwards."""
        told, _ = self._ear.accept()
        with told:
            text = b"".join(iter(lambda: told.recv(256), b"")).decode()
            point, process = text.split()
            yield point, int(process)

    def skip(self) -> None:
        """Wait for the next fault, and let it go on."""
        with self.next():
            pass


def _claimed(each: Path) -> bool:
    try:
        each.rename(each.with_name(f"happened-{each.name.replace('@', '-')}"))
    except FileNotFoundError:
        return False
    return True


@contextmanager
def armed_faults() -> Iterator[Armed]:
    """Make the folder, and remove it."""
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    folder.chmod(0o777)
    try:
        yield Armed(folder)
    finally:
        shutil.rmtree(folder)
