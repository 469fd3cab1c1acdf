"""Fits that leave out rows, and stores of which they do."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import zarr
from distributed import Client

from dask_gmm.data import blocks
from dask_gmm.data.manifest import write_digests
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Source
from dask_gmm.fitting.spec import MERGE, Spec
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows
from dask_gmm.workflows.left_out import Allowed
from tests.data.arrays import CODECS, DAMAGES, chunk_file, digests_of
from tests.records.stored import differences
from tests.workflows.resuming import (
    ONE,
    TWO,
    X,
    small_levels,
)

CHUNK_ROWS = 100
DAMAGED = 7
GOOD = np.arange(len(X)) // CHUNK_ROWS != DAMAGED
START = Mixture.of([0.5, 0.3, 0.2], X[:3], np.stack([np.eye(3)] * 3))
GIVEN = Spec(3, start=START, max_iter=5, tol=0.0)
FAST = Spec(3, solver="fast", init=MERGE, tol=None)
SKIP, DROP = Allowed(0.05), Allowed(nonfinite=True)
BOTH = Allowed(0.05, nonfinite=True)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of 200, 600 and all rows, and three chunks in a leaf."""
    small_levels(monkeypatch)
    monkeypatch.setattr(blocks, "LEAF_BYTES", 3 * CHUNK_ROWS * X.shape[1] * X.itemsize)


@pytest.fixture
def runners(client: Client) -> tuple[Runner, ...]:
    return ONE, ThreadRunner(3), DistributedRunner(client)


def written(
    group: Path, kind: str = "crc32c", rows: npt.NDArray[Any] = X, damage: str | None = None
) -> Path:
    """Rows with digests, of which a chunk is damaged then."""
    options: dict[str, Any] = {"chunks": (CHUNK_ROWS, rows.shape[1])} | CODECS[kind]
    if "shards" in options:
        options |= {"chunks": (20, rows.shape[1]), "shards": (CHUNK_ROWS, rows.shape[1])}
    array = zarr.open_group(group).create_array("x", shape=rows.shape, dtype=rows.dtype, **options)
    array[...] = rows
    write_digests(group, "x", digests_of(open_source(group)).reshape(-1, 1))
    if damage:
        DAMAGES[damage](chunk_file(group / "x", DAMAGED))
    return group / "x"


def holed(share: float = 0.1, seed: int = 0) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Rows some of which are not finite, and marks of the others."""
    generator = np.random.default_rng(seed)
    rows, bad = X.copy(), generator.random(len(X)) < share
    values = generator.choice([np.nan, np.inf, -np.inf], bad.sum())
    rows[bad, generator.integers(0, X.shape[1], bad.sum())] = values
    return rows, ~bad


def fitted(
    source: Source, spec: Spec = GIVEN, allowed: Allowed = SKIP, on: Runner = TWO
) -> FitOutcome:
    return fit_rows(allowed.of(source), spec, 1, on, Silent(), allowed=allowed)


def fitted_at(path: Path, spec: Spec = GIVEN, allowed: Allowed = SKIP) -> FitOutcome:
    return fitted(open_source(path), spec, allowed)


def same_to(a: FitOutcome, b: FitOutcome, tolerance: float) -> None:
    ours, others = a.model, b.model
    assert ours.rows == others.rows
    assert np.allclose(ours.means, others.means, rtol=0, atol=tolerance)
    assert np.allclose(ours.covariances, others.covariances, rtol=0, atol=tolerance)
    assert np.allclose(ours.log_likelihoods, others.log_likelihoods, rtol=0, atol=tolerance)
    assert ours.bic == pytest.approx(others.bic, rel=tolerance)


def same_bytes(a: FitOutcome, b: FitOutcome) -> None:
    assert list(differences(a.model, b.model)) == []
    assert list(differences(a.survey.sample, b.survey.sample)) == []
