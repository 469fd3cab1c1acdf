"""A run with partitions that is interrupted goes on, and one in float32 is as good."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.data.source import Source
from dask_gmm.errors import OutputExistsError
from dask_gmm.fitting.partitions import ByPartition
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.partitions_file import read_partitions
from dask_gmm.records.run_folder import read_history
from tests.workflows.refreshing import (
    SIZE,
    THREE,
    TWO,
    Counting,
    fitted,
    model_of,
    stepped,
    stored,
)


class Dying(ThreadRunner):
    """Makes so many readings of partitions, and is as good as dead then."""

    def __init__(self, readings: int) -> None:
        super().__init__(2)
        self.left = readings

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        if isinstance(folds[0], ByPartition):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
        return super().run(source, folds, progress)


def kept(run: Path) -> str:
    return read_partitions(run, model_of(run).mixture).sha256


def test_a_fit_interrupted_in_its_last_reading_makes_that_alone(tmp_path: Path) -> None:
    data = str(stored(tmp_path / "x", 1, 2))
    asked: dict[str, Any] = {"solver": "em", "tol": 1e-6}
    whole = fitted(data, tmp_path / "whole", TWO, **asked)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fitted(data, tmp_path / "out", TWO, Dying(0), **asked)
    runner = Counting()
    result = fitted(data, tmp_path / "out", TWO, runner, **asked)
    assert runner.read == [(0, 2 * SIZE)]
    assert result.passes == whole.passes
    assert kept(tmp_path / "out") == kept(tmp_path / "whole")
    names = [[each["name"] for each in read_history(tmp_path / run)] for run in ("whole", "out")]
    assert names[0] == names[1]


def test_other_partitions_are_something_else(tmp_path: Path) -> None:
    data = str(stored(tmp_path / "x", 1, 2))
    fitted(data, tmp_path / "out", TWO)
    halves = {"mon": slice(0, 1000), "tue": slice(1000, 2 * SIZE)}
    with pytest.raises(OutputExistsError, match="partitions"):
        fitted(data, tmp_path / "out", halves)


@pytest.mark.parametrize("readings", [0, 1])
def test_a_step_that_is_interrupted_is_taken_anew(tmp_path: Path, readings: int) -> None:
    first, data = stored(tmp_path / "x", 1, 2), str(stored(tmp_path / "y", 1, 2, 3))
    fitted(str(first), tmp_path / "run", TWO)
    stepped(data, tmp_path / "whole", tmp_path / "run", THREE)
    with pytest.raises(KeyboardInterrupt):
        stepped(data, tmp_path / "out", tmp_path / "run", THREE, Dying(readings))
    assert not (tmp_path / "out").exists()
    stepped(data, tmp_path / "out", tmp_path / "run", THREE)
    assert kept(tmp_path / "out") == kept(tmp_path / "whole")


def test_float32_is_as_good_as_its_rounding(tmp_path: Path) -> None:
    first, data = stored(tmp_path / "x", 1, 2), str(stored(tmp_path / "y", 1, 2, 3))
    means = []
    for precision in ("float64", "float32"):
        fitted(str(first), tmp_path / f"{precision} run", TWO, solver="em", max_iter=3, tol=0)
        out, start = tmp_path / precision, tmp_path / f"{precision} run"
        means.append(stepped(data, out, start, THREE, precision=precision).model.means)
    assert 0 < np.abs(means[0] - means[1]).max() < 1e-4
