"""Callbacks hear of passes and of the end; they lose no run and change no byte."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from inspect import signature
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.run_folder import HISTORY, MANIFEST, read_history, read_manifest
from dask_gmm.settings_file import load_settings
from dask_gmm.workflows.callbacks import Callback, CallbackWarning
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.run import run
from dask_gmm.workflows.select import select
from dask_gmm.workflows.select_request import SelectRequest
from tests.house.tree import ROOT

GENERATOR = np.random.default_rng(4)
X = np.concatenate([GENERATOR.standard_normal((300, 2)) + center for center in (0, 6)])
# Calls after which a fit must have come to its end.
MOST = 20
PAGE = (ROOT / "docs" / "callbacks.md").read_text(encoding="utf-8")


class Heard:
    """A callback that keeps what it hears, and spoils what it is given."""

    def __init__(self) -> None:
        self.records: list[Any] = []
        self.ends: list[tuple[Any, Path]] = []

    def on_pass_end(self, record: Mapping[str, Any]) -> None:
        self.records.append(dict(record))
        record.clear()  # type: ignore[attr-defined]

    def on_run_end(self, manifest: Mapping[str, Any], folder: Path) -> None:
        self.ends.append((json.loads(json.dumps(manifest)), folder))
        assert (folder / MANIFEST).exists()
        manifest["settings"].clear()


class Failing:
    """A callback that fails whenever it is told something."""

    def on_pass_end(self, record: Mapping[str, Any]) -> None:
        raise OSError("the network is down")

    def on_run_end(self, manifest: Mapping[str, Any], folder: Path) -> None:
        raise ValueError("no such thing")


def fitted(out: Path, *callbacks: Callback) -> bytes:
    result = fit(FitRequest(X, 2, out), ThreadRunner(1), Silent(), callbacks)
    return result.model.means.tobytes()


def test_a_callback_hears_what_is_written_and_changes_nothing(tmp_path: Path) -> None:
    heard, other = Heard(), Heard()
    quiet = fitted(tmp_path / "quiet")
    assert fitted(tmp_path / "out", heard, other) == quiet
    assert heard.records == other.records == read_history(tmp_path / "out")
    assert len(heard.records) > 1
    assert heard.ends == other.ends == [(read_manifest(tmp_path / "out"), tmp_path / "out")]


def test_select_and_run_tell_them_too(tmp_path: Path) -> None:
    heard = Heard()
    select(SelectRequest(X, (1, 2), tmp_path / "a"), ThreadRunner(1), Silent(), [heard])
    drawn = GenerateRequest(tmp_path / "x.zarr", 500, 2, 2)
    asked = FitRequest(str(tmp_path / "x.zarr"), 2, tmp_path / "b")
    run([drawn, asked], ThreadRunner(1), Silent(), [heard])
    assert [folder.name for _, folder in heard.ends] == ["a", "b"]
    lines = [*read_history(tmp_path / "a"), *read_history(tmp_path / "b")]
    assert heard.records == lines
    run([drawn, asked], ThreadRunner(1), Silent(), [heard])  # done before
    assert len(heard.ends) == 2


def test_one_that_fails_is_named_once_and_loses_nothing(tmp_path: Path) -> None:
    heard, quiet = Heard(), fitted(tmp_path / "quiet")
    with pytest.warns(CallbackWarning) as warned:
        assert fitted(tmp_path / "out", Failing(), heard) == quiet
    (text,) = {str(each.message) for each in warned}
    assert len(warned) == 1
    assert "test_callbacks.Failing failed (OSError: the network is down); the run goes on" in text
    assert heard.records == read_history(tmp_path / "out")
    assert len(heard.ends) == 1


def test_a_pass_that_is_told_is_kept(tmp_path: Path) -> None:
    """Whoever hears of it may never come back: the same command goes on after it."""
    heard: list[int] = []

    class Endless(Heard):
        def on_pass_end(self, record: Mapping[str, Any]) -> None:
            heard.append(record["pass"])
            raise KeyboardInterrupt

    drawn = GenerateRequest(tmp_path / "x.zarr", 2000, 2, 2, overlap=0.3)
    run([drawn], ThreadRunner(1), Silent())
    asked = FitRequest(str(drawn.out), 2, tmp_path / "out", solver="em", tol=0.0, max_iter=3)
    while len(heard) < MOST:
        try:
            result = fit(asked, ThreadRunner(1), Silent(), [Endless()])
        except KeyboardInterrupt:
            continue
        break
    assert heard == list(range(1, result.passes + 1))


def blocks(language: str) -> list[str]:
    """The code blocks of the page about callbacks in one language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def example(name: str) -> Callable[[], Callback]:
    """What an example of the page defines."""
    (block,) = (each for each in blocks("python") if f"class {name}" in each)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/callbacks.md", "exec"), names)
    made: Callable[[], Callback] = names[name]
    return made


