"""What folds derive from a tile: once for all who ask in a frame, in memory that does not grow."""

import numpy as np
import pytest

from dask_gmm.fitting.tiles import log_joint
from dask_gmm.mixture.estep import JointDensity
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.summary import summarize
from dask_gmm.passes.fold import Tile, Workspace

X = np.random.default_rng(0).standard_normal((300, 3))
MIXTURE = Mixture(
    np.array([0.3, 0.7]), np.array([[0.0, 1, 2], [1, 0, 0]]), np.stack([np.eye(3)] * 2), "full"
)


def density(shift: float) -> JointDensity:
    """One in a frame of its own."""
    frame = Frame.of(summarize(X + shift))
    centered = Mixture(
        MIXTURE.weights, MIXTURE.means - frame.shift, MIXTURE.covariances, MIXTURE.covariance_type
    )
    return JointDensity.of(centered, frame)


def test_frames_in_turns_do_not_disturb_each_other() -> None:
    first, second = density(0.0), density(0.5)
    together, alone = Tile(X, 0, Workspace()), Tile(X, 0, Workspace())
    expected = log_joint(alone, first).copy()
    for each in (first, second, first):
        found = log_joint(together, each)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_memory_does_not_grow_with_the_number_of_fits(dtype: type) -> None:
    workspace, frames = Workspace(), []
    sizes = []
    for shift in range(4):
        frames.append(density(float(shift)))  # kept, so that no other has its address
        log_joint(Tile(X.astype(dtype), 0, workspace), frames[-1])
        sizes.append(len(workspace._buffers))
    assert sizes == sizes[:1] * 4
