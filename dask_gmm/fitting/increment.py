"""One step of incremental EM: the M-step of statistics that were summed at different parameters.

Each partition's statistics are those of the last pass that read it. Replacing some of them and
taking the M-step never lowers the free energy (Neal and Hinton, 1998); it is the log-likelihood
alone where all were summed at the parameters of now.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np

from dask_gmm.fitting.partitions import KeptPartition
from dask_gmm.fitting.spec import Spec
from dask_gmm.mixture.centers import Centers
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep, m_step
from dask_gmm.mixture.prior import Prior
from dask_gmm.mixture.statistics import SufficientStatistics
from dask_gmm.mixture.summary import DataSummary


def unbounded(frame: Frame) -> Frame:
    """Give a frame for rows of which nothing is known but that sums of them are to be added."""
    return replace(frame, reach=np.full(len(frame.shift), np.inf))


def reaching(frame: Frame, summaries: Sequence[DataSummary]) -> Frame:
    """Give a frame that says how far the rows of summaries reach."""
    total = reduce(add, summaries)
    apart = np.maximum(total.maximum - frame.shift, frame.shift - total.minimum)
    return replace(frame, reach=np.maximum(apart * frame.scale, 0.0))


def increment(parts: Sequence[KeptPartition], last: Mixture, typical: Array, spec: Spec) -> MStep:
    """Give the parameters that the statistics of all partitions lead to.

    Parameters
    ----------
    parts : sequence of KeptPartition
        In one frame.
    last : Mixture
        The parameters before, with means about the frame's shift.
    typical : ndarray of shape (D, D)
        Covariance of typical rows.
    spec : Spec
        Whose solver, precision and ``reg_covar`` decide the M-step.
    """
    total = _total(parts, last, spec.precision)
    weighed = reduce(add, (each.summary.times(each.weight) for each in parts))
    if spec.solver == "em":
        return m_step(total, last, weighed, spec.reg_covar, spec.precision)
    summary = reduce(add, (each.summary for each in parts))
    prior = Prior.of(summary, last.family, typical=typical)
    return m_step(total, last, weighed, 0.0, spec.precision, prior)


def _total(parts: Sequence[KeptPartition], last: Mixture, precision: str) -> SufficientStatistics:
    """Add what was summed about different centers, about those of now."""
    frame, features = parts[0].statistics.frame, last.family.features(last.n_features)
    with np.errstate(over="ignore", invalid="ignore"):  # of rows without bounds
        density = JointDensity.of(last, unbounded(frame), precision)
    centers = Centers.of(last, density).of_all(frame, last.n_components)
    moved = (each.statistics.about(centers, features).times(each.weight) for each in parts)
    return reduce(add, moved)
