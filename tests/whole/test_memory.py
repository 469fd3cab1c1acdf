"""What a fit holds at its peak is under what was projected, and does not grow with the rows."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dask_gmm import generate_gmm_data

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc"
)

ROOT = Path(__file__).parents[2]
FEATURES, CHUNK_ROWS = 16, 62_500  # chunks of 8 MB
FEW, MANY = 80, 160

PROGRAM = """
import json, re, sys
from pathlib import Path
from dask_gmm.data.open import open_source
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.held import HeldHere
from dask_gmm.passes.memory import project
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.fit_rows import fit_rows

projected = []

class Watched(ThreadRunner):
    def run(self, source, folds, progress):
        projected.append(project(source, folds, self.threads).total)
        return super().run(source, folds, progress)

source = open_source(sys.argv[1])
if sys.argv[2] == "memory":
    source = HeldHere(source)
outcome = fit_rows(source, Spec(8, max_iter=2, tol=0), 1, Watched(2), Silent())
# Not getrusage: its peak is inherited from the process that started this one.
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
told = outcome.passes[-1].cost.peak_bytes
assert abs(told - peak) < 2**25, "the history tells another peak"
print(json.dumps([peak, max(projected)]))
"""


def fitted(folder: Path, n_chunks: int, cache: str = "none") -> tuple[int, int]:
    """Peak and projected bytes of a fit to so many chunks of rows."""
    path = folder / f"{n_chunks}.zarr"
    eye = [[float(i == j) for j in range(FEATURES)] for i in range(FEATURES)]
    means = [[0.0] * FEATURES, [3.0] * FEATURES]
    generate_gmm_data(
        n_chunks * CHUNK_ROWS, [0.5, 0.5], means, [eye, eye], store=path, chunk_rows=CHUNK_ROWS
    )
    return measured(path, cache)


def measured(path: Path, cache: str) -> tuple[int, int]:
    """Fit in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), cache],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    peak, projected = json.loads(done.stdout)
    return peak, projected


def fitted_parquet(folder: Path, n_groups: int) -> tuple[int, int]:
    """Peak and projected bytes of a fit to so many row groups of rows in a parquet file."""
    path, generator = folder / f"{n_groups}.parquet", np.random.default_rng(0)
    names = [f"c{column}" for column in range(FEATURES)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(n_groups):
            centers = 3.0 * generator.integers(0, 2, (1, CHUNK_ROWS))
            columns = generator.standard_normal((FEATURES, CHUNK_ROWS)) + centers
            writer.write_table(pa.table(list(columns), names), row_group_size=CHUNK_ROWS)
    return measured(path, "none")


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, int]:
    return fitted(tmp_path_factory.mktemp("few"), FEW)


def test_the_peak_is_under_the_projection(tmp_path: Path) -> None:
    peak, projected = fitted(tmp_path, FEW // 4)
    assert peak <= projected


@pytest.mark.slow
def test_more_rows_take_no_more_memory(few: tuple[int, int], tmp_path: Path) -> None:
    peak, projected = fitted(tmp_path, MANY)
    assert few[0] <= projected == few[1]
    added = (MANY - FEW) * CHUNK_ROWS * FEATURES * 8
    assert peak - few[0] < 0.1 * added


@pytest.mark.slow
def test_rows_that_are_kept_are_in_the_projection(few: tuple[int, int], tmp_path: Path) -> None:
    kept = FEW // 2 * CHUNK_ROWS * FEATURES * 8
    peak, projected = fitted(tmp_path, FEW // 2, "memory")
    assert kept < peak <= projected
    # When all are kept, no memory for reading is needed any more.
    assert kept < projected <= few[1] + kept


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_parquet_files_take_what_was_projected_however_many_rows_they_have(tmp_path: Path) -> None:
    (peak, projected), (most, same) = (fitted_parquet(tmp_path, each) for each in (FEW // 2, FEW))
    assert projected == pytest.approx(same, abs=1_000)  # as codecs have it
    assert max(peak, most) <= projected
