"""What rows leave open about their components is known when a fit ends, from its last pass."""

from pathlib import Path

import numpy as np
import pytest

from dask_gmm import load_model, save_model
from dask_gmm.fitting.held_out import HeldOut
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.covariance import FAMILIES
from tests.fitting.test_limits import FEW, SHARE, SOLVERS, X, fitted, marked
from tests.mixture.test_criteria import textbook_entropies


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_icl_is_that_of_the_responsibilities_at_the_mixture(solver: str, family: str) -> None:
    spec = Spec(3, family, tol=1e-5, held_out=SHARE, **SOLVERS[solver])
    model = fitted(spec).model
    left_open = textbook_entropies(X[~marked(len(X))], model.mixture)
    assert model.last.entropy == pytest.approx(left_open.mean(), abs=1e-9)
    assert model.icl == pytest.approx(model.bic + 2 * left_open.sum(), rel=1e-9)
    assert left_open.mean() > 0.01


def test_icl_is_of_the_pass_that_is_kept() -> None:
    spec = Spec(6, tol=0.0, held_out=HeldOut(0.4))
    model = fitted(spec, FEW).model
    assert model.rejected
    left_open = textbook_entropies(FEW[~marked(len(FEW), HeldOut(0.4))], model.mixture)
    assert model.last.entropy == pytest.approx(left_open.mean(), abs=1e-9)


def test_the_icl_of_a_model_that_was_read_is_not_known(tmp_path: Path) -> None:
    model = fitted(Spec(2), FEW).model
    save_model(model, tmp_path / "model.zarr")
    assert np.isfinite(model.icl or np.nan)
    assert load_model(tmp_path / "model.zarr").icl is None
