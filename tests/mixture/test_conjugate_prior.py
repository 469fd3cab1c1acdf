"""What a user may say of a mixture before any row, and what is refused."""

from typing import Any

import numpy as np
import pytest

from dask_gmm.errors import InputError
from dask_gmm.mixture.conjugate_prior import MixturePrior, prior_of_user

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"alpha": 0.5}, "alpha as finite numbers of at least 1"),
    "alpha nan": ({"alpha": np.nan}, "alpha as finite numbers of at least 1"),
    "alpha text": ({"alpha": "many"}, "numbers as alpha"),
    "kappa": ({"kappa": -1.0}, "kappa"),
    "mean without kappa": ({"kappa": 0.0, "mean": [1.0]}, "a kappa above 0"),
    "nu": ({"nu": 0.0}, "nu"),
    "scatter without nu": ({"nu": None, "scatter": 1.0}, "nu beside a scatter"),
    "scatter of three axes": ({"scatter": np.ones((1, 1, 1))}, "numbers as scatter"),
}


@pytest.mark.parametrize("bad", BAD)
def test_values_outside_their_range_are_refused(bad: str) -> None:
    values, said = BAD[bad]
    with pytest.raises(InputError, match=said):
        MixturePrior(**values)


MISFITS: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"alpha": [1.0, 2.0, 3.0]}, "one alpha, or 2 of them"),
    "mean": ({"mean": [1.0]}, "a mean of 3 columns"),
    "nu": ({"nu": 2.0}, "nu above 2 for 3 columns"),
    "scatter": ({"scatter": np.ones(3)}, r"a scatter of shape \(3, 3\)"),
    "singular": ({"scatter": np.ones((3, 3))}, "positive definite"),
    "lopsided": ({"scatter": np.eye(3) + np.eye(3, k=1)}, "symmetric"),
    "negative": ({"scatter": -1.0}, "positive definite"),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_values_for_other_mixtures_are_refused(misfit: str) -> None:
    values, said = MISFITS[misfit]
    with pytest.raises(InputError, match=said):
        MixturePrior(**values).check(2, 3, "full")


def test_a_prior_has_a_name_or_values() -> None:
    assert prior_of_user(None) is None
    assert prior_of_user("mclust") is not None
    found = prior_of_user({"alpha": 2, "nu": None})
    assert found is not None
    assert found.to_json() == {
        "alpha": 2.0,
        "kappa": 0.01,
        "mean": "auto",
        "nu": None,
        "scatter": "auto",
    }
    for wrong in ("bayes", {"beta": 1}, 3):
        with pytest.raises(InputError, match="as a prior"):
            prior_of_user(wrong)
