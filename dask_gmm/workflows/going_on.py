"""A fit that may be interrupted: it writes checkpoints, and goes on from the last one."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from dask_gmm.data.source import Source
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.checkpoint import Checkpoint, PassRecord
from dask_gmm.records.checkpoints import Checkpoints
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.fit_rows import DataWarning, FitOutcomes, OnCheckpoint, fit_all, resume_all
from dask_gmm.workflows.limits import Limits

# Between two passes over all rows, so many seconds of passes over samples may be made again.
SECONDS: Final = 10.0


class Keeper:
    """Writes a checkpoint after each pass over all rows, and now and then between two.

    With the first one, other interrupted runs are given up, where that is wanted: no sooner, since
    what is asked may turn out to be wrong until then.
    """

    def __init__(self, folder: RunFolder, checkpoints: Checkpoints) -> None:
        self._folder = folder
        self._checkpoints = checkpoints
        self._passes = 0
        self._written = time.monotonic()

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Write it, if it is its turn."""
        now, passes = time.monotonic(), len(checkpoint.passes)
        if passes > self._passes or now - self._written >= SECONDS:
            self._checkpoints.write(checkpoint)
            if not self._passes:
                self._folder.give_up_others()
            self._passes, self._written = passes, now


def go_on(
    folder: RunFolder,
    source: Source,
    specs: Sequence[Spec],
    n_init: int,
    runner: Runner,
    progress: Progress,
    limits: Limits,
) -> FitOutcomes:
    """Fit specs together, or what is left of that to do; see `fit_all`.

    Parameters
    ----------
    folder : RunFolder
        That has been started.
    source, specs, n_init, runner, progress, limits
        See `fit_all`.
    """

    def on_pass(record: PassRecord) -> None:
        folder.add_pass(record.to_json())

    checkpoints = folder.checkpoints
    keep: OnCheckpoint = Keeper(folder, checkpoints) if checkpoints else lambda checkpoint: None
    found = checkpoints.latest() if checkpoints else None
    told = (*folder.warnings, *(found.warnings if found else ()))
    for text in told:
        warnings.warn(text, DataWarning, stacklevel=2)
    if found is None:
        outcomes = fit_all(source, specs, n_init, runner, progress, on_pass, keep, limits)
    else:
        before = found.checkpoint
        folder.take_up(record.to_json() for record in before.passes)
        outcomes = resume_all(source, before, runner, progress, on_pass, keep, limits)
    return replace(outcomes, warnings=(*told, *outcomes.warnings))
