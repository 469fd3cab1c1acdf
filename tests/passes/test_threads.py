"""The limit of threads is held while anybody needs it, and lifted after the last."""

import subprocess
import sys

# The limit is the process's, so each question is asked in a process of its own.
HEAD = """
import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_limits
from dask_gmm.passes.threads import ONE_THREAD

def threads():
    pools = ThreadpoolController().select(user_api="blas").info()
    return {pool["num_threads"] for pool in pools}

threadpool_limits(limits=2)
"""


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", HEAD + program], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_threads_are_limited_inside_and_restored_outside() -> None:
    program = "with ONE_THREAD: print(threads())\nprint(threads())"
    assert run(program).splitlines() == ["{1}", "{2}"]


def test_the_limit_stays_until_the_last_has_left() -> None:
    inner = "    with ONE_THREAD:\n        pass"
    program = f"with ONE_THREAD:\n{inner}\n    print(threads())\nprint(threads())"
    assert run(program).splitlines() == ["{1}", "{2}"]
