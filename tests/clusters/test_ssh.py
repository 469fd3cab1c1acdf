"""Fits on machines that are reached with SSH; here all of them are this one."""

import os
import select
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from dask_gmm.records.run_folder import read_history
from tests.clusters.ssh import HOST, ssh
from tests.faults.programs import ROOT, Place, ended, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

MARK: Final = "DASK_GMM_TESTS_SSH"
SECONDS: Final = 60.0
FIT: Final = {"components": 3, "solver": "em", "tol": 1e-9, "max_iter": 6}


def cluster(connect: dict[str, Any]) -> dict[str, Any]:
    """A scheduler and two workers, in two sessions."""
    options = {
        "hosts": [HOST, HOST],
        "connect_options": connect,
        "worker_options": {"nthreads": 1, "n_workers": 2, "host": HOST},
        "scheduler_options": {"host": HOST, "port": 0, "dashboard_address": f"{HOST}:0"},
    }
    return {"class": "distributed.SSHCluster", "options": options, "min_workers": 2}


def sessions(mark: str) -> list[int]:
    """The processes of a session that are there."""
    found = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"{MARK}={mark}\0".encode() in each.read_bytes():
                found.append(int(each.parent.name))
    return found


def ends(process: int) -> bool:
    """Whether a process comes to its end."""
    try:
        end = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return select.select([end], [], [], SECONDS)[0] == [end]
    finally:
        os.close(end)


def test_a_cluster_over_ssh_gives_the_bytes_of_threads_and_leaves_no_process(
    place: Place, oracle: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("ssh")
    path = place.folder / "settings.yaml"
    steps = [{"fit": {"data": str(place.folder / "d.zarr"), "out": "out", **FIT}}]
    with ssh(folder, {"PYTHONPATH": str(ROOT), MARK: folder.name}) as connect:
        path.write_text(yaml.safe_dump({"steps": steps, "cluster": cluster(connect)}))
        command = [sys.executable, "-m", "dask_gmm", "run", str(path)]
        with started(command, cwd=place.folder, env=place.environment) as run:
            done = ended(run)
        assert done.code == 0, done.errors
        assert [each for each in sessions(folder.name) if not ends(each)] == []
    assert place.digest() == oracle
    assert {each["workers"] for each in read_history(place.folder / "out")} == {2}
