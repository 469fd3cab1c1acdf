"""One incremental step from yesterday's run: only partitions that are new or others are read."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import add
from typing import Final

import numpy as np

from dask_gmm.data.array_source import NO_DIGESTS
from dask_gmm.fitting.increment import increment, reaching
from dask_gmm.fitting.members import Evaluation
from dask_gmm.fitting.partitions import KeptPartition, KeptPartitions
from dask_gmm.fitting.questions import EStep
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import SurveyAnswer, SurveyFold
from dask_gmm.mixture.features import Array
from dask_gmm.mixture.model import Mixture
from dask_gmm.mixture.mstep import MStep
from dask_gmm.objects.location import Location
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.threads import ONE_THREAD
from dask_gmm.workflows.admission import inspected
from dask_gmm.workflows.changes import Changes, changes, stretches
from dask_gmm.workflows.course import Course, part_of
from dask_gmm.workflows.fit_rows import DataWarning, FitOutcomes
from dask_gmm.workflows.fit_task import Done, FitTask, Work
from dask_gmm.workflows.left_out import NOTHING, check_left
from dask_gmm.workflows.models import with_quantiles
from dask_gmm.workflows.order import Ordered, Reference, in_order
from dask_gmm.workflows.partitions import LAST_READING, Readings, Stretch, first_row

REASON: Final = "stopped: one incremental step from the statistics of partitions"
FIRST_READING: Final = "changed partitions"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """An incremental step: what it begins with, and what is read for it.

    Parameters
    ----------
    spec : Spec
    start : Reference
        The model that it begins with.
    kept : KeptPartitions
        What is kept beside that.
    partitions : tuple of str
        The names of today, in the order of the rows.
    changes : Changes
    forgetting : float
        What rows that are kept count, as a share of what they did.
    stretches : sequence of Stretch
        Of what is read.
    readings : Readings
    """

    spec: Spec
    start: Reference
    kept: KeptPartitions
    partitions: tuple[str, ...]
    changes: Changes
    forgetting: float
    stretches: Sequence[Stretch]
    readings: Readings

    def taken(self) -> tuple[Ordered, KeptPartitions, list[SurveyAnswer]]:
        """Read what has changed, take the M-step, and read the same rows once more.

        Returns
        -------
        ordered : Ordered
            The model, and the order in which its components are.
        kept : KeptPartitions
            The statistics of all partitions of today.
        surveys : list of SurveyAnswer
            Of each stretch.
        """
        shift = self.kept.frame.shift
        surveys, new, stretches = self._first_reading()
        old = {name: each.forgotten(self.forgetting) for name, each in self.changes.same.items()}
        parts = self._in_order({**old, **new})
        with ONE_THREAD:
            last = self.start.mixture.moved(-shift)
            step = increment(parts, last, self.kept.typical, self.spec)
        before = _log_likelihood(new.values())
        ordered = in_order(self._model(step, shift, before, parts), self.start)
        order = np.array(ordered.order, dtype=np.intp)
        old = {n: replace(p, statistics=p.statistics.reordered(order)) for n, p in old.items()}
        read = self._second_reading(stretches, new, ordered.model.mixture)
        found = self._in_order({**old, **read})
        after = replace(ordered.model.last, log_likelihood=_log_likelihood(read.values()))
        model = replace(ordered.model, history=(*ordered.model.history[:-1], after))
        kept = KeptPartitions(found, self.kept.frame, self.kept.typical)
        return replace(ordered, model=model), kept, surveys

    def _in_order(self, parts: Mapping[str, KeptPartition]) -> tuple[KeptPartition, ...]:
        return tuple(parts[name] for name in self.partitions)

    def _first_reading(self) -> tuple[list[SurveyAnswer], dict[str, KeptPartition], list[Stretch]]:
        """Sum what has changed at the parameters of the start; rows must be finite."""
        if not self.stretches:
            return [], {}, []
        n_features = self.start.mixture.n_features
        rows = sum(each.source.layout.rows for each in self.stretches)
        survey = SurveyFold(self.spec.seed, self.spec.sample_rows(rows, n_features), rows)
        with ONE_THREAD, np.errstate(over="ignore", invalid="ignore"):  # of rows without bounds
            centered = self.start.mixture.moved(-self.kept.frame.shift)
            e_step = EStep.at(centered, self.kept.frame, self.spec.precision)
        asked: list[tuple[Stretch, list[Fold]]] = [
            (each, [each.statistics(e_step), each.summaries(), survey]) for each in self.stretches
        ]
        answers = self.readings.read(FIRST_READING, asked)
        surveys = [answer for _, _, answer in answers]
        new: dict[str, KeptPartition] = {}
        for each, (statistics, summaries, answer) in zip(self.stretches, answers, strict=True):
            check_left(each.source, answer, NOTHING, 1)
            inspected(answer, each.source)
            with ONE_THREAD:
                found = each.parts(statistics, summaries, centered)
            new |= dict(zip(each.names, found, strict=True))
        self.readings.end(_log_likelihood(new.values()))
        pinned = [
            replace(each, rows=each.rows.pinned(answer.digests))
            for each, answer in zip(self.stretches, surveys, strict=True)
        ]
        return surveys, new, pinned

    def _second_reading(
        self, stretches: Sequence[Stretch], new: Mapping[str, KeptPartition], mixture: Mixture
    ) -> dict[str, KeptPartition]:
        """Sum the same rows at the parameters of now, which are measured by it."""
        if not stretches:
            return {}
        frame = reaching(self.kept.frame, [each.summary for each in new.values()])
        with ONE_THREAD:
            centered = mixture.moved(-frame.shift)
            e_step = EStep.at(centered, frame, self.spec.precision)
        asked = [(each, [each.statistics(e_step)]) for each in stretches]
        read: dict[str, KeptPartition] = {}
        for each, (statistics,) in zip(
            stretches, self.readings.read(LAST_READING, asked), strict=True
        ):
            with ONE_THREAD:
                found = each.parts(statistics, each.known(new), centered)
            read |= dict(zip(each.names, found, strict=True))
        self.readings.end(_log_likelihood(read.values()))
        return read

    def _model(
        self, step: MStep, shift: Array, before: float, parts: Sequence[KeptPartition]
    ) -> FittedMixture:
        """Give the model, whose parameters are not measured yet."""
        precision = self.spec.precision
        history = (Evaluation(before, precision, ()), Evaluation(np.nan, precision, step.repairs))
        rows = sum(each.rows for each in parts)
        read = sum(map(len, self.changes.read.values()))
        mixture = step.mixture.moved(shift)
        return FittedMixture(mixture, history, False, REASON, rows, rows_read=read)


def _log_likelihood(parts: Iterable[KeptPartition]) -> float:
    """Mean per row of some partitions, in nats; NaN if there are none."""
    found = [(each.statistics.log_likelihood, each.statistics.rows) for each in parts]
    if not found:
        return np.nan
    total, rows = map(sum, zip(*found, strict=True))
    return total / rows


def is_up_to_date(task: FitTask, out: Location) -> bool:
    """Whether an incremental step would replace the run it begins with by what that says already.

    Parameters
    ----------
    task : FitTask
    out : Path or Address
        Where the run folder is to be.

    Raises
    ------
    InputError
        If nothing tells whether a partition is as it was.
    """
    start, kept, partitions = task.reference, task.before, task.partitions
    if start is None or kept is None or partitions is None:
        return False
    if task.request.forgetting not in (None, 1.0) or start.path.resolve() != out.resolve():
        return False
    found = changes(partitions, task.source, kept, task.request.changed)
    return not found.read and not found.dropped


def refreshed(task: FitTask, work: Work) -> Done:
    """Take the incremental step of a task.

    Raises
    ------
    DataError
        If rows of what is read are not finite, damaged, or change meanwhile.
    """
    request, start, kept, partitions = task.request, task.reference, task.before, task.partitions
    # It is incremental.
    assert start is not None
    assert kept is not None
    assert partitions is not None
    part = part_of(work.runner)
    found = changes(partitions, task.source, kept, request.changed)
    read = stretches(request, found.read, work.runner)
    forgetting = 1.0 if request.forgetting is None else request.forgetting
    readings = Readings(work.runner, work.progress, work.on_pass)
    step = Step(task.spec, start, kept, tuple(partitions), found, forgetting, read, readings)
    ordered, today, surveys = step.taken()
    survey = _survey(today, read, surveys, first_row(task.source))
    looked_at = inspected(survey, task.source)
    for text in looked_at:
        warnings.warn(text, DataWarning, stacklevel=3)
    told = (*work.folder.warnings, *looked_at)
    model = with_quantiles(ordered.model, survey.sample) if read else ordered.model
    passes = tuple(readings.records)
    course = Course(
        FitOutcomes((model,), survey, passes, told), (part.ended(len(passes), datetime.now(UTC)),)
    )
    return Done(replace(ordered, model=model), course, today, found)


def _survey(
    kept: KeptPartitions, read: Sequence[Stretch], surveys: Sequence[SurveyAnswer], first: int
) -> SurveyAnswer:
    """Give the summary of all partitions, and the sample and digests of the rows that were read."""
    summary = reduce(add, (each.summary for each in kept.parts))
    if not read:
        n_features = len(summary.mean)
        none = Sample(0, np.empty(0, np.uint64), np.empty(0, np.int64), np.empty((0, n_features)))
        return SurveyAnswer(summary, none, NO_DIGESTS)
    samples = [
        replace(answer.sample, index=answer.sample.index + first_row(each.source) - first)
        for each, answer in zip(read, surveys, strict=True)
    ]
    digests = np.concatenate([each.digests for each in surveys])
    return SurveyAnswer(summary, Sample.smallest_of(samples), digests)
