"""Rows of which values are missing, and what is asked about them."""

import numpy as np
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.blocks import regular_layout
from dask_gmm.data.row_data import RowData
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary, summarize
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.mixture.examples import random_mixture, rows_of

EACH, D, K = 15, 4, 3
shares = st.sampled_from([0.02, 0.3, 0.7])


def with_gaps(rows: Array, share: float, seed: int = 0) -> Array:
    """The rows without a share of their values, but with one of each row."""
    generator = np.random.default_rng(seed)
    gone = generator.random(rows.shape) < share
    gone[np.arange(len(rows)), generator.integers(rows.shape[1], size=len(rows))] = False
    return np.where(gone, np.nan, rows)


def known(rows: Array) -> tuple[DataSummary, Frame]:
    summary = summarize(rows, incomplete=True).completed(np.eye(rows.shape[1]))
    return summary, Frame.of(summary)


def answer_of(fold: Fold, rows: Array, weights: Array | None = None) -> SufficientStatistics:
    beside = RowData(weights)
    source = ArraySource.of(rows, layout=regular_layout(len(rows), 20), beside=beside)
    (answer,) = ThreadRunner(2).run(source, [Incomplete(fold)], Silent())
    assert isinstance(answer, SufficientStatistics)
    return answer


def example(name: str, seed: int, share: float, offset: float = 0.0) -> tuple[Mixture, Array]:
    mixture = random_mixture(seed, name, K, D).moved(np.full(D, offset))
    return mixture, with_gaps(rows_of(mixture, EACH, seed), share, seed)
