"""What all tests share."""

import os

import pytest
from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time tests wait for other processes."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture
def small_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leaf for each stored chunk, and for 256 rows in memory: few rows have sums in a tree, too.

    Where they are one leaf, nothing is left to threads and workers that could change a byte.
    """
    for name in ("LEAF_BYTES", "ARRAY_LEAF_BYTES"):
        monkeypatch.setattr(f"dask_gmm.data.blocks.{name}", 1)
