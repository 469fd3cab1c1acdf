"""Many commands, each in a process of its own that has everything imported when it is born.

What is killed here is a real process; only its start is cheap.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from dask_gmm.cli import main
from dask_gmm.workflows import going_on
from tests.faults.armed import VARIABLE, Armed
from tests.faults.programs import Ended, Place, started
from tests.faults.within import patch


class Nursery:
    """Runs commands in processes that are forked from one.

    Parameters
    ----------
    process : Popen
        The one.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._asked, self._told = process.stdin, process.stdout

    def run(self, place: Place, *words: object, often: bool = False) -> Ended:
        """Run a command to its end; one that was killed has a negative code, as elsewhere.

        Often means that it writes a checkpoint after each pass over a sample, too.
        """
        asked = {
            "words": [str(each) for each in words],
            "folder": str(place.folder),
            "armed": str(place.armed.folder),
            "variables": place.variables,
            "often": often,
        }
        self._asked.write(json.dumps(asked) + "\n")
        self._asked.flush()
        told = json.loads(self._told.readline())
        return Ended(told["code"], "", told["errors"])


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Have the process run from which others are forked."""
    command = [sys.executable, "-W", "ignore:This process", "-m", "tests.faults.nursery"]
    root = str(Path(__file__).parents[2])
    with started(
        command, env={**os.environ, "PYTHONPATH": root}, stdin=subprocess.PIPE, stderr=None
    ) as process:
        yield Nursery(process)


def _serve() -> None:
    for name in ("commands", "passes.cluster", "workflows.select", "workflows.fit_result"):
        __import__(f"dask_gmm.{name}")
    for line in sys.stdin:
        with tempfile.TemporaryFile() as errors:
            child = os.fork()
            if not child:
                _be(json.loads(line), errors)
            _, status = os.waitpid(child, 0)
            errors.seek(0)
            told = {
                "code": os.waitstatus_to_exitcode(status),
                "errors": errors.read().decode(),
            }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def _be(asked: dict[str, Any], errors: IO[bytes]) -> None:
    """Be the command."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, other in ((0, nothing), (1, nothing), (2, errors.fileno())):
        os.dup2(other, descriptor)
    os.chdir(asked["folder"])
    os.environ |= {**asked["variables"], VARIABLE: asked["armed"]}
    patch(Armed(Path(asked["armed"])))
    if asked["often"]:
        vars(going_on)["SECONDS"] = 0.0
    sys.argv = ["dask-gmm", *asked["words"]]
    code: Any = 70
    try:
        main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
