"""A program that is killed while it writes predictions is run again, and leaves the same bytes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dask_gmm import generate_gmm_data
from dask_gmm.data.open import open_source
from dask_gmm.outputs.wanted import Wanted
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.describe import density_of
from dask_gmm.workflows.describe_store import describe_store
from tests.data.arrays import files_of

ROOT = Path(__file__).parents[2]
ROWS, CHUNK_ROWS = 60_000, 15_000  # four leaves
WEIGHTS, MEANS, FACTORS = np.array([0.5, 0.5]), np.array([[0.0] * 9, [2.0] * 9]), np.ones((2, 9))
WANTED = Wanted(labels=True, probabilities=True)

PROGRAM = """
import itertools, os, sys
from pathlib import Path
from tests.whole.test_killed_predictions import described

left, real = itertools.count(int(sys.argv[3]), -1), Path.replace

def replace(self, target):
    if self.name.endswith(".partial") and "/c/" in str(self) and not next(left):
        os._exit(9)
    return real(self, target)

Path.replace = replace
described(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def described(data: Path, out: Path) -> Path:
    density = density_of(WEIGHTS, MEANS, FACTORS, "diag")
    describe_store(open_source(data), density, WANTED, out, ThreadRunner(1))
    return out


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "data.zarr"
    eye = [np.eye(9)] * 2
    generate_gmm_data(ROWS, WEIGHTS, MEANS, eye, seed=1, store=path, chunk_rows=CHUNK_ROWS)
    return path


@pytest.mark.parametrize("chunk", [1, 4, 7])
def test_a_program_that_was_killed_is_run_again(data: Path, tmp_path: Path, chunk: int) -> None:
    """It dies with this chunk of eight written, but not under its name."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", PROGRAM, str(data), str(out), str(chunk)]
    assert subprocess.run(command, check=False, cwd=ROOT).returncode == 9
    assert not out.exists()
    assert len(list(tmp_path.glob(".out.wip-*/**/*.partial"))) == 1
    described(data, out)
    assert files_of(out) == files_of(described(data, tmp_path / "straight"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "straight"]
