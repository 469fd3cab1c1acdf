"""Candidates that cannot become the one that is chosen end early, and are not chosen."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from dask_gmm.fitting.hopeless import BOUNDED, MARGIN
from dask_gmm.fitting.members import Why
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from dask_gmm.workflows.select import SelectResult, select
from dask_gmm.workflows.select_request import SelectRequest

GENERATOR: Final = np.random.default_rng(3)
CENTERS: Final = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
STRETCHED: Final = GENERATOR.standard_normal((60_000, 2)) @ np.array([[1.0, 0.9], [0.0, 0.4]])
X: Final = CENTERS[GENERATOR.integers(0, 3, 60_000)] + STRETCHED


def selected(out: Path, **options: Any) -> SelectResult:
    asked = {"components": (1, 2, 3), "covariance": ("full", "spherical"), **options}
    return select(SelectRequest(X, out=out, **asked), ThreadRunner(2), Silent())


@pytest.mark.parametrize("solver", ["fast", "em"])
@pytest.mark.parametrize("criterion", BOUNDED)
def test_the_same_is_chosen_and_the_hopeless_stop_early(
    tmp_path: Path, criterion: str, solver: str
) -> None:
    asked = {"criterion": criterion, "solver": solver, "tol": 1e-8}
    whole = selected(tmp_path / "whole", **asked)
    short = selected(tmp_path / "short", drop_hopeless=True, **asked)
    assert short.model.means.tobytes() == whole.model.means.tobytes()
    dropped = [each for each in short.selected.entries if each.dropped]
    assert dropped
    assert all(each.reason == Why.HOPELESS.value for each in dropped)
    before = {(e.covariance_type, e.n_components): e for e in whole.selected.entries}
    pairs = [(before[e.covariance_type, e.n_components], e) for e in dropped]
    assert all(b.iterations >= e.iterations for b, e in pairs)
    assert any(b.iterations > e.iterations for b, e in pairs)
    assert "dropped: spherical" in short.to_text()
    assert not any(each.dropped for each in whole.selected.entries)


def test_none_could_have_become_better_than_its_bound(tmp_path: Path) -> None:
    whole = selected(tmp_path / "whole", tol=1e-8)
    short = selected(tmp_path / "short", tol=1e-8, drop_hopeless=True)
    for end, early in zip(whole.selected.entries, short.selected.entries, strict=True):
        if early.dropped and early.left is not None:
            assert end.log_likelihood <= early.log_likelihood + MARGIN * early.left


def test_of_candidates_that_are_alike_none_is_dropped(tmp_path: Path) -> None:
    result = selected(
        tmp_path / "run", components=(3,), covariance=("full",), n_init=2, drop_hopeless=True
    )
    assert [each.dropped for each in result.selected.entries] == [None]


@pytest.mark.parametrize("seed", range(4))
def test_a_race_on_all_rows_is_run_to_its_end(tmp_path: Path, seed: int) -> None:
    asked: dict[str, Any] = {"criterion": "aic", "seed": seed, "tol": 1e-6}
    rows = X[:3000]
    whole, short = (
        select(
            SelectRequest(rows, (1, 2, 3, 4), tmp_path / str(drop), drop_hopeless=drop, **asked),
            ThreadRunner(2),
            Silent(),
        )
        for drop in (False, True)
    )
    assert short.model.means.tobytes() == whole.model.means.tobytes()
