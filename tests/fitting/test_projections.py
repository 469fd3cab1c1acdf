"""What a pass holds is what was projected, also where there are more columns than rows."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from dask_gmm import GaussianMixture
from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.errors import MemoryLimitError
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.survey import SurveyFold
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import Answers, Fold, Workspace, measure

K, D, LEAF_ROWS = 4, 500, 200


def rows() -> Array:
    return np.random.default_rng(0).standard_normal((5 * LEAF_ROWS, D))


def peak(fold: Fold, values: Array) -> int:
    """Bytes at most while the leaves of one task are answered and added, in one thread."""
    source = replace(ArraySource.of(values), layout=regular_layout(len(values), LEAF_ROWS))
    reader, workspace, total = source.open(), Workspace(), Answers()
    tracemalloc.start()
    try:
        measure([fold], reader.read(0), workspace)  # whose memory grows once, untouched
        tracemalloc.reset_peak()
        for index in range(len(source.layout)):
            answers = measure([fold], reader.read(index), workspace)
            total = total + answers if index else answers
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_survey_of_many_columns_holds_what_is_projected() -> None:
    fold = SurveyFold(0, 50, 5 * LEAF_ROWS)
    assert 0.5 * fold.tile_bytes(D) < peak(fold, rows()) <= fold.tile_bytes(D)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_sums_of_many_columns_hold_what_is_projected(offset: float) -> None:
    """Far from the frame, each component's sums are about its own center."""
    values = rows()
    means = offset + 0.1 * values[:K]
    mixture = Mixture.of(np.full(K, 1 / K), means, np.stack([np.eye(D)] * K))
    fold = EStep.at(mixture, Frame.of(summarize(values)), "float64")
    assert fold.centers.any == bool(offset)
    assert 0.5 * fold.tile_bytes(D) < peak(fold, values) <= fold.tile_bytes(D)


def test_without_products_of_columns_a_survey_holds_less() -> None:
    fold = SurveyFold(0, 50, 5 * LEAF_ROWS, matrix=False)
    assert 0.4 * fold.tile_bytes(D) < peak(fold, rows()) <= fold.tile_bytes(D)
    assert fold.tile_bytes(D) < SurveyFold(0, 50, 5 * LEAF_ROWS).tile_bytes(D) / 3


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("rank", [1, 20])
def test_sums_along_factors_hold_what_is_projected(rank: int, offset: float) -> None:
    """Looked at alone, or about its own center, a component takes no more than that."""
    values = rows()
    means = offset + 0.1 * values[:K]
    noise = np.full((K, D, 1), 0.5)
    loadings = np.random.default_rng(1).standard_normal((K, D, rank)) / D
    covariances = np.concatenate([noise, loadings], axis=2)
    mixture = Mixture.of(np.full(K, 1 / K), means, covariances, f"lowrank-{rank}")
    fold = EStep.at(mixture, Frame.of(summarize(values)), "float64")
    assert fold.centers.any == bool(len(fold.density.suspects)) == bool(offset)
    # Room for a component that is looked at alone is there in any case.
    assert 0.3 * fold.tile_bytes(D) < peak(fold, values) <= fold.tile_bytes(D)


def test_columns_whose_products_do_not_fit_are_refused_before_anything_is_read() -> None:
    with pytest.raises(MemoryLimitError, match=r"Wanted a pass over .* to hold at most"):
        GaussianMixture(1).fit(np.zeros((3, 150_000)))
