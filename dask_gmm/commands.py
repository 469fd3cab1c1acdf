"""The commands: each makes a request of its options, opens a runner, calls its twin and prints.

The twins are the functions in ``dask_gmm.workflows``; they are imported when the options are known
to be right, so that neither ``--help`` nor a mistake waits for Dask.
"""

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dask_gmm.errors import UnmetError
from dask_gmm.options import json_option, options_of, settings_from
from dask_gmm.settings import (
    CallbackSettings,
    GenerateSettings,
    IngestSettings,
    ReportSettings,
    RunSettings,
)
from dask_gmm.settings import schema as settings_schema
from dask_gmm.settings_base import Settings
from dask_gmm.settings_cluster import RunnerSettings
from dask_gmm.settings_file import load_settings
from dask_gmm.settings_fit import FitSettings, SelectSettings
from dask_gmm.settings_rows import ImputeSettings, PredictSettings, ScoreSettings
from dask_gmm.settings_values import place

if TYPE_CHECKING:
    from dask_gmm.passes.cluster_spec import ClusterSpec
    from dask_gmm.passes.progress import Progress
    from dask_gmm.passes.runner import Runner
    from dask_gmm.workflows.callbacks import Callback
    from dask_gmm.workflows.run import Result

PATH, PLACE = click.Path(path_type=Path), click.Path(path_type=str)
S = TypeVar("S", bound=Settings)


@click.command()
@click.option("--rows", type=int, default=1_000_000, show_default=True, help="Number of rows.")
@click.option(
    "--out", type=PLACE, default="runs/demo", show_default=True, help="The folder to write."
)
def demo(rows: int, out: str) -> None:
    """Draw a data set, fit it, and print the truth beside the estimate."""
    from dask_gmm.workflows.demo import demo as twin

    with _at_work(RunnerSettings().spec()) as (runner, progress):
        result = twin(rows, place(out), runner, progress)
    _show(result, as_json=False)


@click.command()
@options_of(GenerateSettings, argument="out")
@options_of(RunnerSettings)
@json_option
def generate(as_json: bool, **values: Any) -> None:
    """Draw rows from a random Gaussian mixture, and write them to OUT with the truth beside."""
    settings, where = _settings(GenerateSettings, values)
    request = settings.request()
    from dask_gmm.workflows.generate import generate as twin

    _carry_out(twin, request, where, as_json)


@click.command()
@options_of(IngestSettings, argument=("source", "out"))
@json_option
def ingest(as_json: bool, **values: Any) -> None:
    """Read the rows of SOURCE, a file or folder of another format, and write them to OUT."""
    request = settings_from(IngestSettings, values).request()
    from dask_gmm.progress import open_progress
    from dask_gmm.workflows.ingest import ingest as twin

    with _plain_warnings(), open_progress(sys.stderr) as progress:
        result = twin(request, progress)
    _show(result, as_json)


@click.command()
@options_of(FitSettings, argument="data")
@options_of(CallbackSettings)
@options_of(RunnerSettings)
@json_option
def fit(callbacks: str | None, as_json: bool, **values: Any) -> None:
    """Fit a Gaussian mixture to the rows of DATA, a zarr array or a group that holds one."""
    settings, where = _settings(FitSettings, values)
    request = settings.request()
    told = _callbacks(settings_from(CallbackSettings, {"callbacks": callbacks}))
    from dask_gmm.workflows.fit import fit as twin

    _carry_out(twin, request, where, as_json, callbacks=told)


@click.command()
@options_of(SelectSettings, argument="data")
@options_of(CallbackSettings)
@options_of(RunnerSettings)
@json_option
def select(callbacks: str | None, as_json: bool, **values: Any) -> None:
    """Fit a grid of mixtures to the rows of DATA, all in the same readings, and choose one."""
    settings, where = _settings(SelectSettings, values)
    request = settings.request()
    told = _callbacks(settings_from(CallbackSettings, {"callbacks": callbacks}))
    from dask_gmm.workflows.select import select as twin

    _carry_out(twin, request, where, as_json, callbacks=told)


@click.command()
@options_of(PredictSettings, argument=("data", "model"))
@options_of(RunnerSettings)
@json_option
def predict(as_json: bool, **values: Any) -> None:
    """Write what MODEL says of each row of DATA: labels, probabilities, densities, anomalies."""
    settings, where = _settings(PredictSettings, values)
    request = settings.request()
    from dask_gmm.workflows.predict import predict as twin

    _carry_out(twin, request, where, as_json)


@click.command()
@options_of(ImputeSettings, argument=("data", "model"))
@options_of(RunnerSettings)
@json_option
def impute(as_json: bool, **values: Any) -> None:
    """Write the rows of DATA with what MODEL expects in the place of NaN, and all else as it is."""
    settings, where = _settings(ImputeSettings, values)
    request = settings.request()
    from dask_gmm.workflows.predict import predict as twin

    _carry_out(twin, request, where, as_json)


