"""Generate a data set: rows drawn from a random mixture, with the truth beside them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.truth import random_mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.seeds import generator
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.kinds import DATA_GROUP
from dask_gmm.workflows.drawing import RowsToDraw, usual_chunk_rows, write_group
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.text import mixture_table

NOT_SETTINGS: Final = ("out", "overwrite")
DONE_BEFORE: Final = "nothing to do: the data set is there, and was asked for in the same words"


@dataclass(frozen=True, slots=True, eq=False)
class GenerateResult:
    """A data set that was written.

    Parameters
    ----------
    out : Path or Address
        The group.
    rows, features : int
        Shape of its ``x``.
    dtype : str
        Type of its ``x``.
    chunk_rows : int
        Rows in a chunk.
    seed : int
    truth : Mixture
        From which the rows were drawn.
    chunks, kept : int
        Number of chunks, and of those that an interrupted run had finished.
    done_before : bool
        Whether the same data set was there already, and nothing had to be done.
    """

    out: Location
    rows: int
    features: int
    dtype: str
    chunk_rows: int
    seed: int
    truth: Mixture
    chunks: int
    kept: int
    done_before: bool = False

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values; the truth in full."""
        return {
            "out": str(self.out),
            "done_before": self.done_before,
            "rows": self.rows,
            "features": self.features,
            "dtype": self.dtype,
            "chunk_rows": self.chunk_rows,
            "seed": self.seed,
            "chunks": self.chunks,
            "chunks_kept": self.kept,
            "weights": self.truth.weights.tolist(),
            "means": self.truth.means.tolist(),
            "covariances": self.truth.covariances.tolist(),
        }

    def to_text(self) -> str:
        """Give it as plain text: what was written, and the true components."""
        return "\n".join([self.summary(), "", mixture_table(self.truth)])

    def summary(self) -> str:
        """Give two lines of plain text: what was written."""
        kept = f" ({self.kept} kept from an interrupted run)" if self.kept else ""
        before = f"{DONE_BEFORE}\n" if self.done_before else ""
        return (
            f"{before}{self.rows:,} rows x {self.features} columns of {self.dtype} in {self.out}\n"
            f"{self.chunks:,} chunks of {self.chunk_rows:,} rows{kept}, seed {self.seed}"
        )


def generate(request: GenerateRequest, runner: Runner, progress: Progress) -> GenerateResult:
    """Draw a random mixture, and rows from it, and write both as a zarr group.

    The same request gives the same bytes with any runner and any number of workers, and after any
    interruption. A group that was asked for in the same words is not drawn again.

    Parameters
    ----------
    request : GenerateRequest
    runner : Runner
        Where the rows are drawn.
    progress : Progress
        Who hears of it.

    Raises
    ------
    InputError
        If components with such weights cannot overlap as asked.
    OutputExistsError
        If another group is there already and may not be overwritten.
    OutputError
        If it cannot be written.
    MemoryLimitError
        If the projected memory does not fit.
    """
    truth = _truth(request)
    rows = RowsToDraw.of(
        truth, request.rows, request.seed, request.dtype, request.chunk_rows, request.outliers
    )
    chunks, kept, done = -(-rows.n_rows // rows.chunk_rows), 0, is_drawn(request)
    if not done:
        receipt = write_group(
            rows,
            request.out,
            _settings(request),
            runner,
            progress,
            overwrite=request.overwrite,
            is_done=lambda: is_drawn(request),
        )
        kept, done = (0, True) if receipt is None else (receipt.kept, False)
    return GenerateResult(
        out=request.out,
        rows=request.rows,
        features=request.features,
        dtype=request.dtype,
        chunk_rows=rows.chunk_rows,
        seed=request.seed,
        truth=truth,
        chunks=chunks,
        kept=kept,
        done_before=done,
    )


def is_drawn(request: GenerateRequest) -> bool:
    """Whether the data set is there already, asked for in the same words, and is to be kept."""
    if request.overwrite:
        return False
    facts = DATA_GROUP.facts(location(request.out)) or {}
    return facts.get("settings") == _settings(request)


def _truth(request: GenerateRequest) -> Mixture:
    with ONE_THREAD:
        return random_mixture(
            request.components,
            request.features,
            overlap=request.overlap,
            imbalance=request.imbalance,
            condition=request.condition,
            generator=generator(request.seed, "truth"),
        )


def _settings(request: GenerateRequest) -> dict[str, Any]:
    """Everything that was asked but where to put it."""
    names = (name for name in request.__slots__ if name not in NOT_SETTINGS)
    settings = {name: getattr(request, name) for name in names}
    usual = usual_chunk_rows(request.rows, request.features, np.dtype(request.dtype).itemsize)
    return {**settings, "chunk_rows": min(request.chunk_rows or usual, request.rows)}
