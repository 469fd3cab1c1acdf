"""Fit a grid of mixtures to stored rows in the same readings, and choose one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dask_gmm.data.source import Source
from dask_gmm.fitting.foreseen import knowing
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.fitting.sample import Sample
from dask_gmm.fitting.selected import Entry, Selected
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.candidates import CANDIDATES, candidate_name, write_candidates
from dask_gmm.records.model_file import load_model
from dask_gmm.records.run_folder import MODEL, RunFolder, read_manifest
from dask_gmm.records.sample_file import write_sample
from dask_gmm.workflows.about import model_facts, settings_of, spec_of
from dask_gmm.workflows.about_rows import facts_of, refuse_own_rows
from dask_gmm.workflows.asked_before import asked_of
from dask_gmm.workflows.callbacks import Audience, Callback
from dask_gmm.workflows.course import Course, seconds_of
from dask_gmm.workflows.fit_result import DONE_BEFORE, refuse_unconverged
from dask_gmm.workflows.fit_rows import FitOutcomes
from dask_gmm.workflows.going_on import go_on
from dask_gmm.workflows.in_place import put_back, refuse_replaced
from dask_gmm.workflows.left_out import NOTHING_LEFT_OUT, Allowed, LeftOut
from dask_gmm.workflows.limits import Limits
from dask_gmm.workflows.models import with_quantiles
from dask_gmm.workflows.order import Ordered, Reference, in_order, reference_at
from dask_gmm.workflows.select_request import SelectRequest
from dask_gmm.workflows.selection_file import TABLE, read_table, write_table
from dask_gmm.workflows.selection_plot import can_plot, plot
from dask_gmm.workflows.selection_text import selected_json, selected_text
from dask_gmm.workflows.sources import rows_for, source_for

PLOT: Final = "selection.svg"


@dataclass(frozen=True, slots=True, eq=False)
class SelectResult:
    """A selection, and the run folder that keeps it.

    Parameters
    ----------
    selected : Selected
        The table, and which is chosen.
    models : tuple of FittedMixture
        Of each entry of the table; components by decreasing weight.
    out : Path or Address
        The run folder.
    passes : int
        Readings of all rows, the survey included.
    seconds : float
    warnings : tuple of str
    done_before : bool
        Whether the run folder was there already, and nothing had to be done.
    left_out : LeftOut
        Rows that the fits did not see.
    """

    selected: Selected
    models: tuple[FittedMixture, ...]
    out: Location
    passes: int
    seconds: float
    warnings: tuple[str, ...]
    done_before: bool = False
    left_out: LeftOut = NOTHING_LEFT_OUT

    @property
    def chosen(self) -> int:
        """The place in the table of the one that is chosen."""
        return self.selected.entries.index(self.selected.winner)

    @property
    def model(self) -> FittedMixture:
        """The one that is chosen."""
        return self.models[self.chosen]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "out": str(self.out),
            "done_before": self.done_before,
            "passes": self.passes,
            "seconds": round(self.seconds, 3),
            **selected_json(self.selected),
            **self.left_out.to_json(),
            "warnings": list(self.warnings),
        }

    def to_text(self) -> str:
        """Give it as plain text: the table, which is chosen, and where all of it is."""
        readings = (
            f"{len(self.models)} candidates, {self.passes} readings of {self.selected.rows:,} "
            f"rows, {self.seconds:.1f} s"
        )
        places = [f"model: {self.out / MODEL}", f"all candidates: {self.out / CANDIDATES}"]
        picture = self.out / PLOT if can_plot() else "none, without the extra plot (matplotlib)"
        places.append(f"picture: {picture}")
        before = [DONE_BEFORE, ""] * self.done_before
        read = [readings, *self.left_out.to_text()]
        return "\n".join([*before, selected_text(self.selected), "", *read, *places])


def select(
    request: SelectRequest, runner: Runner, progress: Progress, callbacks: Sequence[Callback] = ()
) -> SelectResult:
    """Fit all mixtures of a grid, write the run folder, and choose one.

    Parameters
    ----------
    request : SelectRequest
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.
    callbacks : sequence of Callback
        Who is told what is written of them, and when the run is done.

    Raises
    ------
    InputError, DataError
        See `fit_rows`.
    MemoryLimitError
        If one candidate alone does not fit in memory; nothing has been read then.
    OutputExistsError, OutputError, BusyError
        See `fit`.
    NotConvergedError
        If the one that is chosen ended before it had converged, and was required to converge.
    """
    result = _selected(request, runner, progress, Audience(callbacks))
    if request.require_converged:
        refuse_unconverged(result.model, request.out, result)
    return result


def _selected(
    request: SelectRequest, runner: Runner, progress: Progress, audience: Audience
) -> SelectResult:
    specs = [spec_of(each) for each in request.cells()]
    put_back(location(request.out))
    allowed = Allowed.by(request)
    source = allowed.of(source_for(request))
    reference = reference_at(request.match, source)
    asked = asked_of("select", request, source, reference)
    folder = RunFolder(location(request.out), asked, request.overwrite)
    refuse_own_rows(source, folder.path)
    if folder.is_done():
        return stored_selection(folder.path)
    with folder.started() as ours:
        if ours is None:
            return stored_selection(folder.path)
        refuse_replaced(reference, None, folder.path)
        limits = _limits(request)
        with rows_for(source, runner, request.cache) as rows:
            asked_so = (specs, request.n_init, runner, progress, limits, audience)
            course = go_on(ours, rows, *asked_so, allowed)
        outcome = course.outcomes
        size = (source.layout.rows, source.n_features)
        sizes = [spec.sample_rows(*size) for spec in specs]
        ordered = _in_order(outcome, sizes, reference)
        result = _result(request, source, ordered, course)
        manifest = {
            **course.to_json(request.deadline),
            **settings_of(request),
            **facts_of(source, outcome.survey),
            **_ending(result, request.merged_from),
            **ordered[result.chosen].to_json(),
        }
        sample = outcome.survey.sample
        ours.finish(result.model, manifest, lambda wip: _write(result, sample, wip))
    audience.run_ended(read_manifest(folder.path), folder.path)
    return result


def _in_order(
    outcome: FitOutcomes, sizes: Sequence[int], reference: Reference | None
) -> tuple[Ordered, ...]:
    """Put components in order; each model knows quantiles of the rows of its own sample."""
    models = map(with_quantiles, outcome.models, map(outcome.survey.sample.first, sizes))
    labeled = outcome.survey.knows_labels
    return tuple(in_order(each, reference, numbered=labeled) for each in models)


def _result(
    request: SelectRequest, source: Source, ordered: Sequence[Ordered], course: Course
) -> SelectResult:
    outcome = course.outcomes
    models = tuple(each.model for each in ordered)
    labeled = outcome.survey.knows_labels
    asked = (knowing(spec_of(each), labeled=labeled) for each in request.cells())
    entries = tuple(map(Entry.of, asked, models))
    selected = Selected(entries, models[0].rows, request.criterion, models[0].mass)
    ended_so = (len(outcome.passes), course.seconds, outcome.warnings)
    left_out = LeftOut.of(source, outcome.survey)
    return SelectResult(selected, models, request.out, *ended_so, left_out=left_out)


def stored_selection(path: Location) -> SelectResult:
    """Read what a selection gave from its run folder.

    Raises
    ------
    DataError
        If it is damaged.
    """
    manifest, (selected, names) = read_manifest(path), read_table(path)
    models = tuple(load_model(path / CANDIDATES / name) for name in names)
    told = tuple(manifest["warnings"])
    seconds, left_out = seconds_of(manifest), LeftOut.kept_in(manifest)
    kept = (path, manifest["passes"], seconds, told)
    return SelectResult(selected, models, *kept, done_before=True, left_out=left_out)


def _limits(request: SelectRequest) -> Limits:
    by = request.criterion if request.drop_hopeless else None
    return Limits(request.max_passes, request.max_seconds, request.deadline, by)


def _ending(result: SelectResult, merged_from: int | None) -> dict[str, Any]:
    return {
        **model_facts(result.model),
        "selection": TABLE,
        "merged_from": merged_from,
    }


def _write(result: SelectResult, sample: Sample, folder: Location) -> None:
    """Write the table, its picture, all candidates and some rows into a folder in the making."""
    entries = result.selected.entries
    names = [
        candidate_name(number, each.covariance_type, each.n_components)
        for number, each in enumerate(entries)
    ]
    write_candidates(folder, names, result.models)
    write_sample(sample, result.selected.rows, folder)
    write_table(result.selected, names, folder)
    if can_plot():
        plot(result.selected, folder / PLOT)
