"""Fits that are interrupted after every pass, and what to compare them by."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Source
from dask_gmm.fitting import levels, overfit, sample
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.cost import Cost
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint, PassRecord
from dask_gmm.workflows import missing
from dask_gmm.workflows.fit_rows import FitOutcome, fit_rows, resume_all, resume_rows
from dask_gmm.workflows.left_out import NOTHING, Allowed
from tests.records.stored import differences, stored

# Passes after which a fit has been in every phase.
MOST = 60
ONE = ThreadRunner(1)
TWO = ThreadRunner(2)


def clusters(rows: int) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(2)
    centers = np.array([[0.0, 0, 0], [4, 0, 2], [0, 3, -3]])[generator.integers(0, 3, rows)]
    return np.asarray(centers + generator.standard_normal((rows, 3)))


X = clusters(3000)
SOURCE = ArraySource.of(X)


def small_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let 3,000 rows have levels of 200, 600 and all rows."""
    monkeypatch.setattr(levels, "SMALLEST_LEVEL", 200)
    monkeypatch.setattr(levels, "ROWS_PER_PARAMETER", 1)
    monkeypatch.setattr(sample, "SMALLEST_SAMPLE", 200)
    monkeypatch.setattr(missing, "SMALLEST_SAMPLE", 200)
    monkeypatch.setattr(overfit, "CLUSTERED_ROWS", 200)


class Interrupted(Exception):
    """Raised where a process is killed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint


def interrupt(checkpoint: Checkpoint) -> None:
    raise Interrupted(checkpoint)


def checkpoints(
    spec: Spec, n_init: int = 1, source: Source = SOURCE, allowed: Allowed = NOTHING
) -> list[Checkpoint]:
    """Fit without interruption, and give the checkpoint after every pass, up to so many."""
    kept: list[Checkpoint] = []

    def keep(checkpoint: Checkpoint) -> None:
        kept.append(checkpoint)
        if len(kept) == MOST:
            raise Interrupted(checkpoint)

    with suppress(Interrupted):
        fit_rows(source, spec, n_init, ONE, Silent(), on_checkpoint=keep, allowed=allowed)
    return kept


def interrupted_after_each(
    first: Checkpoint, source: Source = SOURCE, runners: Sequence[Runner] = (TWO, ONE)
) -> Iterator[Checkpoint]:
    """Store a checkpoint, make one pass from what was stored, and so on; give all of them."""
    checkpoint: Checkpoint | None = first
    for _ in range(MOST):
        if checkpoint is None:
            return
        yield checkpoint
        before, runners = stored(checkpoint, Checkpoint), (*runners[1:], runners[0])
        try:
            resume_all(source, before, runners[0], Silent(), on_checkpoint=interrupt)
            checkpoint = None
        except Interrupted as interruption:
            checkpoint = interruption.checkpoint


def resumed(checkpoint: Checkpoint, source: Source = SOURCE, runner: Runner = TWO) -> FitOutcome:
    """Store a checkpoint, and go on from what was stored to the end."""
    return resume_rows(source, stored(checkpoint, Checkpoint), runner, Silent())


def timeless(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, passes=tuple(map(without_seconds, checkpoint.passes)))


def without_seconds(record: PassRecord) -> PassRecord:
    """What decides nothing, and differs from call to call, is left out."""
    cost = Cost(0, 0, 0, 0, 0, 0, record.cost.decoded_bytes, 0, None)
    return replace(record, seconds=0, rows_per_second=0, cost=cost)


def assert_same(some: Sequence[Checkpoint], others: Sequence[Checkpoint]) -> None:
    """The same members with the same bytes after every pass."""
    assert len(some) == len(others)
    for i, (a, b) in enumerate(zip(some, others, strict=True)):
        assert list(differences(timeless(a), timeless(b), f"checkpoint {i}")) == []
