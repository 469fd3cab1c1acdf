"""What opens a store stays in the processes that were given it."""

import os
import signal
import sys
from pathlib import Path

import pytest

from dask_gmm.objects.address import Address
from tests.faults.armed import armed_faults
from tests.faults.programs import DRAW, FIT, Place, ended, started
from tests.stores.server import ROOT, SECRETS, Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# The command line, in a process that keeps what is pickled in it.
PROGRAM = """
import pickle, sys
import cloudpickle
from distributed.protocol import pickle as theirs
from dask_gmm.cli import main

if __name__ == "__main__":
    kept = open(sys.argv.pop(1), "ab", buffering=0)

    def keeping(real):
        def dumps(*args, **options):
            data = real(*args, **options)
            kept.write(data)
            return data
        return dumps

    for module in (theirs, pickle, cloudpickle):
        module.dumps = keeping(module.dumps)
    main()
"""


def holds_none(data: bytes) -> bool:
    return not any(secret.encode() in data for secret in SECRETS)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def test_no_task_no_record_and_no_message_holds_it(
    bucket: Address, server: Server, program: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"

    def run(*words: object) -> str:
        command = [sys.executable, str(program), str(kept), *map(str, words)]
        environment = {**os.environ, **server.environment(), "PYTHONPATH": str(ROOT)}
        with started(command, env=environment) as process:
            done = ended(process)
        assert holds_none(f"{done.output}{done.errors}".encode())
        assert done.code == 0, done.errors
        return done.output

    run("generate", bucket / "d.zarr", *DRAW, "--workers", 2)
    run("fit", bucket / "d.zarr", *FIT, "--out", bucket / "out", "--workers", 2)
    run("predict", bucket / "d.zarr", bucket / "out", "--out", bucket / "p.zarr", "--workers", 2)
    run("inspect", bucket / "out", "--json")
    pickled = kept.read_bytes()
    assert bucket.host.encode() in pickled
    assert holds_none(pickled)
    records = {name: (bucket / name).read_bytes() for name in bucket.sizes()}
    assert "out/manifest.json" in records
    assert [name for name in records if not holds_none(records[name])] == []


def test_what_a_killed_run_leaves_does_not_hold_it(
    bucket: Address, server: Server, tmp_path: Path
) -> None:
    with armed_faults() as armed:
        place = Place(tmp_path, armed, bucket, server.environment())
        with place.running("generate", bucket / "d.zarr", *DRAW) as generate:
            assert ended(generate).code == 0
        armed.arm("pass-4", "kill")
        assert place.fit().code == -signal.SIGKILL
    left = {name: (bucket / name).read_bytes() for name in bucket.sizes()}
    assert {name.rpartition("/")[2] for name in left} >= {"asked.json", "lease-000001.json"}
    assert any("checkpoints/" in name for name in left)
    assert [name for name in left if not holds_none(left[name])] == []
