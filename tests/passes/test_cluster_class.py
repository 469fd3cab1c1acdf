"""Clusters of any class: made as asked, waited for, scaled again, and closed whatever happens."""

import os
from pathlib import Path
from typing import Any

import pytest

from dask_gmm.errors import (
    ClusterError,
    DaskGMMError,
    InputError,
    MissingExtraError,
    SettingsError,
)
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import Adapt, ClusterSpec, TLSFiles
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.own_clusters import CAREFUL
from dask_gmm.passes.progress import Silent
from tests.passes.certificates import certified
from tests.passes.recorded import Recorded
from tests.passes.rows import Total
from tests.passes.test_encryption import asked, expected
from tests.passes.test_runners import source

HERE = "tests.passes.recorded"


@pytest.fixture(autouse=True)
def made() -> list[Recorded]:
    """The clusters that a test makes."""
    Recorded.made.clear()
    return Recorded.made


def of(name: str = "Recorded", **asked: Any) -> ClusterSpec:
    return ClusterSpec(cluster_class=f"{HERE}.{name}", **asked)


@pytest.mark.parametrize("path", [f"{HERE}.Recorded", f"{HERE}:Recorded", f"{HERE}:Nested.cluster"])
def test_an_import_path_leads_to_the_same_bytes(path: str, made: list[Recorded]) -> None:
    assert asked(ClusterSpec(cluster_class=path, scale=2, min_workers=2)) == expected()
    (cluster,) = made
    assert cluster.calls[0] == ("scale", 2)
    assert cluster.status.name == "closed"


def test_it_is_careful_with_workers_and_leaves_the_environment_alone(made: list[Recorded]) -> None:
    before = dict(os.environ)
    with open_runner(of(scale=1)):
        assert dict(os.environ) == before
    assert [cluster.ttl for cluster in made] == [CAREFUL["distributed.scheduler.worker-ttl"]]


def test_it_may_adapt(made: list[Recorded]) -> None:
    with open_runner(of(adapt=Adapt(1, 3))) as runner:
        assert runner.run(source(), [Total()], Silent()).cost.workers >= 1
    assert made[0].calls[0] == ("adapt", {"minimum": 1, "maximum": 3})


def test_as_many_workers_are_waited_for_as_are_asked_for(made: list[Recorded]) -> None:
    with open_runner(of(scale=3, min_workers=3)) as runner:
        assert isinstance(runner, DistributedRunner)
        assert len(runner.client.scheduler_info(n_workers=-1)["workers"]) == 3


def test_too_few_workers_are_counted_and_the_cluster_is_closed(made: list[Recorded]) -> None:
    said: list[str] = []
    with (
        pytest.raises(ClusterError, match=r"Wanted 2 workers .*, found 0 within 0 s"),
        open_runner(of(min_workers=2, wait=0.01), said.append),
    ):
        pytest.fail("too few have come")
    assert said == ["0 of 2 workers are there; waiting for the others, 0 s at most."]
    assert made[0].status.name == "closed"


def test_nothing_is_said_of_workers_that_need_not_be_waited_for() -> None:
    with open_runner(ClusterSpec(workers=1), pytest.fail):
        pass


def test_lost_workers_are_asked_for_again_also_where_that_fails_once(made: list[Recorded]) -> None:
    with open_runner(of(scale=2)) as runner:
        assert isinstance(runner, DistributedRunner)
        (cluster,) = made
        cluster.fails = "scale"
        runner.mend()
        cluster.fails = ""
        cluster.calls.clear()
        runner.mend()
        assert cluster.calls == [("scale", 2)]


def test_an_adaptive_cluster_is_left_to_itself(made: list[Recorded]) -> None:
    with open_runner(of(adapt=Adapt(1, 2))) as runner:
        assert isinstance(runner, DistributedRunner)
        made[0].calls.clear()
        runner.mend()
        assert made[0].calls == []


