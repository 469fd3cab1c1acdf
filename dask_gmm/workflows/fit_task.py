"""What a fit has to do when all about it has been checked, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dask_gmm.data.source import Source
from dask_gmm.fitting.partitions import KeptPartitions
from dask_gmm.fitting.spec import Spec
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.asked import Asked
from dask_gmm.records.checkpoint import PassRecord
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.callbacks import Audience
from dask_gmm.workflows.changes import Changes
from dask_gmm.workflows.course import Course
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.order import Ordered, Reference


@dataclass(frozen=True, slots=True, eq=False)
class FitTask:
    """A fit, or an incremental step.

    Parameters
    ----------
    request : FitRequest
    source : Source
        All rows.
    spec : Spec
    reference : Reference, optional
        The model that it starts from, or that gives the order of the components.
    partitions : mapping of str to range, optional
        By the numbers of the array, in the order of the rows.
    before : KeptPartitions, optional
        What is kept beside the model that an incremental step starts from.
    """

    request: FitRequest
    source: Source
    spec: Spec
    reference: Reference | None
    partitions: Mapping[str, range] | None
    before: KeptPartitions | None

    def of_what_is_kept(self, asked: Asked) -> Asked:
        """Say what is asked of which statistics, too, where it begins with some."""
        if asked.data is None or self.before is None:
            return asked
        return replace(asked, data={**asked.data, "partitions_sha256": self.before.sha256})


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Where a task is done, and who hears of it.

    Parameters
    ----------
    folder : RunFolder
    runner : Runner
    progress : Progress
    audience : Audience
    """

    folder: RunFolder
    runner: Runner
    progress: Progress
    audience: Audience

    def on_pass(self, record: PassRecord) -> None:
        """Write a pass down, and tell of it."""
        self.folder.add_pass(record.to_json())
        self.audience.pass_ended(record.to_json())


@dataclass(frozen=True, slots=True, eq=False)
class Done:
    """What comes of a task.

    Parameters
    ----------
    ordered : Ordered
    course : Course
    kept : KeptPartitions, optional
    changes : Changes, optional
        What was read for it, where not all rows were.
    """

    ordered: Ordered
    course: Course
    kept: KeptPartitions | None = None
    changes: Changes | None = None
