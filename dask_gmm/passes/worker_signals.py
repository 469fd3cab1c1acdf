"""What a worker process does first, if it was started here: it leaves signals to who started it.

Ctrl-C in a terminal, and many a scheduler of jobs, tell all processes of a command to stop at once.
The one that was given the command ends the others in order.
"""

import logging
import signal

from distributed import Worker


def dask_setup(worker: Worker) -> None:
    """Ignore signals to stop; Dask calls this in a worker that is told to load this file."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    # A pass that is given up leaves tasks behind, which is worth no warning.
    logging.getLogger("distributed.worker.state_machine").setLevel(logging.ERROR)
