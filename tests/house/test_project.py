"""The README, the scripts, the settings and the metadata agree with each other."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dask_gmm.errors import DaskGMMError
from dask_gmm.settings import schema
from dask_gmm.settings_file import load_settings
from dask_gmm.workflows.row_requests import ScoreRequest
from tests.house.tree import ROOT, blocks_of_readme

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def commands_of_readme() -> list[str]:
    """The lines of the shell blocks of the README."""
    return [line for block in blocks_of_readme("bash") for line in block.splitlines()]


def set_up_lines() -> list[str]:
    return [line for line in commands_of_readme() if line.startswith("python3 -m venv")]


def test_the_readme_has_two_commands_that_set_themselves_up() -> None:
    demo, tests = set_up_lines()
    assert demo.endswith("dask-gmm demo")
    assert tests.endswith("-m pytest")


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = [line.strip() for line in (ROOT / ".ci" / "run").read_text().splitlines()]
    assert script.count(set_up_lines()[1]) == 1


def test_ci_lints_before_it_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    places = [
        script.index(step) for step in ("ruff check", "ruff format --check", "mypy", "pytest")
    ]
    assert places == sorted(places)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_workflow_calls_the_script() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]


def test_pre_commit_runs_the_lint_of_the_script() -> None:
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (repository,) = config["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]
    assert len(entries) == 3
    assert set(entries) <= set(script)


def test_every_dependency_has_a_reason_in_the_readme() -> None:
    extras: dict[str, list[str]] = project()["optional-dependencies"]
    chosen = [each for extra, names in extras.items() if extra != "test" for each in names]
    assert set(chosen) <= set(extras["test"])
    wanted = [re.split(r"[<>=]", each)[0].lower() for each in [*project()["dependencies"], *chosen]]
    names = {name.removesuffix("[array]") for name in wanted}
    table = README.split("\n## Dependencies\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| ")][1:]
    reasons = {name.strip(" `").lower(): reason.strip() for name, reason in rows}
    assert set(reasons) == names
    assert all(reasons.values())


def test_constraints_pin_every_dependency() -> None:
    pinned = re.findall(r"^([\w-]+)==", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    wanted = [*project()["dependencies"], *project()["optional-dependencies"]["test"]]
    names = {re.split(r"[\[<>=]", each)[0].lower() for each in wanted}
    assert names <= {name.lower() for name in pinned}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_is_read_and_writes_under_runs(path: Path) -> None:
    requests = load_settings(path).requests()
    outs = [request.out for request in requests if not isinstance(request, ScoreRequest)]
    places = [str(out).removeprefix("s3://my-bucket/") for out in outs]
    assert {place.split("/")[0] for place in places} == {"runs"}
    assert f"configs/{path.name}" in README


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_config_follows_the_schema(path: Path) -> None:
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    jsonschema.validate(written, schema())
    with pytest.raises(jsonschema.ValidationError, match="wokers"):
        jsonschema.validate({**written, "cluster": {"wokers": 2}}, schema())


def subclasses(error: type[DaskGMMError]) -> list[type[DaskGMMError]]:
    return [error, *(each for below in error.__subclasses__() for each in subclasses(below))]


def test_every_error_has_an_exit_code_that_the_readme_explains() -> None:
    codes = {error.exit_code for error in subclasses(DaskGMMError)}
    assert 99 not in codes
    assert [code for code in codes if f"| {code} |" not in README] == []
