"""The first signal is raised in the main thread, the second ends the process at once."""

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os
from dask_gmm.signals import Stopped, stopping_in_order

try:
    with stopping_in_order():
        os.kill(os.getpid(), {first})
except Stopped as stopped:
    print(stopped.name, flush=True)
    if {second}:
        os.kill(os.getpid(), {second})
    print("went on", flush=True)
"""


def ended(first: int, second: int) -> tuple[int, list[str]]:
    program = PROGRAM.format(first=first, second=second)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    return done.returncode, done.stdout.split("\n")


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(
    first: signal.Signals, second: signal.Signals
) -> None:
    assert ended(first.value, second.value) == (-second.value, [first.name, ""])


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_after_the_first_signal_the_process_can_end_in_order(first: signal.Signals) -> None:
    assert ended(first.value, 0) == (0, [first.name, "went on", ""])
