"""Fits on SLURM: a cluster whose workers are jobs, and commands that are jobs themselves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from dask_gmm.records.run_folder import read_manifest
from tests.clusters.slurm import Slurm, slurm
from tests.faults.programs import ROOT, Place, ended, started

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPT: Final = ROOT / "configs" / "nightly.sbatch"
FIT: Final = {"components": 3, "solver": "em", "tol": 1e-9, "max_iter": 6}
# What differs here from the example, configs/slurm.yaml.
HERE: Final = {
    "queue": "main",
    "cores": 1,
    "processes": 1,
    "memory": "1GB",
    "interface": "lo",
    "job_directives_skip": ["--mem="],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slurm]:
    with slurm(tmp_path_factory.mktemp("slurm")) as engine:
        yield engine


def jobs(scale: int) -> dict[str, Any]:
    """The cluster of the README's example, on one node."""
    cluster: dict[str, Any] = yaml.safe_load((ROOT / "configs" / "slurm.yaml").read_text())[
        "cluster"
    ]
    options = {**cluster["options"], **HERE}
    return {**cluster, "options": options, "scale": scale, "min_workers": scale}


@contextmanager
def running(
    engine: Slurm, place: Place, cluster: dict[str, Any]
) -> Iterator["subprocess.Popen[str]"]:
    """Have a fit run on a cluster."""
    command = [sys.executable, "-m", "dask_gmm", "run", str(settings(place, cluster))]
    environment = {**place.environment, **engine.variables}
    with started(command, cwd=place.folder, env=environment) as run:
        yield run


def settings(place: Place, cluster: dict[str, Any]) -> Path:
    """A settings file: a fit of the rows on a cluster."""
    path = place.folder / "settings.yaml"
    steps = [{"fit": {"data": "d.zarr", "out": "out", **FIT}}]
    path.write_text(yaml.safe_dump({"steps": steps, "cluster": cluster}))
    return path


def submit(engine: Slurm, place: Place, *options: str) -> str:
    """Submit the script that users get; its command comes to the points of faults."""
    folder = place.folder / "bin"
    folder.mkdir()
    command = folder / "dask-gmm"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.faults.within "$@"\n')
    command.chmod(0o755)
    path = settings(place, {"workers": 1})
    variables = {**place.environment, "PATH": f"{folder}:{engine.variables['PATH']}"}
    return engine.submit(
        f"--chdir={place.folder}", "--output=job.log", *options, SCRIPT, path, **variables
    )


def spans(place: Place) -> list[tuple[int, int]]:
    """The first and the last pass of each part of the run."""
    parts = read_manifest(place.folder / "out")["parts"]
    return [(each["first_pass"], each["last_pass"]) for each in parts]


def workers(engine: Slurm, place: Place) -> list[str]:
    """The states of the jobs that are workers of this test, once none of them is left."""
    jobs = [each for each in engine.jobs() if each["WorkDir"] == str(place.folder)]
    return [engine.end_of(each["JobId"]) for each in jobs]


def test_a_cluster_of_jobs_gives_the_bytes_of_threads(
    engine: Slurm, place: Place, oracle: str
) -> None:
    with running(engine, place, jobs(2)) as run:
        done = ended(run)
    assert done.code == 0, done.errors
    assert place.digest() == oracle
    assert len(workers(engine, place)) == 2
    assert len(list((place.folder / "runs/slurm/logs").iterdir())) == 4


def test_a_worker_whose_job_is_cancelled_in_a_pass_gets_another_job(
    engine: Slurm, place: Place, oracle: str
) -> None:
    place.armed.arm("chunk-7", "pass", "wait")
    with place.armed.listening() as ear, running(engine, place, jobs(1)) as run:
        ear.skip()
        with ear.next():
            (job,) = (each for each in engine.jobs() if each["JobState"] == "RUNNING")
            engine.tell("scancel", job["JobId"])
            engine.end_of(job["JobId"])
        done = ended(run)
    assert done.code == 0, done.errors
    assert place.digest() == oracle
    assert read_manifest(place.folder / "out")["cost"]["workers_lost"] == 1
    assert len(workers(engine, place)) == 2


def test_a_job_near_its_time_limit_goes_back_into_the_queue_and_goes_on(
    engine: Slurm, place: Place, oracle: str
) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with place.armed.listening() as ear:
        job = submit(engine, place)
        ear.skip()
        ear.skip()
        with ear.next():
            engine.tell("scancel", "--signal=USR1", "--batch", job)
            engine.start_again(job)
    assert engine.end_of(job) == "COMPLETED"
    assert "Stopped by SIGTERM" in (place.folder / "job.log").read_text()
    assert engine.job(job)["Restarts"] == "1"
    assert place.digest() == oracle
    assert [first for first, _ in spans(place)] == [1, 3]


def test_a_job_that_gives_way_to_an_urgent_one_goes_on(
    engine: Slurm, place: Place, oracle: str
) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with place.armed.listening() as ear:
        job = submit(engine, place)
        ear.skip()
        ear.skip()
        with ear.next():
            engine.tell("srun", "--quiet", "--partition=urgent", "--exclusive", "true")
            engine.start_again(job)
    assert engine.end_of(job) == "COMPLETED"
    assert "Stopped by SIGTERM" in (place.folder / "job.log").read_text()
    assert engine.job(job)["Restarts"] == "1"
    assert place.digest() == oracle
    assert [first for first, _ in spans(place)] == [1, 3]


def test_a_job_that_is_cancelled_stays_so(engine: Slurm, place: Place) -> None:
    place.armed.arm("chunk-7", "pass", "pass", "wait")
    with place.armed.listening() as ear:
        job = submit(engine, place)
        ear.skip()
        ear.skip()
        with ear.next():
            engine.tell("scancel", job)
            assert engine.end_of(job) == "CANCELLED"
    assert "Stopped by SIGTERM" in (place.folder / "job.log").read_text()
    assert not (place.folder / "out").exists()
