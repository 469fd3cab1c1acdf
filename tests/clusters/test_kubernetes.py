"""The examples for Kubernetes are what Dask's operator takes; no cluster is there to run them."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click
import jsonschema
import pytest
import yaml

from dask_gmm.commands import fit
from tests.house.tree import ROOT

CONFIGS: Final = ROOT / "configs" / "kubernetes"
OPERATOR: Final = "dask-kubernetes==2026.3.0"
CLASS: Final = "operator/kubecluster/kubecluster.py"


def manifest(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return read


def closed(schema: Any) -> Any:
    """The schema without keys that it does not name, which the operator would not see."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    named = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    return {"additionalProperties": False, **inner} if named else inner


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of the operator, without what it needs to run."""
    folder = tmp_path_factory.mktemp("operator")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, OPERATOR], check=True)
    return folder / "dask_kubernetes"


def definition(operator: Path, name: str) -> dict[str, Any]:
    """What the operator says of a kind of object, whose fields are all that there are."""
    (path,) = operator.glob(f"operator/deployment/helm/*/crds/{name}.yaml")
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema: dict[str, Any] = closed(version["schema"]["openAPIV3Schema"])
    every = {"apiVersion": {"const": "kubernetes.dask.org/v1"}, "kind": {}, "metadata": {}}
    schema["properties"] |= every
    return schema


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("job", "daskjob"), ("cluster", "daskcluster")])
def test_a_manifest_is_what_the_operator_takes(operator: Path, name: str, kind: str) -> None:
    example, schema = manifest(name), definition(operator, kind)
    jsonschema.validate(example, schema)
    assert example["kind"].lower() == kind
    spec = example["spec"]["cluster"]["spec"] if kind == "daskjob" else example["spec"]
    spec["worker"]["spec"]["containers"][0]["comand"] = []
    with pytest.raises(jsonschema.ValidationError, match="comand"):
        jsonschema.validate(example, schema)


@pytest.mark.slow
def test_the_class_has_the_options_that_the_example_gives_it(operator: Path) -> None:
    settings = yaml.safe_load((ROOT / "configs" / "kubernetes.yaml").read_text())["cluster"]
    module, name = settings["class"].rsplit(".", 1)
    exports = ast.parse((operator.parent / module.replace(".", "/") / "__init__.py").read_text())
    imports = [each for each in exports.body if isinstance(each, ast.ImportFrom)]
    assert name in {alias.name for each in imports for alias in each.names}
    (made,) = (
        each
        for each in ast.parse((operator / CLASS).read_text()).body
        if isinstance(each, ast.ClassDef) and each.name == name
    )
    (init,) = (
        each for each in made.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"
    )
    assert set(settings["options"]) <= {each.arg for each in init.args.kwonlyargs}


def test_the_job_has_the_cluster_of_the_settings_file() -> None:
    settings = yaml.safe_load((ROOT / "configs" / "kubernetes.yaml").read_text())["cluster"]
    path = ROOT / settings["options"]["custom_cluster_spec"]
    cluster = yaml.safe_load(path.read_text())
    assert manifest("job")["spec"]["cluster"]["spec"] == cluster["spec"]
    selector = cluster["spec"]["scheduler"]["service"]["selector"]
    names = {manifest(each)["metadata"]["name"] for each in ("job", "cluster")}
    assert names == {selector["dask.org/cluster-name"]}


def test_the_command_of_the_job_is_one() -> None:
    (container,) = manifest("job")["spec"]["job"]["spec"]["containers"]
    program, verb, *words = container["command"] + container["args"]
    assert (program, verb) == ("dask-gmm", fit.name)
    asked = fit.make_context("fit", words)
    assert isinstance(asked, click.Context)
    assert asked.params["scheduler"] == "$(DASK_SCHEDULER_ADDRESS)"
    assert asked.params["components"] == 4
