"""The tables of a report, as texts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from dask_gmm.mixture.projection import condition_numbers
from dask_gmm.workflows.report_run import KeptRun
from dask_gmm.workflows.selection_text import selected_columns
from dask_gmm.workflows.text import numbers, variances

# Facts of the manifest that have tables or lists of their own.
ELSEWHERE: Final = (
    *("levels", "notes", "dropped", "repairs", "warnings", "settings", "versions"),
    *("bad_chunks", "skipped_rows", "dropped_rows", "cost", "parts"),
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
BEST: Final = ("log-likelihood of the best", "its change")
# What else a line of the history says of a pass, and what it is called.
TAKEN: Final = {
    "tasks": "tasks",
    "threads": "threads",
    "workers": "workers",
    "workers_lost": "workers lost",
    "attempts": "attempts",
    "retries": "tasks made again",
}
HELD: Final = {
    "decoded_bytes": "rows",
    "peak_bytes": "peak of the command",
    "worker_peak_bytes": "peak of a worker",
}
PART: Final = (
    *("started", "until", "interrupted", "first_pass", "last_pass"),
    *("host", "machines"),
)
ORDER: Final = {
    "order": "numbers of the components during the fit",
    "match": "matched to",
    "incremental": "one incremental step",
    "rows_read": "rows that it read, of which the log-likelihood is",
    "changes": "partitions",
    "merged_from": "components of all sizes merged from",
    "selection": "table of the candidates",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column names its lines.

    Parameters
    ----------
    caption : str
    headers : tuple of str
    lines : tuple of tuple of str
    numeric : bool
        Whether its cells are aligned as numbers are.
    """

    caption: str
    headers: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    numeric: bool = True


def components(run: KeptRun) -> Table:
    """Weights, condition numbers, and means and deviations in the columns to be shown."""
    mixture = run.model.mixture
    conditions, deviations = condition_numbers(mixture), np.sqrt(variances(mixture))
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
    return _of_columns("Components", columns)


def passes(run: KeptRun) -> Table:
    """What the history says of each pass."""
    return Table(
        "Passes over all rows",
        ("pass", "name", "seconds", "rows per second", *BEST, "candidates"),
        tuple(_pass(record) for record in run.history),
    )


def _pass(record: Mapping[str, Any]) -> tuple[str, ...]:
    values, change = record["log_likelihoods"], record["change"]
    best = f"{max(values):.8f}" if values else "none"
    gained = "none" if change is None else f"{change:.2e}"
    seconds, speed = f"{record['seconds']:.3f}", f"{record['rows_per_second']:,}"
    return (str(record["pass"]), record["name"], seconds, speed, best, gained, str(len(values)))


def costs(run: KeptRun) -> Table:
    """What each pass took, as the history says."""
    lines = (
        (
            str(record["pass"]),
            *(shown(record[name]) for name in TAKEN),
            *(_mebibytes(record[name]) for name in HELD),
        )
        for record in run.history
    )
    headers = (*TAKEN.values(), *(f"{name}, MiB" for name in HELD.values()))
    return Table("What the passes took", ("pass", *headers), tuple(lines))


def _mebibytes(size: int | None) -> str:
    return "none" if size is None else f"{size / 2**20:,.1f}"


def cost(run: KeptRun) -> Table:
    """What all passes took together."""
    return _of_mapping("What all of them took", run.manifest["cost"])


def parts(run: KeptRun) -> Table:
    """The calls that made the run, with the versions in which one differs from the last."""
    last = run.manifest["versions"]
    told = [
        {
            **{name.replace("_", " "): each[name] for name in PART},
            "other versions": dict(each["versions"].items() - last.items()) or None,
        }
        for each in run.manifest["parts"]
    ]
    return replace(_of_records("Parts of the run", "part", told), numeric=False)


def candidates(run: KeptRun) -> Table | None:
    """The candidates of a selection with their criteria; None for a fit."""
    if run.selected is None:
        return None
    places = ["candidate", *map(str, range(len(run.selected.entries)))]
    *named, marks = selected_columns(run.selected)
    marks = ["how it ended", *(mark or "converged" for mark in marks[1:])]
    return _of_columns("Candidates of the selection", [places, marks, *named])


