"""Readings of all rows of a source: the survey, then pass after pass, with a record of each."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from dask_gmm.data.array_source import ArraySource
from dask_gmm.data.source import Layout, Source
from dask_gmm.errors import MemoryLimitError
from dask_gmm.fitting.foreseen import largest_e_step
from dask_gmm.fitting.held_out import check_shares
from dask_gmm.fitting.incomplete import Incomplete
from dask_gmm.fitting.levels import LARGEST_SAMPLE_BYTES, levels_of
from dask_gmm.fitting.members import Member
from dask_gmm.fitting.questions import ALL_ROWS, Question, Rows
from dask_gmm.fitting.spec import Spec
from dask_gmm.fitting.survey import Survey, SurveyAnswer, SurveyFold
from dask_gmm.passes.cost import Cost
from dask_gmm.passes.fold import Fold
from dask_gmm.passes.held import HeldHere
from dask_gmm.passes.memory import bytes_of
from dask_gmm.passes.progress import Progress, Silent
from dask_gmm.passes.runner import Runner, ThreadRunner
from dask_gmm.records.checkpoint import Checkpoint, PassRecord
from dask_gmm.workflows.admission import (
    check,
    check_distinct,
    check_present,
    inspected,
    least_rows,
    refuse_other_rows,
)
from dask_gmm.workflows.left_out import NOTHING, Allowed, check_left, rows_left, told
from dask_gmm.workflows.missing import (
    Guess,
    asked_of,
    check_columns,
    largest_asked,
    told_missing,
)
from dask_gmm.workflows.weighing import first_pass, told_weights, weighed

# Bytes of rows of the sample that are held in the order of the data.
LARGEST_SAMPLES: Final = 2 * LARGEST_SAMPLE_BYTES
# What a reading is called that answers the questions of some candidates only.
IN_PART: Final = ", in part"


class Trip:
    """Carries questions to rows and keeps count; the effects of a fit are here."""

    def __init__(
        self,
        source: Source,
        runner: Runner,
        progress: Progress,
        on_pass: Callable[[PassRecord], None] = lambda record: None,
        allowed: Allowed = NOTHING,
    ) -> None:
        self._source = source
        self._allowed = allowed
        self._samples: dict[Rows, ArraySource] = {}
        self._runner = runner
        # The sample is in this process, and asked about often.
        self._here = runner if isinstance(runner, ThreadRunner) else ThreadRunner()
        self._progress = progress
        self._on_pass = on_pass
        self._about = ALL_ROWS
        self._last: tuple[str, float, int, Cost] | None = None
        self._surveyed: SurveyAnswer | None = None
        self._in_sample = 0
        self._started = time.monotonic()
        self._before = 0.0
        self.records: list[PassRecord] = []
        self.warnings: tuple[str, ...] = ()

    def survey(self, specs: Sequence[Spec]) -> SurveyAnswer:
        """Make the first pass; what it read is what every later pass must read.

        Parameters
        ----------
        specs : sequence of Spec
            What will be fitted; all have the seed, and the rows held out, of the first.

        Raises
        ------
        InputError
            If there are fewer rows than components, or the start has other columns.
        DataError
            If rows are not finite, or damaged, and may not be left out. That all chunks are there
            is looked at before any is read, unless bad ones may be left out.
        MemoryLimitError
            If one of them alone does not fit in memory.
        """
        for each in specs:
            check(self._source, each, self._allowed.missing)
        allowed, fold = self._allowed, first_pass(specs, self._source, self._allowed)
        self._runner.outlook(self._source, [fold]).require(self._source.name)
        n_features = self._source.n_features
        later = self._runner.beside(fold.kept_bytes(n_features))
        largest = largest_asked(largest_e_step(specs, n_features), allowed)
        later.outlook(self._source, [largest]).require(self._source.name)
        least = max(map(least_rows, specs))
        fold = weighed(fold, self._source, specs, self._runner, self._progress)
        answer = self._survey(fold, least)
        self._know(answer)
        if specs[0].held_out.any:
            left = rows_left(self._source, answer)
            check_shares(left, answer.summary.rows, least, self._source.name)
        return answer

    def _survey(self, fold: SurveyFold, least: int) -> SurveyAnswer:
        """Make the first pass, once more where so few rows were left that the sample is short."""
        for _ in range(2):
            answer: SurveyAnswer = self._read(self._source, [fold], "survey")[0]
            self._record(())
            check_left(self._source, answer, self._allowed, least)
            check_columns(self._source, answer)
            if not answer.leaves_out or len(answer.sample.rows) >= min(fold.size, answer.seen):
                break
            of_all = self._source.layout.rows - answer.weightless
            fold = replace(fold, usable=rows_left(self._source, answer) / (2 * of_all))
        return answer

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on after the passes of a checkpoint instead of making them.

        Raises
        ------
        DataError
            If the rows are not cut into leaves as they were then, or chunks are absent.
        """
        refuse_other_rows(self._source, checkpoint)
        self.records.extend(checkpoint.passes)
        self._before = sum(each.seconds for each in checkpoint.passes)
        self._know(checkpoint.survey)
        check_present(self._source)

    def checkpoint(self, members: Sequence[Member]) -> Checkpoint:
        """Give what is needed to go on from here."""
        passes, layout = tuple(self.records), self._source.layout
        return Checkpoint(self.answer, tuple(members), passes, layout)

    def _know(self, answer: SurveyAnswer) -> None:
        left_out = (*told(self._source, answer), *told_missing(self._source, answer))
        beside = told_weights(self._source, answer)
        self.warnings = (*left_out, *beside, *inspected(answer, self._source))
        self._guess: Guess | None = None
        self._source = self._source.pinned(answer.digests, answer.bad_chunks)
        self._surveyed = answer
        kept = answer.sample.kept_bytes
        here = bytes_of(self._source) if isinstance(self._source, HeldHere) else 0
        self._runner, self._here = self._runner.beside(kept), self._here.beside(kept + here)

    @property
    def answer(self) -> SurveyAnswer:
        """What the survey brought home."""
        assert self._surveyed is not None  # nothing is asked before the survey
        return self._surveyed

    @property
    def _known_gaps(self) -> Guess:
        """What is guessed about what is missing, for a start."""
        if self._guess is None:
            self._guess = Guess.of(self.answer)
        return self._guess

    def known(self, specs: Sequence[Spec]) -> list[Survey]:
        """Make the survey, and give what the candidates of each spec know of it.

        They share the frame, and with it what is made of a tile, and the levels that are the same.

        Raises
        ------
        InputError
            If a start is to be drawn for more components than there are different rows.
        """
        answer = self.survey(specs)
        for spec in specs:
            check_distinct(answer.sample, spec, self._source.name)
        guess, sample = self._known_gaps, answer.sample
        summary = guess.completed(answer.summary)
        seen = summary.rows, len(summary.mean)
        sizes, few = [s.level_sizes(*seen) for s in specs], [s.loose_rows(*seen) for s in specs]
        wanted = {size for each in (*sizes, few) for size in each if size}
        levels = levels_of(sample, wanted, guess.correlation)
        typical = guess.typical(sample, summary)
        whole = Survey.of(summary, self._source.number, typical=typical, centers=answer.centers)
        below = [tuple(levels[size] for size in each) for each in sizes]
        return [
            replace(whole, levels=(*each, *whole.levels), few=levels.get(size))
            for each, size in zip(below, few, strict=True)
        ]

    @property
    def seconds(self) -> float:
        """Since the fit began; of an interrupted one, with the seconds of its passes until then."""
        return self._before + time.monotonic() - self._started

    def run_pass(self, rows: Rows, questions: list[Question]) -> Sequence[Any]:
        """Answer questions about the same rows in one reading."""
        self._about = rows
        folds = [question.fold for question in questions]
        if rows.are_all:
            asked = asked_of(folds, self.answer)
            return self._read(self._source, asked, f"EM pass {len(self.records)}")
        asked = [Incomplete(fold) for fold in folds] if self.answer.incomplete else folds
        return self._ask_sample(self._sampled(rows), asked)

    def _ask_sample(self, source: Source, folds: Sequence[Fold]) -> Sequence[Any]:
        """Answer questions about a sample; all of them in a row are told of as one pass."""
        if not self._in_sample:
            self._progress.start_pass("sample", source.layout.rows)
        self._in_sample += 1
        try:
            return self._here.run(source, folds, Silent())
        except MemoryLimitError:
            if len(folds) == 1:
                raise
        half = len(folds) // 2
        first = self._ask_sample(source, folds[:half])
        return (*first, *self._ask_sample(source, folds[half:]))

    def leave_sample(self) -> None:
        """End what is told of passes over the sample."""
        if self._in_sample:
            self._progress.end_pass("")
        self._in_sample = 0

    def _sampled(self, rows: Rows) -> Source:
        """Give some of the sample; what was asked about last is kept, up to a number of bytes."""
        found = self._samples.pop(rows, None) or self._chosen(rows)
        held = found.rows.nbytes + sum(each.rows.nbytes for each in self._samples.values())
        while self._samples and held > LARGEST_SAMPLES:
            held -= self._samples.pop(next(iter(self._samples))).rows.nbytes
        self._samples[rows] = found
        return found

    def _chosen(self, rows: Rows) -> ArraySource:
        sample = self.answer.sample.first(rows.size)
        if rows.drawn is None:
            ordered = sample.in_order
            values = ordered.in_row_order()
            values = self._known_gaps.filled(values) if rows.at_once else values
            leaves = Layout(np.array([0, len(values)])) if rows.at_once else None
            source = ArraySource.of(values, layout=leaves)
            return replace(source, weights=ordered.counts, labels=ordered.labels)
        values, weights = rows.drawn.joined(sample)
        return replace(ArraySource.of(values), weights=weights)

    def keep(self, members: Sequence[Member]) -> None:
        """Record the pass that has just ended, unless it was over the sample."""
        if self._about.are_all:
            last = [member.history[-1] for member in members if member.history]
            objectives = (each.objective for each in last)
            told = tuple(each for each in objectives if each is not None)
            self._record(tuple(each.log_likelihood for each in last), told)

    def _read(self, source: Source, folds: Sequence[Fold], name: str) -> Sequence[Any]:
        self.leave_sample()
        self._progress.start_pass(name, source.layout.rows)
        started = time.monotonic()
        try:
            reading = self._runner.run(source, folds, self._progress)
        except MemoryLimitError:
            if len(folds) == 1:
                raise
            return self._read_in_groups(source, folds, name)
        self._last = (name, time.monotonic() - started, source.layout.rows, reading.cost)
        return reading

    def _read_in_groups(self, source: Source, folds: Sequence[Fold], name: str) -> Sequence[Any]:
        """Ask half of the questions, and then the others, in a reading each."""
        half, part = len(folds) // 2, f"{name.removesuffix(IN_PART)}{IN_PART}"
        first = self._read(source, folds[:half], part)
        self._record(())
        return (*first, *self._read(source, folds[half:], part))

    def _record(
        self, log_likelihoods: tuple[float, ...], objectives: tuple[float, ...] = ()
    ) -> None:
        assert self._last is not None
        name, seconds, rows, cost = self._last
        number, speed = len(self.records) + 1, rows / max(seconds, 1e-9)
        best = max(log_likelihoods, default=None)
        before = next((each.best for each in reversed(self.records) if each.log_likelihoods), None)
        change = None if best is None or before is None else best - before
        record = PassRecord(number, name, seconds, speed, log_likelihoods, change, cost, objectives)
        self.records.append(record)
        self._progress.end_pass(_note(log_likelihoods))
        self._on_pass(record)


def _note(log_likelihoods: tuple[float, ...]) -> str:
    return f"log-likelihood {max(log_likelihoods):.6f} nats per row" if log_likelihoods else ""
