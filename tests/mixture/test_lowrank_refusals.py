"""What is no family of factors, or none of its covariances, and what such a family cannot do."""

import numpy as np
import pytest

from dask_gmm.errors import InputError
from dask_gmm.mixture.covariance import family_of
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import checked_mixture


@pytest.mark.parametrize("name", ["lowrank", "lowrank-0", "lowrank-01", "lowrank--1", "lowrank-2x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"Wanted one of .*lowrank-RANK.*, found 'lowrank"):
        family_of(name)


@pytest.mark.parametrize(
    ("covariances", "found"),
    [
        (np.ones((1, 2, 3)), r"fewer factors than columns; found 2 factors of 2 columns"),
        (np.zeros((1, 4, 3)), r"component 0 has the noise 0 in column 0"),
        (np.ones((1, 4, 2)), r"shape \(1, 4, 3\)"),
        (np.full((1, 4, 3), np.inf), r"finite"),
    ],
)
def test_what_is_no_covariance_of_factors_is_refused(covariances: Array, found: str) -> None:
    with pytest.raises(InputError, match=found):
        checked_mixture([1.0], np.zeros((1, covariances.shape[1])), covariances, "lowrank-2")


def test_what_needs_matrices_is_refused() -> None:
    family = family_of("lowrank-2")
    for ask in (
        lambda: family.chart(3),
        lambda: family.masses(np.ones(2)),
        lambda: family.seen(np.eye(3)),
        lambda: family.spread(np.ones((2, 3)), np.ones(2)),
        lambda: family.estimate_rows(np.ones((2, 3)), np.eye(3)),
    ):
        with pytest.raises(InputError, match="Take the solver em"):
            ask()
