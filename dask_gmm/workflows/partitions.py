"""Readings of partitions of the rows: their statistics at the parameters of a model."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.identity import identity_of_rows
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.source import Source
from dask_gmm.data.zarr_source import ZarrSource
from dask_gmm.fitting.partitions import Apart, ByPartition, KeptPartition, KeptPartitions
from dask_gmm.fitting.questions import EStep, Summarize
from dask_gmm.fitting.sample import SMALLEST_SAMPLE
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.mixture.frame import Frame
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import completed
from dask_gmm.mixture.typical import typical_covariance
from dask_gmm.passes.cost import Cost
from dask_gmm.passes.dask_source import DaskSource
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.records.checkpoint import PassRecord
from dask_gmm.workflows.refresh_request import rows_of

# What the last reading of a fit, or of a step, is called, which gives the statistics to keep.
LAST_READING: Final = "partitions"
OnPass: TypeAlias = Callable[[PassRecord], None]


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Partitions that lie one behind the other, and are read together.

    Parameters
    ----------
    source : Source
        Their rows and no others, as they are stored.
    rows : Source
        The same, as they are read.
    names : tuple of str
    edges : tuple of int
        Where in the source each begins, and the last one ends.
    """

    source: Source
    rows: Source
    names: tuple[str, ...]
    edges: tuple[int, ...]

    @classmethod
    def of(cls, source: Source, rows: Source, partitions: Mapping[str, range]) -> "Stretch":
        """Make one of neighbors, by their rows in the numbers of the array."""
        ranges = list(partitions.values())
        ends = (0, *(each.stop - ranges[0].start for each in ranges))
        return cls(source, rows, tuple(partitions), ends)

    def statistics(self, e_step: EStep) -> ByPartition:
        """Ask for the sums of an E-step, partition by partition."""
        density = e_step.density
        n_bytes = 8 * len(density.constants) * density.features.size
        return ByPartition(e_step, self.edges, n_bytes)

    def summaries(self) -> ByPartition:
        """Ask for the summary of each partition."""
        n_features = self.source.n_features
        return ByPartition(Summarize(), self.edges, 8 * n_features * (n_features + 4))

    def parts(
        self, statistics: Apart, summaries: Apart, centered: Mixture
    ) -> tuple[KeptPartition, ...]:
        """Put together what is to be kept of each, given what was summed at a mixture."""
        return tuple(self._part(i, statistics, summaries, centered) for i in range(len(self.names)))

    def known(self, parts: Mapping[str, KeptPartition]) -> Apart:
        """Give the summaries of its partitions, which were made before."""
        return Apart({i: parts[name].summary for i, name in enumerate(self.names)})

    def _part(self, i: int, statistics: Any, summaries: Any, centered: Mixture) -> KeptPartition:
        summary = summaries.answers[i]
        identity = identity_of_rows(self.source, self.edges[i], self.edges[i + 1])
        sums = completed(statistics.answers[i], centered, summary)
        return KeptPartition(self.names[i], identity, sums, summary)


class Readings:
    """Readings of some stretches of the rows, with a record of each."""

    def __init__(
        self,
        runner: Runner,
        progress: Progress,
        on_pass: OnPass,
        records: Sequence[PassRecord] = (),
    ) -> None:
        self._runner = runner
        self._progress = progress
        self._on_pass = on_pass
        self.records = list(records)

    def read(
        self, name: str, asked: Sequence[tuple[Stretch, Sequence[Fold]]]
    ) -> list[Sequence[Any]]:
        """Answer folds about each stretch; all of them together are one reading."""
        rows = sum(stretch.rows.layout.rows for stretch, _ in asked)
        self._progress.start_pass(name, rows)
        started = time.monotonic()
        answers = [self._runner.run(each.rows, folds, self._progress) for each, folds in asked]
        seconds, cost = time.monotonic() - started, _together([each.cost for each in answers])
        number, speed = len(self.records) + 1, rows / max(seconds, 1e-9)
        self.records.append(PassRecord(number, name, seconds, speed, (), None, cost))
        return list(answers)

    def end(self, log_likelihood: float | None = None) -> None:
        """Keep the record of the last reading, with the log-likelihood that it led to."""
        record, before = self.records[-1], self.records[-2].best if self.records[1:] else None
        if log_likelihood is not None:
            change = None if before is None else log_likelihood - before
            record = replace(record, log_likelihoods=(log_likelihood,), change=change)
        self.records[-1] = record
        note = "" if record.best is None else f"log-likelihood {record.best:.6f} nats per row"
        self._progress.end_pass(note)
        self._on_pass(record)


def _together(costs: Sequence[Cost]) -> Cost:
    """Give what several parts of a reading cost."""
    last = costs[-1]
    added = ("tasks", "workers_lost", "retries", "decoded_bytes")
    sums = {name: sum(getattr(each, name) for each in costs) for name in added}
    return replace(last, **sums, attempts=max(each.attempts for each in costs))


def partitions_at(partitions: Mapping[str, slice], source: Source) -> dict[str, range]:
    """Give the rows of each partition, by the numbers of the array; see `rows_of`."""
    first = first_row(source)
    return rows_of(partitions, range(first, first + source.layout.rows), source.name)


def first_row(source: Source) -> int:
    """Give the number that the array has for the first row of a source."""
    match source:
        case ArraySource() | ZarrSource() | ParquetSource() | RowsBeside():
            return source.first_row
        case DaskSource():
            return source.blocks.origin.first_row
    return 0


def kept_of_fit(
    stretch: Stretch, mixture: Mixture, survey: SurveyAnswer, precision: str, readings: Readings
) -> KeptPartitions:
    """Read all rows of a fit once more, for the statistics of its partitions at its mixture."""
    with ONE_THREAD:
        frame = Frame.of(survey.summary, stretch.source.number)
        centered = mixture.moved(-frame.shift)
        folds = [stretch.statistics(EStep.at(centered, frame, precision)), stretch.summaries()]
        first = survey.sample.first(SMALLEST_SAMPLE).in_row_order()
        typical = typical_covariance(first, survey.summary)
    pinned = replace(stretch, rows=stretch.rows.pinned(survey.digests))
    ((statistics, summaries),) = readings.read(LAST_READING, [(pinned, folds)])
    readings.end()
    with ONE_THREAD:
        return KeptPartitions(stretch.parts(statistics, summaries, centered), frame, typical)
