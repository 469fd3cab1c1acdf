"""The file in which a scheduler writes its address: waited for, read, or refused."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from distributed import Client

from dask_gmm.errors import ClusterError, SettingsError
from dask_gmm.passes import scheduler_file
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.scheduler_file import scheduler_address
from tests.passes.rows import Total
from tests.passes.test_runners import source


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scheduler.json"


def meanwhile(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]) -> None:
    """Have steps happen while the file is waited for, one at each look."""
    left = list(steps)
    clock = SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: left.pop(0)())
    monkeypatch.setattr(scheduler_file, "time", clock)


def test_a_file_leads_to_a_cluster_that_is_left_running(client: Client, file: Path) -> None:
    file.write_text(
        json.dumps({"type": "Scheduler", "address": client.scheduler_info()["address"]})
    )
    with open_runner(ClusterSpec(scheduler_file=file, min_workers=2)) as runner:
        cost = runner.run(source(), [Total()], Silent()).cost
    assert cost.workers == 2
    assert client.submit(abs, -1).result() == 1


def test_a_file_that_is_yet_to_come_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = json.dumps({"address": "tcp://h:1"})
    meanwhile(
        monkeypatch,
        lambda: file.write_text(""),
        lambda: file.write_text(whole[:9]),
        lambda: file.write_text(whole),
    )
    assert scheduler_address(file, 60) == "tcp://h:1"


def test_a_file_that_does_not_come_is_named(file: Path) -> None:
    with pytest.raises(ClusterError, match=r"none within 0 s") as caught:
        scheduler_address(file, 0.01)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"address": 3}', "steps: []"])
def test_another_file_is_refused(file: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(text)
    monkeypatch.setattr(scheduler_file, "WRITING_SECONDS", 0)
    with pytest.raises(SettingsError, match="something else at"):
        scheduler_address(file, 60)


def test_a_folder_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Is a directory"):
        scheduler_address(tmp_path, 60)
