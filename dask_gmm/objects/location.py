"""What users give as a place: a path on a disk of this machine, or an address."""

import os
import re
from pathlib import Path
from typing import Final, TypeAlias, TypeVar
from urllib.parse import unquote

from dask_gmm.errors import InputError
from dask_gmm.extras import extra
from dask_gmm.objects.address import Address
from dask_gmm.objects.schemes import CONTAINER_AT_ACCOUNT, SCHEMES, WEB, WITHOUT_HOST

Location: TypeAlias = Path | Address
# One of the two, the same throughout a signature.
P = TypeVar("P", Path, Address, Location)
# The colon of a drive of Windows is behind one letter, that of a scheme behind more.
URL: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(/?)(.*)", re.DOTALL)


def location(path: "str | os.PathLike[str] | Address") -> Location:
    """Give an absolute path, or the address, that a text means.

    Parameters
    ----------
    path : str, PathLike or Address
        A path, a file URL, or an address such as "s3://bucket/rows.zarr".

    Raises
    ------
    InputError
        If it is neither, or an address holds what opens it: passwords and signatures belong in
        the environment.
    """
    if isinstance(path, Address):
        return path
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else path
    if not isinstance(text, str) or "\0" in text:
        raise InputError(
            f"Wanted a path or an address as text, or a pathlib.Path, found {path!r}. Give the "
            "path of a file or folder."
        )
    if text.startswith("file:///"):
        return Path(unquote(text.removeprefix("file://")))
    url = URL.fullmatch(text)
    return Path(text).expanduser().absolute() if url is None else _address(*url.groups())


def _address(scheme: str, second_slash: str, rest: str) -> Address:
    scheme = scheme.lower()
    _refuse_secrets(scheme, rest)
    if not second_slash or not _is_known(scheme):
        raise InputError(
            f"Wanted an address such as s3://bucket/rows.zarr, found {scheme}:/{second_slash}"
            f"{rest}. Its scheme must be {', '.join(SCHEMES)}, or one that fsspec knows."
        )
    rest = unquote(rest) if scheme in WEB else rest
    host, _, key = rest.partition("/")
    if scheme in WITHOUT_HOST:
        host, key = "", rest.lstrip("/")
    names = [] if key in ("", "/") else key.removesuffix("/").split("/")
    if (not host and scheme not in WITHOUT_HOST) or {"", ".", ".."} & {*names}:
        raise InputError(
            f"Wanted a bucket and names between single slashes, found {scheme}://{rest}. Write it "
            "as s3://bucket/folder/rows.zarr."
        )
    return Address(scheme, host, "/".join(names))


def _is_known(scheme: str) -> bool:
    if scheme in (*SCHEMES, *WITHOUT_HOST):
        return True
    return scheme != "file" and scheme in extra("fsspec", "fsspec").available_protocols()


def _refuse_secrets(scheme: str, rest: str) -> None:
    user, at, _ = rest.lstrip("/").partition("/")[0].partition("@")
    container = scheme in CONTAINER_AT_ACCOUNT and ":" not in user
    if (at and not container) or "?" in rest:
        raise InputError(
            f"Wanted an address without passwords and signatures, found one of {scheme} with some, "
            "which would be written down beside what is computed. Put what opens it in the "
            "environment."
        )