@click.command()
@options_of(ScoreSettings, argument=("data", "model"))
@options_of(RunnerSettings)
@json_option
def score(as_json: bool, **values: Any) -> None:
    """Say how well MODEL describes the rows of DATA, beside those that it was fitted to."""
    settings, where = _settings(ScoreSettings, values)
    request = settings.request()
    from dask_gmm.workflows.score import score as twin

    _carry_out(twin, request, where, as_json)


@click.command()
@click.argument("path", type=PLACE)
@json_option
def inspect(path: str, as_json: bool) -> None:
    """Say what lies at PATH: an array, a group, a model or a run folder."""
    from dask_gmm.workflows.inspect import inspect as twin

    with _plain_warnings():
        result = twin(place(path))
    _show(result, as_json)


@click.command()
@options_of(ReportSettings, argument="data")
@json_option
def report(as_json: bool, **values: Any) -> None:
    """Write one HTML page about DATA, the run folder of a fit or of a selection."""
    request = settings_from(ReportSettings, values).request()
    from dask_gmm.workflows.report import report as twin

    with _plain_warnings():
        result = twin(request)
    _show(result, as_json)


@click.command()
@click.argument("config", type=PATH)
@click.option(
    "--probe",
    type=int,
    default=0,
    show_default=True,
    help="Blocks of each step to read and measure, from which seconds are projected.",
)
@json_option
def plan(config: Path, probe: int, as_json: bool) -> None:
    """Say what the steps of CONFIG would take: blocks, tasks, passes, memory; write nothing."""
    _plan(load_settings(config), probe, as_json)


@click.command()
@click.argument("config", type=PATH)
@click.option("--dry-run", is_flag=True, help="Print the plan, as the command plan does.")
@json_option
def run(config: Path, dry_run: bool, as_json: bool) -> None:
    """Carry out the steps of CONFIG, a YAML file, in order."""
    settings = load_settings(config)
    if dry_run:
        _plan(settings, 0, as_json)
        return
    requests, told = settings.requests(), _callbacks(settings)
    from dask_gmm.workflows.run import run as twin

    _carry_out(twin, requests, settings.cluster.spec(), as_json, callbacks=told)


@click.command()
def schema() -> None:
    """Print the JSON schema of the file that `run` takes."""
    click.echo(json.dumps(settings_schema(), indent=2))


def _settings(verb: type[S], values: dict[str, Any]) -> "tuple[S, ClusterSpec]":
    """Settings of a verb, and where its passes run, from the options of a command."""
    where = {name: values.pop(name) for name in RunnerSettings.model_fields}
    return settings_from(verb, values), settings_from(RunnerSettings, where).spec()


def _callbacks(settings: CallbackSettings) -> "Sequence[Callback]":
    """Make the callbacks that settings name."""
    from dask_gmm.workflows.callbacks import callbacks_from

    return callbacks_from(settings.callbacks or ())


def _plan(settings: RunSettings, probe: int, as_json: bool) -> None:
    """Print the plan of a run; a run that does not fit in memory is an error all the same."""
    from dask_gmm.workflows.plan import plan as twin

    unwritten = settings.cluster.model_copy(update={"performance_report": None})
    with _at_work(unwritten.spec()) as (runner, _):
        result = twin(settings.requests(), runner, probe)
    _show(result, as_json)
    result.require()


def _carry_out(
    twin: Callable[..., "Result"],
    asked: object,
    where: "ClusterSpec",
    as_json: bool,
    **told: object,
) -> None:
    """Open a runner, have a twin do there what is asked, and show what comes of it."""
    with _shown_if_unmet(as_json), _at_work(where) as (runner, progress):
        result = twin(asked, runner, progress, **told)
    _show(result, as_json)


@contextmanager
def _at_work(spec: "ClusterSpec") -> "Iterator[tuple[Runner, Progress]]":
    """A runner and a progress display, open while a twin is at work."""
    from dask_gmm.passes.cluster import open_runner
    from dask_gmm.progress import open_progress

    with (
        _plain_warnings(),
        open_progress(sys.stderr) as progress,
        open_runner(spec, partial(click.echo, err=True)) as runner,
    ):
        yield runner, progress


@contextmanager
def _shown_if_unmet(as_json: bool) -> Iterator[None]:
    """Show a result also where it is an error that it is not as it was required."""
    try:
        yield
    except UnmetError as unmet:
        _show(unmet.result, as_json)
        raise


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Warnings as one line each, without the place in the code that raised them."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"Warning: {message}", err=True)
        yield


def _show(result: "Result", as_json: bool) -> None:
    from dask_gmm.records.json_text import json_text

    click.echo(json_text(result.to_json(), indent=2) if as_json else result.to_text())
