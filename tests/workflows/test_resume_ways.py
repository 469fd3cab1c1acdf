"""A fit that is interrupted on one of its rare ways, and goes on, ends with the same bytes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.open import open_source
from dask_gmm.data.row_data import RowData
from dask_gmm.fitting.ascent import Ascended, Ascending
from dask_gmm.fitting.escape import Escaping, last_way_out
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.probe import Following, Probing
from dask_gmm.fitting.reseed import Reseeding
from dask_gmm.fitting.spec import MERGE, REPAIRS, Spec
from dask_gmm.fitting.topup import Drawing, Topping
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.passes.progress import Silent
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.records.codec import encode
from dask_gmm.records.registry import TYPES
from dask_gmm.workflows.fit_rows import resume_all
from dask_gmm.workflows.left_out import Allowed
from tests.data.arrays import chunk_file, foreign
from tests.workflows.resuming import (
    ONE,
    SOURCE,
    X,
    assert_same,
    checkpoints,
    interrupted_after_each,
    small_levels,
)
from tests.workflows.test_resume import SPECS


@pytest.fixture(autouse=True)
def levels(monkeypatch: pytest.MonkeyPatch) -> None:
    small_levels(monkeypatch)


def with_a_spare() -> Checkpoint:
    """Fits that begin their last sample with a component that no row needs; each repairs it so."""
    spec = Spec(3, "tied", solver="fast", init=MERGE, tol=None)
    (first, *_) = checkpoints(spec)
    survey = first.members[0].survey  # type: ignore[union-attr]
    weights, means = [0.5, 0.5 - 1e-12, 1e-12], [[0, 0, 0], [3, 1, 0], [-40, -40, -40]]
    step = MStep(Mixture.of(weights, means - survey.frame.shift, np.eye(3), "tied"), ())
    specs = [replace(spec, race=race, repair=repair) for race, repair in enumerate(REPAIRS)]
    return replace(first, members=tuple(Ascending(each, survey, 1, step) for each in specs))


def set_anew(members: Sequence[Member]) -> bool:
    """Whether one of them waits for the rows that are explained worst."""
    return any(isinstance(each, Escaping) and isinstance(each.path, Reseeding) for each in members)


@pytest.mark.filterwarnings("ignore:1 of 3 components were dropped")
def test_fits_with_a_spare_component_go_on_with_the_same_bytes() -> None:
    first, undisturbed = with_a_spare(), list[Checkpoint]()
    resume_all(SOURCE, first, ONE, Silent(), on_checkpoint=undisturbed.append)
    steps = list(interrupted_after_each(first))
    assert any(set_anew(step.members) for step in steps)
    assert_same(undisturbed[: len(steps) - 1], steps[1:])


FEW = ArraySource.of(X + np.where(np.arange(len(X)) < 2950, 0, 20)[:, None] * [0, 1, 0])


def with_a_few() -> Checkpoint:
    """Fits that begin all rows with a component that has few of them; each draws more of those."""
    spec = Spec(2, solver="fast", init=MERGE, tol=None)
    (first, *_) = checkpoints(spec, source=FEW)
    survey = first.members[0].survey  # type: ignore[union-attr]
    weights, means = [0.985, 0.015], np.array([[1.3, 1, 0], [1.3, 21, 0]]) - survey.frame.shift
    start = Mixture.of(weights, means, np.stack([4 * np.eye(3)] * 2))
    homes = [
        Ascending(replace(spec, race=race, precision=each), survey, 2, MStep(start, ()))
        for race, each in enumerate(("float64", "float32"))
    ]
    return replace(first, members=tuple(Drawing(each) for each in homes))


def test_fits_that_draw_more_rows_go_on_with_the_same_bytes() -> None:
    first, undisturbed = with_a_few(), list[Checkpoint]()
    resume_all(FEW, first, ONE, Silent(), on_checkpoint=undisturbed.append)
    steps = list(interrupted_after_each(first, FEW))
    assert any(isinstance(each, Topping) for step in steps for each in step.members)
    assert_same(undisturbed, steps[1:])


def at_a_saddle() -> Checkpoint:
    """Fits that have ended their last sample with two components that are the same."""
    (first, *_) = checkpoints(Spec(3, "diag", solver="fast", init=MERGE, tol=None))
    survey = first.members[0].survey  # type: ignore[union-attr]
    means = np.array([[2.0, 0, 1], [2, 0, 1], [0, 3, -3]]) - survey.frame.shift
    start = MStep(Mixture.of(np.full(3, 1 / 3), means, np.full((3, 3), 2.0), "diag"), ())
    rows = ArraySource.of(first.survey.sample.first(600).in_row_order())
    members = []
    for race, precision in enumerate(("float64", "float32")):
        spec = Spec(3, "diag", solver="fast", tol=None, race=race, precision=precision)
        member: Any = Ascending(spec, survey, 1, start)
        while not isinstance(member, Ascended):
            (member,) = member.tell(ONE.run(rows, [member.ask().fold], Silent())[0])
        members.append(last_way_out(member, 0, 2))
    return replace(first, members=tuple(members))


def test_fits_that_leave_a_saddle_go_on_with_the_same_bytes() -> None:
    first, undisturbed = at_a_saddle(), list[Checkpoint]()
    resume_all(SOURCE, first, ONE, Silent(), on_checkpoint=undisturbed.append)
    steps = list(interrupted_after_each(first))
    paths = [each.path for step in steps for each in step.members if isinstance(each, Escaping)]
    assert {Probing, Following} <= {type(each) for each in paths}
    assert_same(undisturbed[: len(steps) - 1], steps[1:])


@pytest.mark.filterwarnings("ignore:1 bad chunk")
def test_every_type_in_the_registry_is_met_in_some_fit(tmp_path: Path) -> None:
    chunk_file(foreign(tmp_path / "a", "crc32c")).unlink()
    allowed = Allowed(bad_share=0.5)
    damaged = allowed.of(open_source(tmp_path / "a"))
    (first, *_) = checkpoints(Spec(2, max_iter=2), source=damaged, allowed=allowed)
    met: set[str] = set(encode(first).document["types"])
    drawn = ("em, kmeans, full", "fast, merge, diag", "fast, short-em, diag")
    labels = np.maximum(np.arange(len(X)) % 9 - 7, -1)
    labeled = ArraySource.of(X, beside=RowData(labels=labels, n_labels=2))
    (known, *_) = checkpoints(Spec(2, max_iter=2, n_labels=2), source=labeled)
    met |= set(encode(known).document["types"])
    told = ("fast, priors, full", "em, priors, given", "fast, prior", "em, adapted", "fast, fixed")
    for case in (*drawn, *told, "fast, merge from more, full", "em, given", "fast, given"):
        for checkpoint in checkpoints(SPECS[case]):
            met |= set(encode(checkpoint).document["types"])
    for first, source in ((with_a_spare(), SOURCE), (with_a_few(), FEW), (at_a_saddle(), SOURCE)):
        undisturbed = [first]
        resume_all(source, first, ONE, Silent(), on_checkpoint=undisturbed.append)
        for checkpoint in undisturbed:
            met |= set(encode(checkpoint).document["types"])
    assert met == set(TYPES)
