"""The tables of a report about its course: passes, what they took, and parts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from dask_gmm.workflows.report_run import KeptRun
from dask_gmm.workflows.report_tables import Table, of_mapping, of_records, shown

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
PART: Final = ("interrupted", "first_pass", "last_pass", "host", "machines")


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
    return of_mapping("What all of them took", run.manifest["cost"])


def parts(run: KeptRun) -> Table:
    """The calls that made the run, with the versions in which one differs from the last."""
    last = run.manifest["versions"]
    told = [
        {
            "started": _second(each["started"]),
            "until": _second(each["until"]),
            **{name.replace("_", " "): each[name] for name in PART},
            "other versions": dict(each["versions"].items() - last.items()) or None,
        }
        for each in run.manifest["parts"]
    ]
    return of_records("Parts of the run", "part", told)


def _second(moment: str) -> str:
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def levels(run: KeptRun) -> Table:
    """The passes of the one that is kept, level by level."""
    return of_records("Levels: samples, then all rows", "level", run.manifest["levels"])
