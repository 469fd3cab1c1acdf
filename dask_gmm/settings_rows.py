"""Settings of the verbs that ask a fitted model about rows."""

from dask_gmm.settings_base import Settings
from dask_gmm.settings_values import Columns, RowRange, Where, with_rows
from dask_gmm.workflows.requests import Missing, MissingChunks
from dask_gmm.workflows.row_requests import PredictRequest, ScoreRequest


class AskingSettings(Settings):
    """What ``predict`` and ``score`` share: rows, and a model."""

    data: str
    """Path or address of a zarr array, of a group that holds one, or path of parquet files."""
    model: Where
    """A model, or a run folder."""
    array: str | None = None
    """Name of the array inside a group; by default x, else the only one with two axes."""
    columns: Columns | None = None
    """Columns to use, such as 0,2,5:8, or by names, a,b, where they have some; by default all."""
    rows: RowRange | None = None
    """Rows to use, as start:stop; by default all."""
    missing_chunks: MissingChunks = "error"
    """Whether a chunk that is not stored is an error, or reads as the fill value."""


class ImputeSettings(AskingSettings):
    """Settings of ``impute``: the zarr group to write rows to of which nothing is missing."""

    out: Where
    """The zarr group to write, with the rows as its array x."""
    overwrite: bool = False
    """Replace other predictions that are already there."""

    def request(self) -> PredictRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return PredictRequest(**with_rows(self), imputed=True, missing="em")


class PredictSettings(AskingSettings):
    """Settings of ``predict``: what to say of each row, and the zarr group to write it to."""

    out: Where
    """The zarr group to write, an array for each answer."""
    labels: bool = False
    """The most probable component of each row; the answer where no other is asked for."""
    probabilities: bool = False
    """The probability of every component."""
    log_density: bool = False
    """The logarithm of the density of the mixture, in nats."""
    top: int = 0
    """So many of the most probable components, and their probabilities."""
    anomaly_quantile: float | None = None
    """Mark rows of less density than 0.0001, 0.001, 0.01, 0.05 or 0.5 of the fitted rows."""
    imputed: bool = False
    """The rows, with what is expected in the place of missing values."""
    missing: Missing = "error"
    """Whether NaN is an error, or a value that is missing at random."""
    overwrite: bool = False
    """Replace other predictions that are already there."""

    def request(self) -> PredictRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return PredictRequest(**with_rows(self))


class ScoreSettings(AskingSettings):
    """Settings of ``score``: how well a model describes rows, and when that is an error."""

    against_quantile: float | None = None
    """Count rows of less density than this share of the fitted rows; 0.001 where it is known."""
    sample_weight: Where | None = None
    """A zarr array that says how often each row counts, at least 0, in chunks of the same rows."""
    fail_below: float | None = None
    """Exit with code 3 if log-likelihoods are lower than the fit's by more, in nats per row."""
    missing: Missing = "error"
    """Whether NaN is an error, or a value that is missing at random."""

    def request(self) -> ScoreRequest:
        """What is asked of the workflow; InputError if a value is outside its domain."""
        return ScoreRequest(**with_rows(self))
