"""What all tests share."""

import os

from hypothesis import settings

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time tests wait for other processes."""
    return (os.cpu_count() or 1) + 1
