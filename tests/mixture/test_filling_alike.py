"""What is expected where components share a covariance is what is found component by component."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.filling_alike import Alike
from dask_gmm.mixture.filling_together import Together
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.gaps import Gaps
from dask_gmm.mixture.inverses import inverted, thinnest_of
from dask_gmm.mixture.summary import summarize
from tests.mixture.examples import LAW, random_mixture, rows_of, seeds

K, D = 3, 5


def both(seed: int, share: float) -> tuple[Alike, Together, Array, Array]:
    """Both ways, the rows that lack something, and responsibilities."""
    mixture, generator = random_mixture(seed, "tied", K, D), np.random.default_rng(seed)
    rows = rows_of(mixture, 12, seed)
    frame = Frame.of(summarize(rows))
    missing = generator.random(rows.shape) < share
    missing[0] = True
    gaps = Gaps.of(missing)
    assert gaps is not None
    z = np.where(missing, 0.0, (rows - frame.shift) * frame.scale).T.copy()
    density = JointDensity.of(mixture.moved(-frame.shift), frame)
    assert density.lacks_common
    weighed = generator.dirichlet(np.ones(K), len(rows)).T * generator.uniform(0.5, 3, len(rows))
    assert density.form is not None
    logits = density.form @ density.features.all_of(z)
    return Alike(gaps, density, z), Together(gaps, density, z), logits, weighed


@given(seed=seeds, share=st.sampled_from([0.05, 0.3, 0.8]))
@LAW
def test_both_ways_say_the_same(seed: int, share: float) -> None:
    one, other, logits, weighed = both(seed, share)
    found, wanted = logits.copy(), logits.copy()
    one.correct(found)
    other.correct(wanted)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-9)
    for k in range(K):
        np.testing.assert_allclose(one.expected(k), other.expected(k), rtol=1e-9, atol=1e-9)
        spread = other.spread(weighed[k], k)
        np.testing.assert_allclose(one.spread(weighed[k], k), spread, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.mean(weighed), other.mean(weighed), rtol=1e-9, atol=1e-9)
    mine, theirs = one.lacked(weighed), other.lacked(weighed)
    np.testing.assert_allclose(mine.first, theirs.first, rtol=1e-9, atol=1e-8)
    second = theirs.second.sum(axis=0)
    np.testing.assert_allclose(mine.second.sum(axis=0), second, rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(mine.entropy, theirs.entropy, rtol=1e-9, atol=1e-8)


@given(seed=seeds)
@LAW
def test_no_block_is_thinner_than_what_all_other_columns_leave(seed: int) -> None:
    generator = np.random.default_rng(seed)
    factor = np.triu(generator.standard_normal((D, D))) + np.diag(generator.uniform(0, 0.1, D))
    least, matrix = thinnest_of(factor), factor @ factor.T
    chosen = np.flatnonzero(generator.random(D) < 0.6)
    block = matrix[np.ix_(chosen, chosen)][..., None].copy()
    assert inverted(block)[1].min() >= least * (1 - 1e-6) - 1e-12
    variances, precisions = np.diagonal(np.linalg.inv(matrix)), np.diagonal(matrix)
    np.testing.assert_allclose(least, (1 / (variances * precisions)).min(), rtol=1e-4)
