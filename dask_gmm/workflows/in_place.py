"""A run in the place of the one whose model it begins with, or follows."""

from dask_gmm.errors import BusyError
from dask_gmm.fitting.partitions import KeptPartitions
from dask_gmm.objects.location import Location
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.kinds import RUN_FOLDER
from dask_gmm.records.partitions_file import read_partitions
from dask_gmm.records.publish import is_moved, settle
from dask_gmm.workflows.asked_before import digest_of
from dask_gmm.workflows.models import model_at
from dask_gmm.workflows.order import Reference


def put_back(out: Location) -> None:
    """Put a run back that a crash moved away to replace it, before a model is looked for there.

    Raises
    ------
    BusyError
        If another call is replacing it.
    OutputError
        If the system does not let it.
    """
    if is_moved(out, RUN_FOLDER):
        with only_writer(out):
            settle(out, RUN_FOLDER)


def refuse_replaced(start: Reference | None, before: KeptPartitions | None, out: Location) -> None:
    """Refuse to go on with what another call has replaced since it was read; for the only writer.

    Parameters
    ----------
    start : Reference, optional
        The model that was read.
    before : KeptPartitions, optional
        What was read beside it.
    out : Path or Address
        The run that is to be replaced.

    Raises
    ------
    BusyError
        If both are not what lies there now.
    """
    if start is None or not _lies_in(start.path, out):
        return
    now = model_at(start.path).mixture
    same = digest_of(now) == digest_of(start.mixture)
    if same and before is not None:
        same = read_partitions(start.path, now).sha256 == before.sha256
    if not same:
        raise BusyError(
            f"Wanted the run in {out} as it was when it was read, found that another call has "
            "replaced it meanwhile. Run the same command again: it begins with the new one."
        )


def _lies_in(path: Location, out: Location) -> bool:
    place = path.resolve()
    return out.resolve() in (place, *place.parents)
