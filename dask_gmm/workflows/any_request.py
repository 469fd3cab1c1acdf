"""What any step of a run can be asked."""

from typing import TypeAlias

from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import GenerateRequest, IngestRequest
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest
from dask_gmm.workflows.select_request import SelectRequest

Request: TypeAlias = (
    GenerateRequest
    | IngestRequest
    | FitRequest
    | SelectRequest
    | PredictRequest
    | ScoreRequest
    | ReportRequest
)
