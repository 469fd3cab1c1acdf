"""Whether the outputs of steps can be put in their places, looked at before any step is begun."""

from collections.abc import Callable

from dask_gmm.objects.either import is_there
from dask_gmm.objects.location import Location, location
from dask_gmm.records.asked import Asked
from dask_gmm.records.kinds import DATA_GROUP, INGESTED, PREDICTIONS, RUN_FOLDER, Kind
from dask_gmm.records.run_folder import RunFolder
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.asked_before import in_few_words, was_asked
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.generate import is_drawn
from dask_gmm.workflows.ingest import is_ingested
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest, IngestRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest


def refuse_output(request: Request, refuse: Callable[[Location, bool, Kind], None]) -> None:
    """Refuse a step whose output could not be put in its place.

    Parameters
    ----------
    request : request
    refuse : callable
        `dask_gmm.records.publish.refuse_occupied`, or `refuse_taken`, which writes nothing.

    Raises
    ------
    InputError, OutputExistsError, OutputError
        See there.
    """
    match request:
        case ScoreRequest() | ReportRequest():
            return
        case PredictRequest():
            # Beside a model that an earlier step makes, in a folder that is not yet there, too.
            out = location(request.out)
            if is_there(out) and not PREDICTIONS.is_at(out):
                refuse(out, request.overwrite, PREDICTIONS)
        case GenerateRequest():
            if not is_drawn(request):
                refuse(location(request.out), request.overwrite, DATA_GROUP)
        case IngestRequest():
            if not is_ingested(request):
                refuse(location(request.out), request.overwrite, INGESTED)
        case FitRequest() | SelectRequest():
            verb = "fit" if isinstance(request, FitRequest) else "select"
            if not request.overwrite and was_asked(verb, request):
                return
            refuse(location(request.out), request.overwrite, RUN_FOLDER)
            asked = Asked(verb, in_few_words(request), None)
            RunFolder(location(request.out), asked, request.overwrite).refuse_other_words()
