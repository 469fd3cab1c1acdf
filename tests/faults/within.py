"""The command line, or a worker, with points at which faults may be armed.

The command line is run with it as ``python -m tests.faults.within``, and so are the workers that it
starts; a worker of a cluster that is there already is told to load it. The points are

* ``chunk-3``: before a chunk of stored rows is read; ``file-c.3.0``: when its file is;
* ``pass-4``: after the line of a pass is in the history;
* ``write:checkpoint-000004.npz``: when that lies aside, and before it is flushed to the disk;
  ``flush:...``: after that; ``place:...``: when it has its name; ``clear:...``: when it lies aside
  no more; ``remove:...``: when it is gone.
"""

import os
import random
import re
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

from distributed import Worker
from distributed.chaos import KillWorker

from dask_gmm.cli import main
from dask_gmm.data import bucket, chunks, folder
from dask_gmm.objects import address
from dask_gmm.passes import worker_signals
from dask_gmm.records import claim, run_folder
from tests.faults.armed import VARIABLE, Armed

CHAOS: Final = "DASK_GMM_TESTS_CHAOS"
HOST: Final = "DASK_GMM_TESTS_HOST"
Call = Callable[..., Any]
Point = Callable[..., str]


def patch(armed: Armed) -> None:
    """Let this process come to its points."""

    def around(what: Call, before: Point | None = None, after: Point | None = None) -> Call:
        @wraps(what)
        def call(*args: Any, **options: Any) -> Any:
            if before:
                armed.come_to(before(*args))
            then = after(*args) if after else None
            result = what(*args, **options)
            if then:
                armed.come_to(then)
            return result

        return call

    if hasattr(folder.Folder.read, "__wrapped__"):
        return
    for owner, name, before, after in (
        (folder, "read_plain", _file, None),
        (chunks.StrictChunks, "plain", _chunk, None),
        (chunks.StrictChunks, "stored", _chunk, None),
        (folder.Folder, "read", lambda place, key: _file(key), None),
        (run_folder.RunFolder, "add_pass", None, lambda run, record: f"pass-{record['pass']}"),
        (run_folder, "write_model", None, lambda model, path, *_: _step("place", path.name)),
        (os, "fsync", _open_file("write"), _open_file("flush")),
        (Path, "replace", None, lambda path, target: _step("place", str(target))),
        (Path, "hardlink_to", None, lambda path, target: _step("place", path.name)),
        (Path, "unlink", None, lambda path, *others: _removed(path.name)),
        (bucket.Bucket, "read", lambda place, key: _file(key), None),
        (address.Address, "write_bytes", _object("write"), _object("place")),
        (address.Address, "create", _object("write"), _object("place")),
        (address.Address, "unlink", None, lambda place, *others: _removed(place.name)),
    ):
        setattr(owner, name, around(getattr(owner, name), before, after))


def _chunk(chunks: Any, row: int, *others: Any) -> str:
    return f"chunk-{row}"


def _file(path: str, *others: Any) -> str:
    return f"file-{'.'.join(path.split('/')[-3:])}"


def _open_file(step: str) -> Point:
    return lambda descriptor: _step(step, str(Path(f"/proc/self/fd/{descriptor}").readlink()))


def _removed(name: str) -> str:
    return _step("clear" if name.endswith(".wip") else "remove", name)


def _object(step: str) -> Point:
    return lambda place, *others: _step(step, place.key)


def _step(step: str, path: str) -> str:
    """Name a step by the file as it is called when it is whole."""
    name = re.sub(r"-[0-9a-f]{64}", "", Path(path).name)
    aside = re.fullmatch(r"\.(.+)\.[0-9a-f]{16}\.wip", name)
    return f"{step}:{aside[1] if aside else name}"


async def dask_setup(worker: Worker) -> None:
    """Let a worker die at random, if that is asked for; Dask calls this where it is loaded."""
    if CHAOS in os.environ:
        folder = Path(os.environ[VARIABLE])
        random.seed(len(list(folder.glob("born-*"))))
        (folder / f"born-{os.getpid()}").touch()
        await worker.plugin_add(KillWorker(delay=os.environ[CHAOS], mode="segfault"))


if VARIABLE in os.environ:
    patch(Armed(Path(os.environ[VARIABLE])))
    if CHAOS in os.environ:
        vars(worker_signals)["dask_setup"] = dask_setup

if HOST in os.environ:
    vars(claim)["BOOT_ID"] = Path(os.environ[HOST])

if __name__ == "__main__":
    main()