@pytest.mark.parametrize(
    ("name", "options", "error", "said"),
    [
        ("Recorded", {"queue": "q"}, SettingsError, "TypeError: .*unexpected keyword .*'queue'"),
        ("Nothing", {}, SettingsError, "has no attribute 'Nothing'. Correct the path"),
        ("Nested.number", {}, SettingsError, "found int. Correct the path"),
        ("Nested.other", {}, SettingsError, "an object of type dict"),
        ("unreachable", {}, ClusterError, "ConnectionRefusedError: nobody at home"),
        ("wrapped", {}, ClusterError, "RuntimeError: it did not start"),
        ("incomplete", {}, MissingExtraError, "asyncssh is needed"),
    ],
)
def test_what_cannot_be_made_is_refused(
    name: str, options: dict[str, Any], error: type[DaskGMMError], said: str
) -> None:
    spec = ClusterSpec(cluster_class=f"{HERE}:{name}", options=options)
    with pytest.raises(error, match=said) as caught, open_runner(spec):
        pytest.fail("nothing may be opened")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("path", "error", "said"),
    [
        ("no_such_package.Cluster", MissingExtraError, "the package no_such_package for"),
        ("no_such_package.part:Cluster", MissingExtraError, "the package no_such_package for"),
        ("distributed.nowhere.Cluster", SettingsError, "No module named 'distributed.nowhere'"),
        ("tests.passes.broken_import.A", MissingExtraError, "no_such_package_of_anybody for"),
    ],
)
def test_a_package_that_is_not_there_is_told_from_a_wrong_path(
    path: str, error: type[DaskGMMError], said: str
) -> None:
    with pytest.raises(error, match=said) as caught, open_runner(ClusterSpec(cluster_class=path)):
        pytest.fail("nothing may be opened")
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("name", "asked"), [("scale", {"scale": 1}), ("adapt", {"adapt": Adapt(1, 2)})]
)
def test_a_cluster_that_cannot_be_scaled_is_closed(
    name: str, asked: dict[str, Any], made: list[Recorded]
) -> None:
    with (
        pytest.raises(SettingsError, match="OSError: the queue is closed"),
        open_runner(of(options={"fails": name}, **asked)),
    ):
        pytest.fail("nothing may be opened")
    assert made[0].status.name == "closed"


def test_a_cluster_that_does_not_answer_when_it_is_scaled_may_answer_later(
    made: list[Recorded],
) -> None:
    with (
        pytest.raises(ClusterError, match="nobody at home"),
        open_runner(of(options={"fails": "unreachable"}, scale=1)),
    ):
        pytest.fail("nothing may be opened")
    assert made[0].status.name == "closed"


def test_a_cluster_is_closed_after_an_error(made: list[Recorded]) -> None:
    with pytest.raises(KeyboardInterrupt), open_runner(of(scale=1)):
        raise KeyboardInterrupt
    assert made[0].status.name == "closed"


def test_certificates_are_given_to_the_class(
    tmp_path_factory: pytest.TempPathFactory, made: list[Recorded]
) -> None:
    files = certified(tmp_path_factory.mktemp("tls") / "files")
    assert asked(of(scale=1, tls=files)) == expected()
    assert made[0].scheduler_address.startswith("tls://")
    twice = of(options={"security": True}, tls=files)
    with pytest.raises(SettingsError, match="found both"), open_runner(twice):
        pytest.fail("nothing may be opened")


def test_a_spec_says_what_is_wrong_with_it() -> None:
    with pytest.raises(InputError, match="several lines"):
        TLSFiles(Path("a"), Path("b"), Path("b\nc"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:closing the cluster")  # Dask's, of workers that it forgot
def test_workers_that_are_lost_are_started_again(made: list[Recorded]) -> None:
    with open_runner(of(scale=2, min_workers=2)) as runner:
        cluster: Any = made[0]
        for worker in list(cluster.workers.values()):
            cluster.sync(worker.close)
        found: Any = runner.run(source(), [Total()], Silent())[0]
    assert found.tobytes() == expected()
