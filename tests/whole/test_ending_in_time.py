"""A command that must end by a time, or with a model that has converged."""

import json
from pathlib import Path

import pytest

from dask_gmm.records.run_folder import read_manifest
from tests.whole.refusals import command, refused, says

PAST, LATER = "2020-01-31T06:00:00+00:00", "2020-02-01T06:00:00Z"
ROWS = ("--rows", 20_000, "--features", 3, "--components", 2, "--overlap", 0.3)
VERBS = {
    "fit": ("fit", "d.zarr", "--components", 2),
    "select": ("select", "d.zarr", "--components", "2,3"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("generate", "d.zarr", *ROWS).exit_code == 0
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_a_deadline_ends_it_and_is_no_part_of_what_is_asked(folder: Path, verb: str) -> None:
    asked = (*VERBS[verb], "--tol", 0, "--out", "run")
    assert command(*asked, "--deadline", PAST).exit_code == 0
    manifest = read_manifest(folder / "run")
    assert manifest["reason"] == "stopped: the deadline had passed"
    assert (manifest["deadline"], manifest["passes"]) == (PAST, 2)
    again = command(*asked, "--deadline", LATER)
    assert again.exit_code == 0
    assert "nothing to do" in again.stdout


def test_a_deadline_without_its_zone_is_refused(folder: Path) -> None:
    asked = (*VERBS["fit"], "--out", "run", "--deadline")
    message = refused(*asked, "2030-01-31T06:00", code=2)
    says(message, "with its zone as deadline", "2030-01-31 06:00:00", "+00:00 for UTC.")
    says(refused(*asked, "tomorrow", code=2), "wanted a time such as", "tomorrow")


@pytest.mark.parametrize("verb", VERBS)
def test_what_had_to_converge_and_has_not_is_an_exit_code(folder: Path, verb: str) -> None:
    asked = (*VERBS[verb], "--max-passes", 2, "--tol", 0, "--out", "run", "--json")
    assert command(*asked).exit_code == 0
    for _ in range(2):
        unmet = command(*asked, "--require-converged")
        assert unmet.exit_code == 4
        assert json.loads(unmet.stdout)["done_before"]
        says(unmet.stderr, "Wanted a model that has converged", "max_passes readings", "run")
    anew = command(*asked, "--require-converged", "--overwrite")
    assert anew.exit_code == 4
    assert not json.loads(anew.stdout)["done_before"]
    well = command(*VERBS[verb], "--out", "well", "--require-converged")
    assert well.exit_code == 0


def test_a_run_ends_with_a_step_that_had_to_converge_and_has_not(folder: Path) -> None:
    (folder / "c.yaml").write_text(
        "steps:\n"
        "  - fit: {data: d.zarr, components: 2, out: one, tol: 0, require_converged: true,\n"
        "          deadline: 2020-01-31T06:00:00+00:00}\n"
        "  - fit: {data: d.zarr, components: 3, out: two}\n"
    )
    ended = command("run", "c.yaml", "--json")
    assert ended.exit_code == 4
    (step,) = json.loads(ended.stdout)["steps"]
    assert step["reason"] == "stopped: the deadline had passed"
    assert not (folder / "two").exists()
