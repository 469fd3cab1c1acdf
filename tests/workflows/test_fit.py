"""A fit is not lost to what comes after its last pass, and says what was asked of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm import load_model
from dask_gmm.errors import InputError, OutputError, OutputExistsError
from dask_gmm.fitting import faults
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records import publish, run_folder
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_rows import DataWarning

X = np.random.default_rng(0).standard_normal((300, 3))


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def settings(out: Path, **asked: Any) -> tuple[dict[str, Any], str]:
    fit(FitRequest(X, 2, out, max_iter=1, solver="em", **asked), ThreadRunner(1), Silent())
    manifest = json.loads((out / "manifest.json").read_text())
    return manifest["settings"], manifest["settings_sha256"]


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"columns": (0, 2)}, {"columns": [0, 2]}),
    ({"columns": (0, 2)}, {"columns": tuple(np.array([0, 2]))}),
    ({"columns": (0, 2)}, {"columns": np.array([0, 2])}),
    ({"rows": slice(0, 200)}, {"rows": slice(np.int64(0), np.int32(200), 1)}),
    ({"tol": 0.0}, {"tol": np.float32(0)}),
    ({"reg_covar": 1.0}, {"reg_covar": 1}),
]


@pytest.mark.parametrize(("asked", "again"), SAME, ids=lambda asked: str(asked))
def test_the_same_request_has_the_same_settings(
    tmp_path: Path, asked: dict[str, Any], again: dict[str, Any]
) -> None:
    first, second = settings(tmp_path / "a", **asked), settings(tmp_path / "b", **again)
    assert first == second
    assert first[1] != settings(tmp_path / "c")[1]


def test_components_that_are_the_same_are_dropped_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "ALIKE", 1.0)  # so that all are
    runner, asked = ThreadRunner(1), FitRequest(X, 2, tmp_path / "a", repair="drop")
    with pytest.warns(DataWarning, match="1 of 2 components were dropped"):
        result = fit(asked, runner, Silent())
    assert result.model.mixture.n_components == 1
    kept = fit(FitRequest(X, 2, tmp_path / "b", repair="keep"), runner, Silent())
    assert kept.model.mixture.n_components == 2
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert [text for _, text in manifest["repairs"]] == [
        "components 0 and 1 were the same: dropped"
    ]
    assert manifest["warnings"] == list(result.warnings)


def test_plain_em_repairs_no_components(tmp_path: Path) -> None:
    asked = FitRequest(X, 2, tmp_path / "a", solver="em", repair="drop")
    with pytest.raises(InputError, match="Wanted repair with the solver fast alone, found drop"):
        fit(asked, ThreadRunner(1), Silent())


@pytest.mark.parametrize("link", [True, False])
def test_a_run_folder_begins_empty(tmp_path: Path, link: bool) -> None:
    other = tmp_path / ("elsewhere" if link else ".a.wip")
    (other / "x").mkdir(parents=True)
    (other / "x" / "chunk").write_text("of an interrupted call")
    if link:
        (tmp_path / ".a.wip").symlink_to(other)
    fit(FitRequest(X, 2, tmp_path / "a"), ThreadRunner(1), Silent())
    kept = ["asked.json", "history.jsonl", "manifest.json", "model.zarr", "sample.zarr"]
    assert names(tmp_path / "a") == kept
    assert (other / "x" / "chunk").exists() == link


@dataclass(frozen=True, slots=True, eq=False)
class Intruder(Silent):
    """Puts something in the place of the run folder while it is being made."""

    place: Path

    def end_pass(self, note: str) -> None:
        self.place.mkdir(exist_ok=True)


def test_a_model_that_cannot_be_published_is_kept_and_said_where(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with pytest.raises(OutputExistsError) as caught:
        fit(FitRequest(X, 2, out), ThreadRunner(1), Intruder(out))
    kept = tmp_path / ".a.wip" / "model.zarr"
    (note,) = caught.value.__notes__
    assert str(kept) in note
    assert load_model(kept).mixture.n_components == 2
    out.rmdir()
    fit(FitRequest(X, 2, out), ThreadRunner(1), Silent())
    assert names(tmp_path) == ["a"]


def test_a_model_that_the_disk_does_not_take_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: Path) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(publish, "flush_one", failing)
    with pytest.raises(OutputError, match="Input/output error") as caught:
        fit(FitRequest(X, 2, tmp_path / "a"), ThreadRunner(1), Silent())
    assert "model.zarr" in caught.value.__notes__[0]
    assert load_model(tmp_path / ".a.wip" / "model.zarr").rows == len(X)


def test_half_a_model_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(model: object, path: Path, provenance: object) -> None:
        path.mkdir()
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(run_folder, "write_model", failing)
    with pytest.raises(OutputError, match="No space left") as caught:
        fit(FitRequest(X, 2, tmp_path / "a"), ThreadRunner(1), Silent())
    assert not hasattr(caught.value, "__notes__")
    assert names(tmp_path) == []


class Unreachable(ThreadRunner):
    """Workers that cannot be asked what they are, and must not be asked anything else."""

    def machines(self) -> tuple[str, ...]:
        raise ConnectionResetError("no answer")

    def run(self, source: Any, folds: Sequence[Fold], progress: Progress) -> Reading:
        raise AssertionError("a pass has begun")


def test_workers_are_asked_what_they_are_before_the_first_pass(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        fit(FitRequest(X, 2, tmp_path / "a"), Unreachable(1), Silent())
    assert names(tmp_path) == []
