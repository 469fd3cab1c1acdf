"""Workers and schedulers with other packages are refused, with who has what."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from distributed import Client, LocalCluster
from distributed.versions import get_versions

from dask_gmm.errors import VersionMismatchError
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.versions import VersionCheck
from tests.passes.rows import Total
from tests.passes.test_runners import source

ROOT = Path(__file__).parents[2]
Told: TypeAlias = dict[str, str | None]
# What a Python does first: it says that a package has another version, or is not there.
PRETENDING = """
import importlib.metadata, os

def told(name, truth=importlib.metadata.version):
    if name == os.environ["OF"]:
        if not os.environ["IS"]:
            raise importlib.metadata.PackageNotFoundError(name)
        return os.environ["IS"]
    return truth(name)

importlib.metadata.version = told
"""
Start: TypeAlias = Callable[[str, str], None]


@pytest.fixture
def address() -> Iterator[str]:
    """A scheduler in this process that has no workers."""
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp://", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def start(address: str, tmp_path: Path) -> Iterator[Start]:
    """Start a worker process in which a package has a version."""
    (tmp_path / "sitecustomize.py").write_text(PRETENDING)
    paths = os.pathsep.join(map(str, (tmp_path, ROOT)))
    words = ["distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
    with ExitStack() as stack:

        def start(package: str, version: str) -> None:
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--no-dashboard"],
                env={**os.environ, "PYTHONPATH": paths, "OF": package, "IS": version},
                cwd=tmp_path,
                stderr=subprocess.DEVNULL,
            )
            stack.enter_context(process)
            stack.callback(process.kill)

        yield start


def test_a_worker_of_another_version_is_refused_with_who_has_what(
    address: str, start: Start
) -> None:
    start("numpy", "1.2.3")
    said = r"numpy \S+ here and 1\.2\.3 at tcp://"
    with (
        pytest.raises(VersionMismatchError, match=said) as caught,
        open_runner(ClusterSpec(address=address, wait=60)) as runner,
    ):
        runner.run(source(), [Total()], Silent())
    assert caught.value.exit_code == 78
    assert "dask-gmm" not in str(caught.value)


def test_a_worker_without_this_package_is_refused_also_where_it_joins_later(
    address: str, start: Start
) -> None:
    start("no-such-package", "")
    with (
        Client(address, set_as_default=False) as client,
        open_runner(ClusterSpec(address=address, wait=60)) as runner,
    ):
        runner.run(source(), [Total()], Silent())
        start("dask-gmm", "")
        client.wait_for_workers(2, timeout=60)
        with pytest.raises(VersionMismatchError, match=r"dask-gmm .* here and none at tcp://"):
            runner.run(source(), [Total()], Silent())


class Asked:
    """A client of a scheduler and workers that tell what they are told to tell.

    Parameters
    ----------
    scheduler : dict
        What it has that differs from us.
    workers : dict of dict
        ... and they, by their addresses.
    """

    def __init__(self, scheduler: Told, workers: dict[str, Told]) -> None:
        self._scheduler, self._workers = scheduler, workers
        self.scheduler = self
        self.asked: list[str] = []

    versions, broadcast = "versions", "broadcast"

    def sync(self, what: str, **options: Any) -> Any:
        packages = options.get("packages") or options["msg"]["packages"]
        ours = get_versions(packages=packages)["packages"]
        if what == "versions":
            self.asked.append("the scheduler")
            return {"packages": {**ours, **self._scheduler}}
        assert options["on_error"] == "ignore"
        self.asked.extend(options["workers"])
        found = ((each, self._workers[each]) for each in options["workers"])
        return {each: {"packages": {**ours, **told}} for each, told in found}


def checked(scheduler: Told, **workers: Told) -> str:
    """What is said of them; nothing if they may be used."""
    client: Any = Asked(scheduler, workers)
    try:
        VersionCheck(client).check(list(workers))
    except VersionMismatchError as error:
        return str(error)
    return ""


PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("scheduler", "worker", "said"),
    [
        ({}, {}, ""),
        ({}, {"python": f"{PYTHON}.99.final.0"}, ""),
        ({}, {"python": "3.1.99.final.0"}, f"python {PYTHON} here and 3.1 at a"),
        ({"python": "3.1.99.final.0"}, {}, f"python {PYTHON} here and 3.1 at the scheduler"),
        ({}, {"cloudpickle": "3.99"}, ""),
        ({}, {"cloudpickle": "2.2.1"}, "cloudpickle 3 here and 2 at a"),
        ({}, {"toolz": "0.1"}, ""),
        ({"numpy": "1.0", "scipy": None}, {}, ""),
        ({"dask": "1.0"}, {}, "and 1.0 at the scheduler"),
        ({"dask-gmm": None}, {}, "and none at the scheduler"),
        *[
            ({}, {name: "0.0.1"}, "and 0.0.1 at a")
            for name in ("dask", "distributed", "scipy", "scikit-learn", "zarr", "dask-gmm")
        ],
    ],
)
def test_versions_that_change_what_is_read_or_computed_are_refused(
    scheduler: Told, worker: Told, said: str
) -> None:
    found = checked(scheduler, a=worker)
    assert (said in found) if said else (found == "")


def test_many_workers_are_counted() -> None:
    workers: dict[str, Told] = {f"w{n}": {"numpy": "1.0" if n else "2.0"} for n in range(6)}
    said = checked({}, **workers)
    assert "2.0 at w0, 1.0 at w1, w2, w3 and 2 more. Install" in said


def test_each_is_asked_once() -> None:
    client: Any = Asked({}, {"a": {}, "b": {}})
    check = VersionCheck(client)
    for workers in (["a"], ["a"], ["b", "a"]):
        check.check(workers)
    assert client.asked == ["the scheduler", "a", "b"]


def test_who_does_not_answer_is_left_to_the_pass() -> None:
    class Silence:
        scheduler = Asked({}, {})

        def sync(self, *_: Any, **__: Any) -> Any:
            raise TimeoutError

    client: Any = Silence()
    check = VersionCheck(client)
    check.check(["a"])
