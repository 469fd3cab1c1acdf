"""Dask's report of its tasks: written in the end, whatever the end is, and refused beforehand."""

import sys
from pathlib import Path

import pytest
from distributed import Client

from dask_gmm.errors import MissingExtraError, OutputError, OutputExistsError
from dask_gmm.passes import performance
from dask_gmm.passes.cluster import open_runner
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.passes.performance import TITLE
from dask_gmm.passes.progress import Silent
from tests.passes.rows import Refuse, Total
from tests.passes.test_runners import source


def address(client: Client) -> str:
    return str(client.scheduler_info()["address"])


def test_the_report_is_about_the_tasks_of_passes(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    with open_runner(ClusterSpec(address=address(client), performance_report=path)) as runner:
        runner.run(source(), [Total()], Silent())
        assert not path.exists()
    page = path.read_bytes()
    assert TITLE in page
    assert b"dask-gmm" in page  # what keys of tasks begin with
    assert b"cdn.bokeh.org" not in page  # it stands alone


def test_it_is_written_where_a_pass_fails_and_replaces_an_older_one(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(TITLE)
    with (
        pytest.raises(ValueError, match="leaf 5 is refused"),
        open_runner(ClusterSpec(address=address(client), performance_report=path)) as runner,
    ):
        runner.run(source(), [Refuse(5)], Silent())
    assert len(path.read_bytes()) > 1000


def test_without_the_package_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bokeh", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'dask-gmm\[dashboard\]'"),
        open_runner(ClusterSpec(workers=10**6, performance_report=tmp_path / "report.html")),
    ):
        pass


def test_a_scheduler_without_the_package_is_refused_beforehand(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "PACKAGE", "no-such-package")
    with (
        pytest.raises(MissingExtraError, match="where the scheduler runs"),
        performance.reported(client, tmp_path / "report.html"),
    ):
        pytest.fail("nothing may be computed before")


def test_what_is_no_report_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("<title>Something else</title>")
    with (
        pytest.raises(OutputExistsError, match="something else"),
        open_runner(ClusterSpec(workers=10**6, performance_report=path)),
    ):
        pass
    assert path.read_text() == "<title>Something else</title>"


@pytest.mark.parametrize("name", ["file/report.html", "folder"])
def test_a_place_for_no_file_is_refused_beforehand(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(OutputError, match="performance report"),
        open_runner(ClusterSpec(workers=10**6, performance_report=tmp_path / name)),
    ):
        pass


def test_a_report_that_cannot_be_written_is_an_error(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with (
        pytest.raises(OutputError, match="Wanted to write a performance report"),
        open_runner(ClusterSpec(address=address(client), performance_report=path)),
    ):
        path.mkdir()


def test_it_does_not_hide_the_error_of_a_pass(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with (
        pytest.raises(RuntimeError, match="of a pass") as caught,
        performance.reported(client, path / "report.html"),
    ):
        raise RuntimeError("of a pass")
    assert "performance report" in caught.value.__notes__[0]
