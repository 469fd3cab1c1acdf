"""A plan and a dry run at the command line: nothing is written, and what cannot fit is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dask_gmm.cli import cli

# A million components on a tile are more than any machine holds; drawing one of them is nothing.
TOO_LARGE = """
steps:
  - generate: {out: x.zarr, rows: 3_000_000, features: 1, components: 1}
  - fit: {data: x.zarr, out: run, components: 1_000_000, covariance: diag, solver: em}
"""
SMALL = """
steps:
  - generate: {out: x.zarr, rows: 60_000, features: 2, components: 2}
  - fit: {data: x.zarr, out: run, components: 2, max_iter: 3, solver: em}
  - report: {data: run}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def listing(folder: Path) -> dict[str, int]:
    return {str(each): each.stat().st_mtime_ns for each in folder.rglob("*")}


def test_a_step_that_cannot_fit_is_refused_before_the_first_step_wrote_anything(
    folder: Path,
) -> None:
    (folder / "c.yaml").write_text(TOO_LARGE)
    before = listing(folder)
    result = invoke("run", "c.yaml")
    assert result.exit_code == 78
    assert "Error: Wanted a pass over" in result.stderr
    assert "MiB to compute on a tile" in result.stderr
    assert "That is step 2, fit; none was begun." in result.stderr
    dry = invoke("run", "c.yaml", "--dry-run", "--json")
    assert dry.exit_code == 78
    printed = json.loads(dry.stdout)
    assert [printed["fits"], *(each["pass"][-1]["fits"] for each in printed["steps"])] == [
        False,
        True,
        False,
    ]
    assert listing(folder) == before


def test_a_dry_run_writes_nothing_before_and_after_the_run(folder: Path) -> None:
    (folder / "c.yaml").write_text(SMALL)
    for carried_out in (False, True):
        if carried_out:
            assert invoke("run", "c.yaml").exit_code == 0
        before = listing(folder)
        dry, planned = invoke("run", "c.yaml", "--dry-run"), invoke("plan", "c.yaml")
        probed = invoke("plan", "c.yaml", "--probe", "1", "--json")
        assert [each.exit_code for each in (dry, planned, probed)] == [0, 0, 0]
        assert dry.stdout == planned.stdout
        assert dry.stdout.startswith("step 1: generate, into x.zarr\n")
        assert dry.stdout.count("done before: nothing to do") == 2 * carried_out
        steps = json.loads(probed.stdout)["steps"]
        assert [each["verb"] for each in steps] == ["generate", "fit", "report"]
        assert listing(folder) == before
