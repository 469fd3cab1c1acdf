"""The main job in small: generate a data set, fit it out of core, hold it against the truth."""

from dataclasses import dataclass
from typing import Any

from dask_gmm.errors import OutputExistsError
from dask_gmm.mixture.matching import match, reordered
from dask_gmm.mixture.model import Mixture
from dask_gmm.objects.location import Location, location
from dask_gmm.passes.progress import Progress
from dask_gmm.passes.runner import Runner
from dask_gmm.records.kinds import DATA_GROUP, RUN_FOLDER
from dask_gmm.records.publish import refuse_existing
from dask_gmm.workflows.fit import fit
from dask_gmm.workflows.fit_request import FitRequest
from dask_gmm.workflows.fit_result import FitResult
from dask_gmm.workflows.generate import GenerateResult, generate
from dask_gmm.workflows.requests import GenerateRequest
from dask_gmm.workflows.text import comparison, covariances_table

FEATURES = 4
COMPONENTS = 3
OWN = ("data.zarr", "run")
LABELS = ("true", "estimated")


@dataclass(frozen=True, slots=True, eq=False)
class DemoResult:
    """The true mixture, and the estimated one with its components in the same order.

    Parameters
    ----------
    generated : GenerateResult
    fitted : FitResult
    truth, estimate : Mixture
    """

    generated: GenerateResult
    fitted: FitResult
    truth: Mixture
    estimate: Mixture

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        return {
            "generated": self.generated.to_json(),
            "fitted": self.fitted.to_json(),
            "true": _parameters(self.truth),
            "estimated": _parameters(self.estimate),
        }

    def to_text(self) -> str:
        """Give it as plain text: true and estimated parameters, line under line."""
        return "\n".join(
            [
                self.generated.summary(),
                "",
                self.fitted.summary(),
                "",
                comparison(self.truth, self.estimate, LABELS),
                "",
                covariances_table(self.truth, self.estimate, LABELS),
                "",
                f"data: {self.generated.out}, run folder: {self.fitted.out}",
            ]
        )


def demo(rows: int, out: Location, runner: Runner, progress: Progress) -> DemoResult:
    """Generate ``out/data.zarr`` from a known mixture and fit it to the run folder ``out/run``.

    Parameters
    ----------
    rows : int
        Rows to generate.
    out : Path or Address
        Folder for both; a generated data set and a run folder of these names are replaced.
    runner : Runner
        Where the passes run.
    progress : Progress
        Who hears of the passes.

    Raises
    ------
    OutputExistsError
        If there are other things in the folder, or others of these names.
    """
    _refuse_other(out)
    data, run = (out / name for name in OWN)
    for path, kind in ((data, DATA_GROUP), (run, RUN_FOLDER)):
        refuse_existing(location(path), overwrite=True, kind=kind)
    generated = generate(
        GenerateRequest(data, rows, FEATURES, COMPONENTS, imbalance=2.0, overwrite=True),
        runner,
        progress,
    )
    request = FitRequest(str(data), COMPONENTS, run, overwrite=True)
    fitted = fit(request, runner, progress)
    order = match(generated.truth, fitted.model.mixture).order
    return DemoResult(generated, fitted, generated.truth, reordered(fitted.model.mixture, order))


def _refuse_other(out: Location) -> None:
    inside = sorted(each.name for each in out.iterdir()) if out.is_dir() else []
    others = [name for name in inside if name not in OWN and not name.startswith(".")]
    if others:
        raise OutputExistsError(
            f"A demo is written to a folder of its own, but {out} holds {others[0]}. Choose "
            "another place."
        )


def _parameters(mixture: Mixture) -> dict[str, Any]:
    return {
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariances.tolist(),
    }
