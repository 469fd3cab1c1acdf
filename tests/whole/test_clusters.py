"""Commands on clusters that are named in other ways than by a number of workers."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from dask_gmm import load_model
from dask_gmm.passes.cluster_spec import TLSFiles
from tests.passes.certificates import certified
from tests.whole.refusals import command
from tests.whole.test_stopped_commands import FIT, told
from tests.whole.test_stopped_commands import folder as folder
from tests.whole.test_stopped_commands import rows as rows

# A cluster in the process of the command, which notes how it was closed.
NOTED = """
from pathlib import Path
from distributed import LocalCluster

class Noted(LocalCluster):
    def __init__(self, note, **options):
        self.note = Path(note)
        super().__init__(
            n_workers=0, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
            silence_logs=50, **options
        )

    def close(self, timeout=None):
        self.note.write_text(f"closed within {timeout}")
        return super().close(timeout)
"""
EM = {"solver": "em", "max_iter": 6, "tol": 1e-9}
STEP = {"data": "d.zarr", "components": 2, "out": "out", **EM}


def write(folder: Path, **cluster: Any) -> None:
    (folder / "c.yaml").write_text(yaml.safe_dump({"steps": [{"fit": STEP}], "cluster": cluster}))


def same(folder: Path) -> bool:
    ours, whole = (load_model(folder / run / "model.zarr") for run in ("out", "whole"))
    return ours.means.tobytes() == whole.means.tobytes()


@pytest.fixture
def noted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a cluster of a class notes how it was closed; the class is in the settings file."""
    (folder / "noted.py").write_text(NOTED)
    here = (str(folder), os.environ.get("PYTHONPATH", ""))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, here)))
    monkeypatch.syspath_prepend(str(folder))
    note = folder / "note"
    write(folder, **{"class": "noted.Noted", "options": {"note": str(note)}, "scale": 2})
    return note


def test_a_run_on_a_cluster_of_any_class_has_the_same_bytes(folder: Path, noted: Path) -> None:
    done = command("run", "c.yaml", "--json")
    assert done.exit_code == 0, done.stderr
    assert noted.read_text() == "closed within None"
    assert same(folder)
    manifest = (folder / "out" / "manifest.json").read_text()
    assert str(noted) not in manifest


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_cluster_is_closed_when_the_command_is_told_to_stop(
    folder: Path, noted: Path, number: signal.Signals
) -> None:
    stopped = told(8, number, "run", "c.yaml")
    assert stopped.returncode == 75, stopped.stderr
    assert f"Stopped by {number.name}.\n" in stopped.stderr
    assert noted.read_text() == "closed within None"
    assert command("run", "c.yaml").exit_code == 0
    assert same(folder)


@pytest.mark.parametrize(
    ("cluster", "code", "said"),
    [
        ({"class": "nowhere_at_all.Cluster"}, 69, "the package nowhere_at_all"),
        ({"class": "noted.Noted", "options": {}}, 78, "TypeError"),
        ({"class": "noted.Nothing"}, 78, "has no attribute 'Nothing'"),
        ({"scheduler_file": "none.json", "wait": 0.01}, 75, "found none within 0 s"),
        ({"address": "nonsense"}, 78, "the address of a Dask scheduler, such as"),
        ({"class": "noted.Noted", "scale": 0}, 78, "cluster of c.yaml: Wanted at least 1"),
    ],
)
def test_a_cluster_that_cannot_be_had_ends_a_run_before_it_begins(
    folder: Path, noted: Path, cluster: dict[str, Any], code: int, said: str
) -> None:
    write(folder, **cluster)
    ended = command("run", "c.yaml")
    assert ended.exit_code == code
    assert ended.stderr.startswith("Error: ")
    assert said in ended.stderr
    assert not (folder / "out").exists()


@pytest.fixture
def files(folder: Path) -> TLSFiles:
    return certified(folder / "tls")


@pytest.fixture
def daemons(folder: Path, files: TLSFiles) -> Iterator[Path]:
    """The file of an encrypted scheduler in a process of its own, with a worker in another."""
    tls = [
        *("--tls-ca-file", str(files.ca_file)),
        *("--tls-cert", str(files.cert_file), "--tls-key", str(files.key_file)),
    ]
    with ExitStack() as stack, (folder / "log").open("w") as log:
        for name, more in (
            ("scheduler", ["--protocol", "tls", "--host", "127.0.0.1", "--port", "0"]),
            ("worker", ["--nthreads", "1"]),
        ):
            words = [f"distributed.cli.dask_{name}", "--no-dashboard", *tls, *more]
            process = subprocess.Popen(
                [sys.executable, "-m", *words, "--scheduler-file", "s.json"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            stack.enter_context(process)
            stack.callback(os.killpg, process.pid, signal.SIGKILL)
        yield folder / "s.json"


@pytest.mark.slow
def test_a_command_finds_an_encrypted_scheduler_by_its_file(
    folder: Path, files: TLSFiles, daemons: Path
) -> None:
    said = {name: str(getattr(files, name)) for name in ("ca_file", "cert_file", "key_file")}
    write(folder, scheduler_file=str(daemons), security=said, wait=60)
    assert command("run", "c.yaml").exit_code == 0
    assert same(folder)
    assert json.loads(daemons.read_text())["address"].startswith("tls://")
    options = ("--tls-ca-file", files.ca_file, "--tls-cert", files.cert_file)
    fit = (*FIT, "again", "--scheduler-file", daemons, *options)
    assert command(*fit, "--tls-key", files.key_file).exit_code == 0

    other = certified(folder / "other")
    mixed = replace(other, ca_file=files.ca_file)
    for wrong in (other, mixed):
        said = {name: str(getattr(wrong, name)) for name in said}
        write(folder, scheduler_file=str(daemons), security=said)
        refused = command("run", "c.yaml")
        assert refused.exit_code == 78
        assert "a certificate of the same authority as ours, found: " in refused.stderr
