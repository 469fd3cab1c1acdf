"""A report as one HTML page that stands alone."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from dask_gmm.records.page import GENERATOR
from dask_gmm.workflows import report_course, report_facts
from dask_gmm.workflows.report_plot import Picture
from dask_gmm.workflows.report_run import KeptRun
from dask_gmm.workflows.selection_text import selected_lines

TEMPLATE: Final = "report.html"


def page(run: KeptRun, pictures: Mapping[str, Picture]) -> str:
    """Give the page; what is not a picture is escaped.

    Parameters
    ----------
    run : KeptRun
    pictures : mapping
        By name; none where they cannot be drawn.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files("dask_gmm.workflows").joinpath(TEMPLATE).read_text(encoding="utf-8")
    return environment.from_string(text).render(_values(run, pictures)) + "\n"


def _values(run: KeptRun, pictures: Mapping[str, Picture]) -> dict[str, Any]:
    names = ("components", "candidates", "dropped", "repairs", "bad_chunks")
    facts = ("ending", "data", "settings", "versions", "others")
    course = ("passes", "costs", "cost", "parts", "levels")
    tables = {name: getattr(report_facts, name)(run) for name in (*names, *facts)}
    tables |= {name: getattr(report_course, name)(run) for name in course}
    mixture, manifest = run.model.mixture, run.manifest
    return {
        "generator": GENERATOR,
        "name": run.path.name,
        "mixture": mixture,
        "model": run.model,
        "manifest": manifest,
        "selected": [] if run.selected is None else selected_lines(run.selected),
        "keeps_rows": run.rows is not None,
        "pictures": pictures,
        **tables,
    }
