"""Addresses of objects, used like paths of files: by the same names, with the same errors."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from dask_gmm.objects.schemes import WEB

if TYPE_CHECKING:
    from dask_gmm.objects.contract import Bytes, Facts, Objects


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object lies, or several below one key; it holds nothing of what opens it.

    What it does, `pathlib.Path` does by the same name. There are no folders: one is there if an
    object lies in it, and need not be made.

    Parameters
    ----------
    scheme : str
        Such as "s3".
    host : str
        The bucket, or the name and port of a web server; empty where a scheme has none.
    key : str
        The rest, without slashes at its ends; empty for the root.
    """

    scheme: str
    host: str
    key: str = ""

    def __str__(self) -> str:
        key = quote(self.key) if self.scheme in WEB else self.key
        return f"{self.scheme}://{'/'.join(filter(None, (self.host, key)))}"

    def __truediv__(self, name: str) -> "Address":
        return replace(self, key="/".join(filter(None, (self.key, name.strip("/")))))

    def joinpath(self, *names: str) -> "Address":
        """Give what lies below it under some names."""
        return self / "/".join(names)

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What its name has behind the last dot, with the dot."""
        stem, dot, ending = self.name.rpartition(".")
        return dot + ending if stem else ""

    @property
    def parent(self) -> "Address":
        """What it lies in."""
        return replace(self, key=self.key.rpartition("/")[0])

    @property
    def parents(self) -> tuple["Address", ...]:
        """All that it lies in, the nearest first."""
        return (self.parent, *self.parent.parents) if self.key else ()

    def with_name(self, name: str) -> "Address":
        """Give another one beside it."""
        return self.parent / name

    def resolve(self) -> "Address":
        """Give itself."""
        return self

    @property
    def objects(self) -> "Objects":
        """The objects that it is one of.

        Raises
        ------
        MissingExtraError, OSError
            See `objects_at`.
        """
        from dask_gmm.objects.opened import objects_at  # settings have addresses, and no numpy

        return objects_at(self.scheme, self.host)

    @property
    def shareable(self) -> bool:
        """Whether other processes find the same there."""
        return self.scheme != "memory"

    def stat(self) -> "Facts":
        """Say its size, and what changes when it is written."""
        return self.objects.facts(self.key)

    def is_file(self) -> bool:
        """Whether there is an object."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether objects lie below it; False where that cannot be listed."""
        return self.objects.lists and bool(self.objects.children(self.key))

    def exists(self) -> bool:
        """Whether it is an object, or some lie below it."""
        return (bool(self.key) and self.is_file()) or self.is_dir()

    def is_symlink(self) -> bool:
        """False."""
        return False

    def iterdir(self) -> Iterator["Address"]:
        """Give what lies directly below it.

        Raises
        ------
        FileNotFoundError
            If nothing does.
        OSError
            If that cannot be listed.
        """
        if not self.objects.lists:
            raise OSError(errno.ENOTSUP, "web servers do not tell what they have", str(self))
        names = self.objects.children(self.key)
        if not names:
            raise FileNotFoundError(errno.ENOENT, "there is nothing", str(self))
        return (self / name for name in names)

    def sizes(self) -> dict[str, int]:
        """Give the bytes of all objects below it, by the rest of their keys."""
        start = len(self.key) + 1 if self.key else 0
        return {key[start:]: facts.st_size for key, facts in self.objects.below(self.key)}

    def read(self) -> "Bytes":
        """Give the bytes of the object, as an array that cannot be written to."""
        return self.objects.get(self.key)

    def read_bytes(self) -> bytes:
        """Give the bytes of the object."""
        return self.read().tobytes()

    def read_text(self) -> str:
        """Give the text of the object."""
        return self.read_bytes().decode()

    def write_bytes(self, data: bytes | bytearray) -> int:
        """Write the object, whole or not at all."""
        self.objects.put(self.key, data)
        return len(data)

    def write_text(self, text: str) -> int:
        """Write the object, whole or not at all."""
        return self.write_bytes(text.encode())

    def create(self, data: bytes) -> bool:
        """Write the object unless there is one; give whether this is the one."""
        return self.objects.put_if_absent(self.key, data)

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object, if it is there."""
        self.objects.remove([self.key])

    def mkdir(self, *, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing."""

    def replace(self, target: "Address") -> None:
        """Put the object in the place of another one of the same bucket."""
        self.objects.copy(self.key, target.key)
        self.unlink()
