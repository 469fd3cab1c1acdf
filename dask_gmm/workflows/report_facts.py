"""The tables of a report: components, candidates, and what was asked of which rows."""

import math
from typing import Final

import numpy as np

from dask_gmm.mixture.projection import condition_numbers
from dask_gmm.workflows.report_run import KeptRun
from dask_gmm.workflows.report_tables import (
    Table,
    flat,
    of_columns,
    of_mapping,
    of_pairs,
    of_records,
    shown,
)
from dask_gmm.workflows.selection_text import selected_columns
from dask_gmm.workflows.text import numbers

# Facts of the manifest that have tables or lists of their own.
ELSEWHERE: Final = (
    *("levels", "notes", "dropped", "repairs", "warnings", "settings", "versions"),
    *("bad_chunks", "skipped_rows", "dropped_rows", "empty_rows", "cost", "parts"),
)
# What each of the short ones is called.
ENDING: Final = {
    "reason": "why it ended",
    "converged": "converged",
    "iterations": "iterations",
    "passes": "readings of all rows",
    "log_likelihood": "log-likelihood, nats per row",
    "left_to_gain": "left to gain, nats per row",
    "statistical_error": "statistical error, nats per row",
    "held_out": "rows held out, nats per row",
    "started": "started",
    "ended": "ended",
}
ORDER: Final = {
    "objective": "log-likelihood and log prior, nats per row",
    "order": "numbers of the components during the fit",
    "match": "matched to",
    "incremental": "one incremental step",
    "rows_read": "rows that it read, of which the log-likelihood is",
    "changes": "partitions",
    "merged_from": "components of all sizes merged from",
    "selection": "table of the candidates",
}


def components(run: KeptRun) -> Table:
    """Weights, condition numbers, and means and deviations in the columns to be shown."""
    mixture = run.model.mixture
    conditions, deviations = condition_numbers(mixture), np.sqrt(mixture.variances())
    columns = [
        ["component", *map(str, range(mixture.n_components))],
        ["weight", *(_short(weight) for weight in mixture.weights)],
        ["condition number", *(f"{each:,.3g}" for each in conditions)],
    ]
    for feature in run.features:
        unit = float(deviations[:, feature].min())
        means = numbers(mixture.means[:, feature], unit)
        spread = numbers(deviations[:, feature], unit)
        columns.append([f"mean of {run.name(feature)}", *means])
        columns.append([f"deviation of {run.name(feature)}", *spread])
    return of_columns("Components", columns)


def candidates(run: KeptRun) -> Table | None:
    """The candidates of a selection with their criteria; None for a fit."""
    if run.selected is None:
        return None
    places = ["candidate", *map(str, range(len(run.selected.entries)))]
    *named, marks = selected_columns(run.selected)
    marks = ["how it ended", *(mark or "converged" for mark in marks[1:])]
    return of_columns("Candidates of the selection", [places, marks, *named])


def dropped(run: KeptRun) -> Table:
    """The starts that another was preferred to."""
    return of_records("Dropped candidates", "candidate", run.manifest["dropped"])


def repairs(run: KeptRun) -> Table:
    """What had to be repaired, and when."""
    lines = tuple((shown(number), shown(text)) for number, text in run.manifest["repairs"])
    return Table("Repairs, with the numbers during the fit", ("iteration", "repair"), lines)


def ending(run: KeptRun) -> Table:
    """Why the run ended, and how good it is."""
    model, manifest = run.model, run.manifest
    lines = [(name, shown(manifest[key])) for key, name in ENDING.items()]
    if not model.incremental:
        lines += [("AIC", f"{model.aic:,.3f}"), ("BIC", f"{model.bic:,.3f}")]
    return of_pairs("How it ended", lines)


def data(run: KeptRun) -> Table:
    """Which rows were read, and how many of them were left out."""
    left_out = {
        "rows of bad chunks, skipped": run.manifest["skipped_rows"],
        "rows that are not finite, dropped": run.manifest["dropped_rows"],
        "rows without any value, left out": run.manifest["empty_rows"],
    }
    return of_mapping("Data", {**run.manifest["data"], **left_out})


def bad_chunks(run: KeptRun) -> Table:
    """Which chunks were skipped, and why."""
    lines = tuple(
        (each["chunk"], " to ".join(map(shown, each["rows"])), each["cause"])
        for each in run.manifest["bad_chunks"]
    )
    return Table("Bad chunks, skipped", ("chunk", "rows", "what was found"), lines)


def settings(run: KeptRun) -> Table:
    """What was asked."""
    asked = {**run.manifest["settings"], "SHA-256 of these": run.manifest["settings_sha256"]}
    return of_mapping("Settings", asked)


def versions(run: KeptRun) -> Table:
    """With what it was computed."""
    computed = {**run.manifest["versions"], "machines": run.manifest["machines"]}
    return of_mapping("Versions and machines", computed)


def others(run: KeptRun) -> Table:
    """The order of components, and all that the manifest has beside what stands elsewhere."""
    known = {*ELSEWHERE, *ENDING, "data", "machines", "settings_sha256"}
    rest = {ORDER.get(key, key): each for key, each in run.manifest.items() if key not in known}
    return of_pairs("Other facts", [*flat(rest)])


def _short(weight: float) -> str:
    return f"{weight:.2e}" if 0 < weight < 10**-4 or not math.isfinite(weight) else f"{weight:.5f}"
