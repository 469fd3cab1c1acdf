"""The key ``cluster`` of a settings file, and the options of the same: the spec that they make."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dask_gmm.errors import SettingsError
from dask_gmm.passes.cluster_spec import ClusterSpec
from dask_gmm.settings import schema
from dask_gmm.settings_file import load_settings
from tests.doors.conftest import Invoke
from tests.doors.test_commands import FIT
from tests.doors.twins import Twins

STEP = {"fit": {"data": "x", "components": 2, "out": "r"}}
FILES = {"ca_file": "ca.pem", "cert_file": "cert.pem", "key_file": "key.pem"}
SLURM = "dask_jobqueue.SLURMCluster"


def spec_of(folder: Path, cluster: Any) -> ClusterSpec:
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"steps": [STEP], "cluster": cluster}))
    return load_settings(path).cluster.spec()


def refused(folder: Path, cluster: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        spec_of(folder, cluster)
    assert f"of {folder / 'settings.yaml'}" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ({}, ClusterSpec()),
        ({"workers": 3, "wait": 5}, ClusterSpec(workers=3, wait=5.0)),
        ({"address": "tcp://h:1", "min_workers": 2}, ClusterSpec(address="tcp://h:1")),
        ({"scheduler_file": "s.json"}, ClusterSpec(scheduler_file=Path("s.json"))),
        ({"class": SLURM, "scale": 4}, ClusterSpec(cluster_class=SLURM, scale=4)),
        ({"class": "a.b:C.d"}, ClusterSpec(cluster_class="a.b:C.d")),
    ],
)
def test_what_is_written_is_what_is_asked_for(
    tmp_path: Path, cluster: dict[str, Any], expected: ClusterSpec
) -> None:
    spec = spec_of(tmp_path, cluster)
    for name in ("workers", "address", "scheduler_file", "cluster_class", "scale"):
        assert getattr(spec, name) == getattr(expected, name)
    assert spec.min_workers == cluster.get("min_workers", 1)
    assert spec.wait == cluster.get("wait", 300)


def test_options_of_a_class_and_what_it_may_grow_to(tmp_path: Path) -> None:
    options = {"queue": "short", "cores": 4, "silence_logs": True, "env_extra": ["a"]}
    adapt = {"minimum": 2, "maximum": 8}
    spec = spec_of(tmp_path, {"class": SLURM, "options": options, "adapt": adapt})
    assert spec.options == options
    assert spec.adapt is not None
    assert (spec.adapt.minimum, spec.adapt.maximum) == (2, 8)
    assert "short" not in repr(spec)


def test_the_schema_calls_a_class_as_a_file_does() -> None:
    keys = schema()["$defs"]["ClusterSettings"]["properties"]
    assert "class" in keys
    assert "cluster_class" not in keys


@pytest.mark.parametrize("required", [True, False])
def test_security_names_files(tmp_path: Path, required: bool) -> None:
    said = FILES if required else {**FILES, "require_encryption": False}
    tls = spec_of(tmp_path, {"address": "tls://h:1", "security": said}).tls
    assert tls is not None
    files = (tls.ca_file, tls.cert_file, tls.key_file)
    assert files == (Path("ca.pem"), Path("cert.pem"), Path("key.pem"))
    assert tls.require_encryption is required


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"workers": 0}, "at least 1 as workers, found 0"),
        ({"workers": True}, "wanted another kind of value, found True"),
        ({"workers": 1, "address": "a"}, "found workers and the address of a scheduler"),
        ({"workers": 1, "scheduler_file": "a"}, "found workers and a scheduler's file"),
        ({"address": "a", "class": "a.B"}, "the address of a scheduler and a cluster class"),
        ({"performance_report": "p.html"}, "beside performance_report, found none of them"),
        ({"address": "tcp://no-port"}, "Wanted the address of a Dask scheduler"),
        (
            {"workers": 1, "performance_report": "s3://bucket/p.html"},
            "wanted a path of this machine, found the address s3://bucket/p.html",
        ),
        ({"min_workers": 2, "wait": 3}, "beside min_workers and wait, found none of them"),
        ({"security": FILES}, "beside security, found none of them"),
        ({"workers": 2, "min_workers": 3}, "at most 2, found 3"),
        ({"class": SLURM, "scale": 2, "min_workers": 3}, "at most 2, found 3"),
        ({"class": SLURM, "adapt": {"minimum": 1, "maximum": 9}, "min_workers": 2}, "at most 1"),
        ({"address": "a", "min_workers": 0}, "at least 1 as min_workers"),
        ({"address": "a", "wait": 0}, "some seconds as wait, found 0"),
        ({"address": "a", "wait": float("inf")}, "wanted a finite number"),
        ({"address": "a", "scale": 2}, "beside its options, scale or adapt"),
        ({"workers": 2, "options": {"a": 1}}, "beside its options, scale or adapt"),
        ({"workers": 2, "adapt": {"minimum": 1, "maximum": 2}}, "beside its options"),
        ({"class": SLURM, "scale": 0}, "at least 1 as scale"),
        (
            {"class": SLURM, "scale": 2, "adapt": {"minimum": 1, "maximum": 2}},
            "scale or adapt, found both (2, and 1 to 2)",
        ),
        ({"class": SLURM, "adapt": {"minimum": 0, "maximum": 2}}, "found 0 to 2"),
        ({"class": SLURM, "adapt": {"minimum": 3, "maximum": 2}}, "found 3 to 2"),
        ({"class": SLURM, "adapt": {"minimum": 3}}, "cluster.adapt.maximum"),
        ({"class": "SLURMCluster"}, "found 'SLURMCluster'"),
        ({"class": "a:b:C"}, "found 'a:b:C'"),
        ({"class": "a.b.C()"}, "found 'a.b.C()'"),
        ({"class": SLURM, "options": [1]}, "cluster.options"),
        ({"class": SLURM, "options": {1: 2}}, "a text (in quotes)"),
        ({"clas": SLURM}, "Did you mean 'class'"),
        ({"address": "a", "security": {**FILES, "key": "k"}}, "Did you mean 'key_file'"),
        ({"address": "a", "security": {"ca_file": "c"}}, "cluster.security.cert_file"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, cluster: dict[str, Any], said: str
) -> None:
    assert said in refused(tmp_path, cluster)


@pytest.mark.parametrize("name", FILES)
def test_a_secret_in_the_place_of_its_file_is_not_repeated(tmp_path: Path, name: str) -> None:
    secret = "-----BEGIN PRIVATE KEY-----\nMIIE\n"
    said = refused(tmp_path, {"address": "tls://h:1", "security": {**FILES, name: secret}})
    assert f"the path of a file as {name}, found a text of several lines" in said
    assert "MIIE" not in said


def test_options_name_a_file_of_a_scheduler_and_certificates(twins: Twins, invoke: Invoke) -> None:
    tls = ("--tls-ca-file", "ca.pem", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert invoke(*FIT, "--scheduler-file", "s.json", *tls).exit_code == 0
    (spec,) = twins.specs
    assert spec.scheduler_file == Path("s.json")
    assert spec.tls is not None
    assert (spec.tls.ca_file, spec.tls.cert_file) == (Path("ca.pem"), Path("cert.pem"))
    assert (spec.tls.key_file, spec.tls.require_encryption) == (Path("key.pem"), True)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--scheduler", "a", "--tls-key", "k"), "--tls-cert and --tls-key together"),
        (("--workers", "0"), "at least 1 as workers"),
        (("--workers", "1", "--scheduler-file", "f"), "found workers and a scheduler's file"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    twins: Twins, invoke: Invoke, args: tuple[str, ...], said: str
) -> None:
    result = invoke(*FIT, *args)
    assert result.exit_code == 2
    assert said in result.stderr
    assert twins.opened == []
