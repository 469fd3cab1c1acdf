"""A fit that is interrupted after any pass, and goes on, ends with the same bytes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.source import Layout, Source
from dask_gmm.errors import DataError
from dask_gmm.fitting.ascent import Ascended
from dask_gmm.fitting.candidate import candidate
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.members import Finished
from dask_gmm.fitting.race import Lost
from dask_gmm.fitting.spec import MERGE, SHORT_EM, Spec
from dask_gmm.fitting.starts import KINDS
from dask_gmm.mixture.background import Background
from dask_gmm.mixture.beliefs import WEIGHT_PRIORS, Beliefs
from dask_gmm.mixture.conjugate_prior import MixturePrior
from dask_gmm.mixture.covariance import FAMILIES
from dask_gmm.mixture.fixed import fixed_of
from dask_gmm.mixture.model import Mixture
from dask_gmm.passes.cost import Reading
from dask_gmm.passes.distributed_runner import DistributedRunner
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.workflows.fit_rows import DataWarning, fit_rows, resume_all, resume_rows
from tests.data import arrays
from tests.data.arrays import foreign, ours
from tests.records.stored import differences
from tests.workflows.resuming import (
    ONE,
    SOURCE,
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    resumed,
    small_levels,
)

THREE = Spec(2, max_iter=3, tol=0.0)
START = Mixture.of([0.5, 0.3, 0.2], X[:3], np.stack([np.eye(3)] * 3))
WORLD = Background(START, 50.0, ("weights", "means"))
SOME = fixed_of({"weights": [0], "means": [1], "covariances": [2]}, 3, shared=False)
SPECS: dict[str, Spec] = {
    **{
        f"em, {init}, {family}": Spec(3, family, init=init, max_iter=4, tol=1e-6)
        for init in KINDS
        for family in FAMILIES
    },
    **{
        f"fast, {init}, {family}": Spec(3, family, solver="fast", init=init, tol=None)
        for init in (MERGE, SHORT_EM, *KINDS)
        for family in FAMILIES
    },
    "fast, merge from more, full": Spec(3, solver="fast", init=MERGE, tol=None, merge_from=9),
    **{
        f"em, {kind}, {family}": Spec(4, family, max_iter=4, tol=1e-6, beliefs=Beliefs(kind))
        for kind in WEIGHT_PRIORS
        for family in FAMILIES
    },
    **{
        f"fast, priors, {family}": Spec(
            6, family, solver="fast", tol=None, max_iter=12, beliefs=Beliefs(), seed=seed
        )
        for seed, family in enumerate(FAMILIES)
    },
    "fast, priors, float32": Spec(
        6, solver="fast", tol=1e-9, precision="float32", max_iter=9, beliefs=Beliefs()
    ),
    "em, priors, float32": Spec(3, tol=1e-4, precision="float32", beliefs=Beliefs()),
    "em, priors, given": Spec(3, start=START, max_iter=3, beliefs=Beliefs(mean_prior=X[0])),
    **{
        f"em, {init}, lowrank-2": Spec(3, "lowrank-2", init=init, max_iter=4, tol=1e-6)
        for init in ("kmeans", "random")
    },
    "em, auto": Spec(3, tol=None, max_iter=8),
    "em, float32": Spec(3, tol=1e-4, precision="float32"),
    "fast, float32": Spec(3, solver="fast", init=MERGE, tol=1e-9, precision="float32"),
    "fast, never converged": Spec(3, solver="fast", init=MERGE, tol=0.0, max_iter=3),
    "em, held out": Spec(3, tol=1e-6, max_iter=12, held_out=HeldOut(0.2)),
    "fast, held out": Spec(3, solver="fast", init=MERGE, tol=1e-9, held_out=HeldOut(0.2)),
    "em, given": Spec(3, start=START, max_iter=3),
    "fast, given": Spec(3, start=START, solver="fast", tol=None),
    "em, prior": Spec(3, tol=1e-6, max_iter=4, prior=MixturePrior(alpha=[2.0, 3.0, 4.0])),
    "fast, prior": Spec(3, solver="fast", init=MERGE, tol=None, prior=MixturePrior()),
    "em, adapted": Spec(3, start=START, max_iter=3, prior=WORLD, fixed=WORLD.fixed),
    "fast, fixed": Spec(3, start=START, solver="fast", tol=None, prior=MixturePrior(), fixed=SOME),
}


class Unused(ThreadRunner):
    """A runner that is not to be asked."""

    def run(self, source: Source, folds: Sequence[Fold], progress: Progress) -> Reading:
        raise AssertionError("a pass has begun")


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    small_levels(monkeypatch)


# Starts differ before the first level, and not in how they climb from there.
SLOW = {
    f"fast, {i}, {f}" for i in (SHORT_EM, *KINDS) for f in FAMILIES if i != "kmeans" and f != "full"
}


@pytest.mark.parametrize(
    "case", [pytest.param(each, marks=[pytest.mark.slow] * (each in SLOW)) for each in SPECS]
)
def test_a_fit_interrupted_after_every_pass_has_the_same_bytes(case: str) -> None:
    undisturbed = checkpoints(SPECS[case], n_init=2)
    assert_same(undisturbed, list(interrupted_after_each(undisturbed[0])))


@pytest.mark.parametrize("case", ["em, kmeans, full", "fast, merge, full"])
def test_a_fit_interrupted_once_has_the_same_outcome(case: str) -> None:
    whole, kept = fit_rows(SOURCE, SPECS[case], 1, ONE, Silent()), checkpoints(SPECS[case])
    for checkpoint in (*kept[:-1:6], kept[-1]):
        outcome = resumed(checkpoint)
        assert list(differences(outcome.model, whole.model)) == []
        assert list(differences(outcome.survey, whole.survey)) == []
        assert [each.number for each in outcome.passes] == [each.number for each in whole.passes]
        assert [each.name for each in outcome.passes] == [each.name for each in whole.passes]


def test_there_is_a_checkpoint_after_every_pass_over_all_rows_and_over_the_sample() -> None:
    kept = checkpoints(SPECS["fast, merge, full"])
    read = [len(each.passes) for each in kept]
    assert read[0] == 1
    assert read.count(1) > 15
    assert read == sorted(read)
    assert set(read) == set(range(1, read[-1] + 1))
    assert {type(each) for each in kept[-1].members} <= {Ascended, Finished, Lost}


def test_members_in_different_phases_go_on_together_as_alone() -> None:
    fast = Spec(3, solver="fast", init=MERGE, tol=None, race=1)
    (first, *_) = checkpoints(fast)
    survey = first.members[0].survey  # type: ignore[union-attr]
    specs = [
        Spec(2, "diag", tol=1e-2),
        fast,
        Spec(4, "tied", max_iter=3, init="random"),
        Spec(2, "spherical", solver="fast", init="kmeans", tol=1e-7, race=2),
        Spec(3, solver="fast", init=MERGE, tol=None, race=1, restart=1),
        Spec(3, "full", start=START, max_iter=9, precision="float32"),
    ]
    together = Checkpoint(
        first.survey, tuple(candidate(each, survey) for each in specs), first.passes, first.layout
    )
    undisturbed: list[Checkpoint] = []
    resume_all(SOURCE, together, ONE, Silent(), on_checkpoint=undisturbed.append)
    steps = list(interrupted_after_each(together))
    assert max(len({type(each) for each in step.members}) for step in steps) >= 4
    assert_same(undisturbed[: len(steps) - 1], steps[1:])


def test_a_fit_goes_on_where_others_read(client: Client, tmp_path: Path) -> None:
    source = open_source(str(foreign(tmp_path / "a", "zstd")))
    undisturbed = checkpoints(Spec(2, solver="fast", tol=None), source=source)
    runners = (DistributedRunner(client), ONE)
    assert_same(undisturbed, list(interrupted_after_each(undisturbed[0], source, runners)))


def test_a_fit_that_had_ended_needs_no_pass() -> None:
    last = checkpoints(SPECS["em, kmeans, full"])[-1]
    outcome = resume_rows(SOURCE, last, Unused(1), Silent())
    assert outcome.passes == last.passes


def test_only_passes_still_to_be_made_are_told_of() -> None:
    kept = checkpoints(SPECS["em, kmeans, full"])
    told: list[int] = []
    outcome = resume_rows(SOURCE, kept[2], ONE, Silent(), lambda each: told.append(each.number))
    assert told == [each.number for each in outcome.passes[len(kept[2].passes) :]]
    assert told


def test_what_was_odd_about_the_rows_is_said_again() -> None:
    source = ArraySource.of(np.column_stack([X, np.ones(len(X))]))
    kept: list[Checkpoint] = []
    spec = Spec(2, max_iter=2)
    with pytest.warns(DataWarning, match="column 3"):
        whole = fit_rows(source, spec, 1, ONE, Silent(), on_checkpoint=kept.append)
    with pytest.warns(DataWarning, match="column 3"):
        outcome = resumed(kept[1], source)
    assert outcome.warnings == whole.warnings


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        (X[:-1], r"3,000 of 3 columns in \d leaves; found 2,999 of 3 in \d in "),
        (X[:, :2], r"found 3,000 of 2 in"),
    ],
)
def test_other_rows_are_refused(rows: np.ndarray[Any, Any], found: str) -> None:
    checkpoint = checkpoints(THREE)[1]
    with pytest.raises(DataError, match=found):
        resumed(checkpoint, ArraySource.of(rows))


def test_rows_in_other_leaves_are_refused() -> None:
    checkpoint = checkpoints(THREE)[1]
    with pytest.raises(DataError, match=r"in 1 leaves; found 3,000 of 3 in 2 in"):
        resumed(checkpoint, ArraySource.of(X, layout=Layout(np.array([0, 1000, len(X)]))))


@pytest.mark.parametrize("kind", ["plain", "crc32c", "zstd"])
@pytest.mark.parametrize("write", [foreign, ours])
def test_rows_that_changed_while_a_fit_was_interrupted_are_refused(
    tmp_path: Path, write: Callable[[Path, str], Path], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = checkpoints(THREE, source=open_source(str(write(tmp_path / "a", kind))))[1]
    assert resumed(checkpoint, open_source(str(write(tmp_path / "b", kind)))).passes
    monkeypatch.setattr(arrays, "ROWS", -arrays.ROWS)
    other = open_source(str(write(tmp_path / "c", kind)))
    with pytest.raises(DataError, match="changed during the run"):
        resumed(checkpoint, other)


def test_rows_in_other_chunks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = checkpoints(THREE, source=open_source(str(foreign(tmp_path / "a", "plain"))))[1]
    monkeypatch.setattr(arrays, "CHUNK_ROWS", 50)
    other = open_source(str(foreign(tmp_path / "b", "plain")))
    with pytest.raises(DataError, match="has 8 chunks to read, and 4 were read then"):
        resumed(checkpoint, other)


def test_absent_chunks_are_seen_before_the_next_pass(tmp_path: Path) -> None:
    array = foreign(tmp_path, "plain")
    checkpoint = checkpoints(THREE, source=open_source(str(array)))[1]
    source = open_source(str(array))
    arrays.DAMAGES["absent"](arrays.chunk_file(array))
    with pytest.raises(DataError, match="c/2/0"):
        resume_rows(source, checkpoint, Unused(1), Silent())
