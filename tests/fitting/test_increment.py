"""A step from statistics of partitions, which were summed at different parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_gmm.data.array_source import ArraySource
from dask_gmm.fitting.increment import increment, reaching, unbounded
from dask_gmm.fitting.partitions import KeptPartition
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import completed, m_step
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.progress import Silent
from dask_gmm.passes.runner import ThreadRunner
from tests.mixture.examples import FAMILY_NAMES, LAW, random_mixture, seeds

N, D, K = 400, 3, 2
ROWS = 2 * np.random.default_rng(5).standard_normal((N, D)) + 7
SUMMARY = summarize(ROWS)
FRAME = Frame.of(SUMMARY)
TYPICAL = np.cov(ROWS.T, bias=True)


def kept(rows: np.ndarray, mixture: Mixture, frame: Frame = FRAME) -> KeptPartition:
    fold, summary = EStep.at(mixture, frame, "float64"), summarize(rows)
    (sums,) = ThreadRunner(1).run(ArraySource.of(rows), [fold], Silent())
    return KeptPartition("a", None, completed(sums, mixture, summary), summary)


def spec(family: str, solver: str) -> Spec:
    return Spec(K, family, solver=solver, reg_covar=1e-3)


def near(some: Mixture, other: Mixture, atol: float = 1e-10) -> None:
    for name in ("weights", "means", "covariances"):
        np.testing.assert_allclose(getattr(some, name), getattr(other, name), atol=atol)


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("solver", ["em", "fast"])
@given(seed=seeds, cut=st.integers(10, N - 10))
@LAW
def test_of_one_set_of_parameters_it_is_the_m_step_of_all_rows(
    family: str, solver: str, seed: int, cut: int
) -> None:
    mixture = random_mixture(seed, family, K, D)
    (sums,) = ThreadRunner(1).run(
        ArraySource.of(ROWS), [EStep.at(mixture, FRAME, "float64")], Silent()
    )
    prior = Prior.of(SUMMARY, mixture.family, typical=TYPICAL)
    whole = (
        m_step(sums, mixture, SUMMARY, 1e-3)
        if solver == "em"
        else m_step(sums, mixture, SUMMARY, 0.0, prior=prior)
    )
    parts = [kept(ROWS[:cut], mixture), kept(ROWS[cut:], mixture)]
    step = increment(parts, mixture, TYPICAL, spec(family, solver))
    near(step.mixture, whole.mixture, atol=1e-9)


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_partition_of_weight_two_is_there_twice(family: str) -> None:
    mixture = random_mixture(1, family, K, D)
    one, other = kept(ROWS[:150], mixture), kept(ROWS[150:], mixture)
    asked = spec(family, "em")
    twice = increment([one, one, other], mixture, TYPICAL, asked)
    weighed = increment([replace(one, weight=2.0), other], mixture, TYPICAL, asked)
    near(weighed.mixture, twice.mixture, atol=1e-12)


@pytest.mark.parametrize("family", ["full", "diag", "spherical"])
def test_sums_about_other_centers_are_moved(family: str) -> None:
    """Thin components far from the shift have centers of their own, which differ from step to step.

    What they add up to is what numpy makes of the responsibilities.
    """
    tight = np.concatenate([ROWS[:200], 2e3 + 1e-3 * (ROWS[200:] - 7)])
    frame = Frame.of(summarize(tight))
    centers = np.array([[7.0] * D, [2e3] * D]) - frame.shift
    variances = np.array([4.0, 1e-6])
    wide = variances[:, None, None] * np.eye(D)
    covariances = {"full": wide, "diag": variances[:, None] * np.ones(D), "spherical": variances}
    old = Mixture.of([0.5, 0.5], centers, covariances[family], family)
    new = Mixture.of([0.5, 0.5], centers + 1e-4, covariances[family], family)
    parts = [kept(tight[:300], old, frame), kept(tight[300:], new, frame)]
    before, after = (each.statistics.centers for each in parts)
    assert before is not None
    assert after is not None
    assert not np.array_equal(before, after)
    asked = replace(spec(family, "em"), reg_covar=0.0)
    step = increment(parts, new, TYPICAL, asked).mixture
    thin = (tight[200:] - frame.shift).std(axis=0)
    deviations = np.sqrt(np.einsum("kdd->kd", step.full_covariances()))[1]
    wanted = thin if family != "spherical" else np.sqrt(np.mean(thin**2)) * np.ones(D)
    np.testing.assert_allclose(deviations, wanted, rtol=1e-6)


def test_a_frame_says_how_far_rows_reach() -> None:
    frame = reaching(unbounded(FRAME), [summarize(ROWS[:100]), summarize(ROWS[100:])])
    np.testing.assert_allclose(frame.reach, FRAME.reach)
    assert frame.same_as(FRAME)
    assert np.isinf(unbounded(FRAME).reach).all()
