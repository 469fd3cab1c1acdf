"""The limit of threads is held while anybody needs it, and lifted after the last."""

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits

from dask_gmm.passes.threads import ThreadLimit

assert np.linalg  # the library whose threads are counted


def blas_threads() -> set[int]:
    pools = ThreadpoolController().info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def test_threads_are_limited_inside_and_restored_outside() -> None:
    with threadpool_limits(limits=2):
        before = blas_threads()
        with ThreadLimit():
            assert blas_threads() == {1}
        assert blas_threads() == before


def test_the_limit_stays_until_the_last_has_left() -> None:
    limit = ThreadLimit()
    with threadpool_limits(limits=2):
        before = blas_threads()
        with limit:
            with limit:
                pass
            assert blas_threads() == {1}
        assert blas_threads() == before