def levels(run: KeptRun) -> Table:
    """The passes of the one that is kept, level by level."""
    return _of_records("Levels: samples, then all rows", "level", run.manifest["levels"])


def dropped(run: KeptRun) -> Table:
    """The starts that another was preferred to."""
    return _of_records("Dropped candidates", "candidate", run.manifest["dropped"])


def repairs(run: KeptRun) -> Table:
    """What had to be repaired, and when."""
    lines = tuple((shown(number), shown(text)) for number, text in run.manifest["repairs"])
    return Table("Repairs, with the numbers during the fit", ("iteration", "repair"), lines, False)


def ending(run: KeptRun) -> Table:
    """Why the run ended, and how good it is."""
    model, manifest = run.model, run.manifest
    lines = [(name, shown(manifest[key])) for key, name in ENDING.items()]
    if not model.incremental:
        lines += [("AIC", f"{model.aic:,.3f}"), ("BIC", f"{model.bic:,.3f}")]
    return _of_pairs("How it ended", lines)


def data(run: KeptRun) -> Table:
    """Which rows were read, and how many of them were left out."""
    left_out = {
        "rows of bad chunks, skipped": run.manifest["skipped_rows"],
        "rows that are not finite, dropped": run.manifest["dropped_rows"],
    }
    return _of_mapping("Data", {**run.manifest["data"], **left_out})


def bad_chunks(run: KeptRun) -> Table:
    """Which chunks were skipped, and why."""
    lines = tuple(
        (each["chunk"], " to ".join(map(shown, each["rows"])), each["cause"])
        for each in run.manifest["bad_chunks"]
    )
    return Table("Bad chunks, skipped", ("chunk", "rows", "what was found"), lines, numeric=False)


def settings(run: KeptRun) -> Table:
    """What was asked."""
    asked = {**run.manifest["settings"], "SHA-256 of these": run.manifest["settings_sha256"]}
    return _of_mapping("Settings", asked)


def versions(run: KeptRun) -> Table:
    """With what it was computed."""
    computed = {**run.manifest["versions"], "machines": run.manifest["machines"]}
    return _of_mapping("Versions and machines", computed)


def others(run: KeptRun) -> Table:
    """The order of components, and all that the manifest has beside what stands elsewhere."""
    known = {*ELSEWHERE, *ENDING, "data", "machines", "settings_sha256"}
    rest = {ORDER.get(key, key): each for key, each in run.manifest.items() if key not in known}
    return _of_pairs("Other facts", [*_flat(rest)])


def _flat(facts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in facts.items():
        name = f"{above}{key}".replace("_", " ")
        if isinstance(value, dict):
            yield from _flat(value, f"{name}: ")
        else:
            yield name, shown(value)


def _of_mapping(caption: str, facts: Mapping[str, Any]) -> Table:
    return _of_pairs(caption, [*_flat(facts)])


def _of_pairs(caption: str, pairs: Sequence[tuple[str, str]]) -> Table:
    return Table(caption, ("fact", "value"), tuple(pairs), numeric=False)


def _of_columns(caption: str, columns: Sequence[Sequence[str]]) -> Table:
    headers, *lines = zip(*columns, strict=True)
    return Table(caption, headers, tuple(lines))


def _of_records(caption: str, first: str, records: Sequence[Mapping[str, Any]]) -> Table:
    headers = tuple(records[0]) if records else ()
    lines = (
        (str(number), *(shown(each[name]) for name in headers))
        for number, each in enumerate(records)
    )
    return Table(caption, (first, *headers), tuple(lines))


def shown(value: Any) -> str:
    """Write a JSON value for people."""
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.10g}"
        case None | []:
            return "none"
        case list():
            return ", ".join(map(shown, value))
        case dict():
            return ", ".join(
                f"{name.replace('_', ' ')} {shown(each)}" for name, each in value.items()
            )
        case _:
            return str(value)


def _short(weight: float) -> str:
    return f"{weight:.2e}" if 0 < weight < 10**-4 or not math.isfinite(weight) else f"{weight:.5f}"