def test_the_page_names_each_key_of_a_line(tmp_path: Path) -> None:
    fitted(tmp_path / "out")
    lines = (tmp_path / "out" / HISTORY).read_text().splitlines()
    assert [key for key in json.loads(lines[0]) if f"`{key}`" not in PAGE] == []


def test_the_settings_of_the_page_are_read(tmp_path: Path) -> None:
    (block,) = blocks("yaml")
    (tmp_path / "c.yaml").write_text(block)
    settings = load_settings(tmp_path / "c.yaml")
    assert settings.callbacks == ("monitoring:Prometheus", "monitoring:MLflow")
    assert len(settings.requests()) == 1


def test_the_example_for_prometheus_writes_what_the_last_pass_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    monkeypatch.chdir(tmp_path)
    fitted(tmp_path / "out", example("Prometheus")())
    families = text_string_to_metric_families((tmp_path / "dask_gmm.prom").read_text())
    found = {sample.name: sample.value for each in families for sample in each.samples}
    last = read_history(tmp_path / "out")[-1]
    for name in ("pass", "seconds", "log_likelihood", "change", "peak_bytes"):
        assert found[f"dask_gmm_{name}"] == pytest.approx(last[name], rel=1e-12)


class Tracking(ModuleType):
    """MLflow's functions that the example calls, with arguments that theirs take."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.called: list[tuple[str, dict[str, Any]]] = []
        for function in (log_metric, log_params, set_tag, log_artifacts, end_run):
            setattr(self, function.__name__, self._keeping(function))

    def _keeping(self, function: Callable[..., None]) -> Callable[..., None]:
        def call(*args: Any, **named: Any) -> None:
            bound = signature(function).bind(*args, **named)
            self.called.append((function.__name__, bound.arguments))

        return call


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
) -> None: ...


def log_params(
    params: dict[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> None: ...


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> None: ...


def log_artifacts(
    local_dir: str, artifact_path: str | None = None, run_id: str | None = None
) -> None: ...


def end_run(status: str = "FINISHED") -> None: ...


def test_the_example_for_mlflow_logs_passes_settings_and_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is large: a stand-in takes its place, and refuses what it would refuse."""
    mlflow = Tracking()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    fitted(tmp_path / "out", example("MLflow")())
    metrics = [each for name, each in mlflow.called if name == "log_metric"]
    lines = read_history(tmp_path / "out")
    for key in ("log_likelihood", "seconds"):
        logged = {each["step"]: each["value"] for each in metrics if each["key"] == key}
        assert logged == {each["pass"]: each[key] for each in lines if each[key] is not None}
    *_, params, tag, artifacts, end = mlflow.called
    manifest = read_manifest(tmp_path / "out")
    assert params == ("log_params", {"params": manifest["settings"]})
    assert tag == ("set_tag", {"key": "reason", "value": manifest["reason"]})
    assert artifacts == ("log_artifacts", {"local_dir": str(tmp_path / "out")})
    assert end == ("end_run", {})
