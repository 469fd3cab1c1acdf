"""A fit that may be interrupted: it writes checkpoints, and goes on from the last one."""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from dask_gmm.data.source import Source
from dask_gmm.errors import DataError
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.checkpoint import Checkpoint, PassRecord
from dask_gmm.records.checkpoints import Checkpoints, Found
from dask_gmm.records.parts import Part, header_of, parts_in
from dask_gmm.records.run_folder import CHECKPOINTS, RunFolder
from dask_gmm.workflows.callbacks import Audience
from dask_gmm.workflows.course import Course, part_of
from dask_gmm.workflows.fit_rows import DataWarning, OnCheckpoint, fit_all, resume_all
from dask_gmm.workflows.left_out import NOTHING, Allowed
from dask_gmm.workflows.limits import Limits

# Between two passes over all rows, so many seconds of passes over samples may be made again.
SECONDS: Final = 10.0
# In the header of a checkpoint: which run it is of.
ASKED: Final = "asked"


class Keeper:
    """Writes a checkpoint after each pass over all rows, and now and then between two.

    With the first one, other interrupted runs are given up, where that is wanted: no sooner, since
    what is asked may turn out to be wrong until then.

    Parameters
    ----------
    folder : RunFolder
    checkpoints : Checkpoints
        In it.
    parts : tuple of Part
        Of the run, the present one last.
    """

    def __init__(
        self, folder: RunFolder, checkpoints: Checkpoints, parts: tuple[Part, ...]
    ) -> None:
        self._folder = folder
        self._checkpoints = checkpoints
        self._parts = parts
        self._passes = 0
        self._written = time.monotonic()

    def __call__(self, checkpoint: Checkpoint) -> None:
        """Write it, if it is its turn."""
        now, passes = time.monotonic(), len(checkpoint.passes)
        if passes > self._passes or now - self._written >= SECONDS:
            *before, part = self._parts
            here = part.at(passes, datetime.now(UTC))
            header = {**header_of((*before, here)), ASKED: self._folder.asked.mark}
            self._checkpoints.write(checkpoint, header)
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
    audience: Audience,
    allowed: Allowed = NOTHING,
) -> Course:
    """Fit specs together, or what is left of that to do; see `fit_all`.

    Parameters
    ----------
    folder : RunFolder
        That has been started.
    source, specs, n_init, runner, progress, limits, allowed
        See `fit_all`.
    audience : Audience
        Who hears of the passes that are still to be made.
    """

    def on_pass(record: PassRecord) -> None:
        folder.add_pass(record.to_json())
        waiting.append(record)

    def on_checkpoint(checkpoint: Checkpoint) -> None:
        keep(checkpoint)
        while waiting:  # who hears of a pass may take long, or never end: it is kept by then
            audience.pass_ended(waiting.pop(0).to_json())

    waiting: list[PassRecord] = []
    part, checkpoints = part_of(runner), folder.checkpoints
    found = _latest(checkpoints, folder) if checkpoints else None
    made = len(found.checkpoint.passes) if found else 0
    parts = (*parts_in(found.header if found else {}), part.after(made))
    keep: OnCheckpoint = (
        Keeper(folder, checkpoints, parts) if checkpoints else lambda checkpoint: None
    )
    passed_over = found.warnings if found else ()
    for text in passed_over:
        warnings.warn(text, DataWarning, stacklevel=2)
    told_to = (progress, on_pass, on_checkpoint)
    if found is None:
        outcomes = fit_all(source, specs, n_init, runner, *told_to, limits, allowed)
    else:
        before = found.checkpoint
        folder.take_up(record.to_json() for record in before.passes)
        outcomes = resume_all(source, before, runner, *told_to, limits)
    done = parts[-1].ended(len(outcomes.passes), datetime.now(UTC))
    told = (*folder.warnings, *passed_over, *outcomes.warnings)
    warned = replace(outcomes, warnings=told)
    return Course(warned, (*parts[:-1], done))


def _latest(checkpoints: Checkpoints, folder: RunFolder) -> Found | None:
    """Give the newest one, unless it was put there by hand, or restored to the wrong place."""
    found, mark = checkpoints.latest(), folder.asked.mark
    if found is None or found.header.get(ASKED, mark) == mark:
        return found
    raise DataError(
        f"Wanted checkpoints of this run in {folder.wip / CHECKPOINTS}, found those of another "
        "one, which was asked something else. Put this run's own there, or remove them to begin "
        "again."
    )
