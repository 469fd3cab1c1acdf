"""The same rows give the same bytes, however many threads, processes and BLAS threads there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = ("full", "tied", "diag", "spherical", "lowrank-2")
SLOW = pytest.mark.slow
# Every kind of fit, in every family, one after another.
pytestmark = pytest.mark.timeout(600)


def run(folder: Path, workers: str, blas_threads: str = "") -> list[str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= dict.fromkeys(names, blas_threads) if blas_threads else {}
    command = [sys.executable, "-m", "tests.whole.program", str(folder), workers, *FAMILIES]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment
    )
    digests: list[str] = json.loads(done.stdout)
    return digests


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return run(tmp_path_factory.mktemp("expected"), "threads1")


def test_two_threads(expected: list[str], tmp_path: Path) -> None:
    assert run(tmp_path, "threads2") == expected


@pytest.mark.parametrize(
    "blas_threads", [pytest.param("1", marks=SLOW), pytest.param("2", marks=SLOW), "8"]
)
def test_threads_of_the_environment(expected: list[str], tmp_path: Path, blas_threads: str) -> None:
    assert run(tmp_path, "threads2", blas_threads) == expected


@pytest.mark.parametrize(
    "workers", [pytest.param("1", marks=SLOW), "2", pytest.param("4", marks=SLOW)]
)
def test_worker_processes(expected: list[str], tmp_path: Path, workers: str) -> None:
    assert run(tmp_path, workers) == expected
