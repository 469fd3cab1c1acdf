"""Publishing below an address, where nothing can be renamed.

What is whole aside is copied within the store, what says of it that it is one, such as
``manifest.json``, last: so what says that it is an output of ours is whole. What is replaced goes
first. Beside ``runs/a`` lies ``runs/.a.wip-half`` meanwhile, which says of what kind the output is,
and which objects are its own; after a crash in between, the next call removes those that are there,
and copies all again. What else lies there is not touched.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dask_gmm.errors import OutputError, output_errors
from dask_gmm.objects.address import Address
from dask_gmm.objects.either import copy_objects, move, read_if_there, remove
from dask_gmm.records.kinds import Kind


def try_writing(path: Address) -> None:
    """Write an object beside a place, and remove it.

    Raises
    ------
    OSError
        If the store does not take it.
    """
    probe = path.with_name(f".{path.name}.wip-probe")
    probe.write_bytes(b"?")
    probe.unlink()


def publish_objects(wip: Address, path: Address, kind: Kind) -> None:
    """Put an output that is whole in its place.

    Raises
    ------
    OutputError
        If it cannot be put there; the next call does.
    """
    with output_errors(path):
        if wip.is_file():
            move(wip, path)
            return
        half = _half(path)
        names = [*path.sizes(), *wip.sizes()]
        told = {"kind": asdict(kind), "names": names, "copied": None}
        half.write_text(json.dumps(told))
        _unpublish(path, kind)
        copy_objects(wip, path, last=kind.document)
        half.write_text(json.dumps(told | {"copied": wip.name}))
        remove(wip, last=kind.document)
        half.unlink()


def settle_objects(path: Address) -> None:
    """Remove what a crash has left of an output of any kind that was half published.

    Raises
    ------
    OutputError
        If the store does not let it, or what should tell of that tells of something else.
    """
    with output_errors(path):
        half = _half(path)
        said = read_if_there(half)
        if said is None:
            return
        _settle(path, _told(said, half))
        half.unlink()


def _told(said: bytes, half: Address) -> dict[str, Any]:
    try:
        told = json.loads(said)
        return {"kind": Kind(**told["kind"]), "names": told["names"], "copied": told["copied"]}
    except (KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"Wanted a mark of an output that is half published at {half}, found something else "
            f"({error}). See that what lies beside it is whole, remove the mark, and run the same "
            "command again."
        ) from error


def _settle(path: Address, told: Mapping[str, Any]) -> None:
    if told["copied"]:
        remove(path.with_name(told["copied"]))
    elif not told["kind"].is_at(path):
        path.objects.remove([path.joinpath(name).key for name in told["names"]])


def _unpublish(path: Address, kind: Kind) -> None:
    """Remove what is replaced, what says that it is whole first."""
    path.joinpath(kind.document).unlink()
    remove(path)


def _half(path: Address) -> Address:
    return path.with_name(f".{path.name}.wip-half")
