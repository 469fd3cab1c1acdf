"""Settings as they are written down: one model per verb, read from YAML or a command line.

Each field is documented under it; the same text is the help of its option and stands in the JSON
schema. What a value may be is decided by the request that the settings make.
"""

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator

from dask_gmm.settings_base import Settings
from dask_gmm.settings_cluster import ClusterSettings
from dask_gmm.settings_fit import FitSettings, SelectSettings
from dask_gmm.settings_rows import ImputeSettings, PredictSettings, ScoreSettings
from dask_gmm.settings_values import ColumnNumbers, Columns, ImportPaths, Names, Where
from dask_gmm.workflows.any_request import Request
from dask_gmm.workflows.report_request import ReportRequest
from dask_gmm.workflows.requests import (
    FloatType,
    GenerateRequest,
    IngestRequest,
    MissingChunks,
    NonfiniteIn,
)


class GenerateSettings(Settings):
    """Settings of ``generate``: a data set to draw and to write as a zarr group."""

    out: Where
    """The zarr group to write."""
    rows: int
    """Number of rows."""
    features: int
    """Number of columns."""
    components: int
    """Number of components of the mixture."""
    seed: int = 0
    """Same seed, same rows."""
    dtype: FloatType = "float64"
    """Type in which the rows are stored."""
    chunk_rows: int | None = None
    """Rows per chunk; by default a chunk takes at most about 32 MB."""
    overlap: float = 0.01
    """Share of rows that the true mixture assigns to the wrong component."""
    imbalance: float = 1.0
    """Largest weight over smallest weight, at least 1."""
    condition: float = 10.0
    """Condition number of every covariance, from 1 to 1e12."""
    outliers: float = 0.0
    """Share of rows drawn from a wide box around all components instead, at most 0.5."""
    overwrite: bool = False
    """Replace a group that is already there."""

    def request(self) -> GenerateRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return GenerateRequest(**dict(self))


class IngestSettings(Settings):
    """Settings of ``ingest``: a source of another format, and the zarr group to write."""

    source: Where
    """An npy, npz, parquet, CSV, HDF5 or netCDF file; a folder of parquet or CSV files; or zarr."""
    out: Where
    """The zarr group to write."""
    array: str | None = None
    """Name of the array, where the source has several; its axes are rows and columns."""
    variables: Names | None = None
    """Arrays that are columns together, such as u,v,t: the axes that they share are the rows."""
    columns: Columns | None = None
    """Columns to take, such as 0,2,5:8, or by their names, a,b; by default all."""
    chunk_rows: int | None = None
    """Rows per chunk; by default a chunk takes at most about 32 MB."""
    standardize: bool = False
    """Subtract the mean of each column, and divide it by its standard deviation."""
    nonfinite: NonfiniteIn = "error"
    """Whether a value that is missing, NaN or infinite is an error, or is kept."""
    missing_chunks: MissingChunks = "error"
    """Whether a chunk that is not stored is an error, or reads as the fill value."""
    overwrite: bool = False
    """Replace an ingested group that is already there."""

    def request(self) -> IngestRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return IngestRequest(**dict(self))


class ReportSettings(Settings):
    """Settings of ``report``: a run, and the page to write about it."""

    data: Where
    """The run folder of a fit or of a selection."""
    out: Where | None = None
    """The page to write; by default report.html in the run folder."""
    features: ColumnNumbers | None = None
    """Columns of the model to show, such as 0,2,5, at most 6; by default the first three."""
    overwrite: bool = False
    """Replace a report that is already there."""

    def request(self) -> ReportRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return ReportRequest(**dict(self))


class CallbackSettings(Settings):
    """Who is told of the passes of fits and selections, and of their end."""

    callbacks: ImportPaths | None = None
    """Who is told of each pass and of the end, as package.module:factory, several with commas."""


class Step(Settings):
    """One step of a run: exactly one verb with its settings."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    generate: GenerateSettings | None = None
    """Draw a data set."""
    ingest: IngestSettings | None = None
    """Write rows of another format as a data set."""
    fit: FitSettings | None = None
    """Fit a mixture."""
    select: SelectSettings | None = None
    """Fit a grid of mixtures together, and choose one."""
    predict: PredictSettings | None = None
    """Write what a model says of rows."""
    impute: ImputeSettings | None = None
    """Write rows with what a model expects in the place of missing values."""
    score: ScoreSettings | None = None
    """Say how well a model describes rows."""
    report: ReportSettings | None = None
    """Write a page about a run."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        given = [name for name, verb in self if verb is not None]
        if len(given) != 1:
            keys, found = ", ".join(type(self).model_fields), ", ".join(given) or "none"
            raise ValueError(f"wanted exactly one of the keys {keys}, with settings, found {found}")
        return self

    def request(self) -> Request:
        """What is asked of the workflow of its verb."""
        verb: (
            GenerateSettings
            | IngestSettings
            | FitSettings
            | SelectSettings
            | PredictSettings
            | ImputeSettings
            | ScoreSettings
            | ReportSettings
        )
        verb = next(verb for _, verb in self if verb is not None)
        return verb.request()


class RunSettings(CallbackSettings):
    """A settings file: steps, carried out in order in one place."""

    steps: Annotated[tuple[Step, ...], Field(json_schema_extra={"minItems": 1})]
    """What to do, in order: each a mapping with one key, such as generate or fit."""
    cluster: ClusterSettings = ClusterSettings()
    """Where passes run; by default in threads of this process."""

    @model_validator(mode="after")
    def _some_step(self) -> Self:
        if not self.steps:
            raise ValueError("wanted at least one step, found none")
        return self

    def requests(self) -> tuple[Request, ...]:
        """What is asked of the workflows, in order."""
        return tuple(step.request() for step in self.steps)


def schema() -> dict[str, Any]:
    """The JSON schema of a settings file."""
    return RunSettings.model_json_schema()
