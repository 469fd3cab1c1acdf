"""The table of a selection, for people and for programs."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from dask_gmm.fitting.selected import CRITERIA, Entry, Selected
from dask_gmm.fitting.stopping import statistical_error
from dask_gmm.workflows.text import table

NAMES: Final = {"bic": "BIC", "aic": "AIC", "icl": "ICL", "held_out": "rows held out"}
NOTHING: Final = "-"


def selected_json(selected: Selected) -> dict[str, Any]:
    """Give a selection as JSON values: candidates are named by their places in the list."""
    places = {id(each): place for place, each in enumerate(selected.entries)}

    def place(entry: Entry | None) -> int | None:
        return None if entry is None else places[id(entry)]

    return {
        "criterion": selected.criterion,
        "chosen": place(selected.winner),
        "best_by": {name: place(selected.winner_by(name)) for name in CRITERIA},
        "simplest_within_error": place(selected.simplest_within_error),
        "rows": selected.rows,
        **({} if selected.mass is None else {"sum_of_weights": selected.mass}),
        "candidates": [asdict(each) for each in selected.entries],
    }


def selected_text(selected: Selected) -> str:
    """Give a selection as plain text: a line for each candidate, which is chosen, and why not."""
    return "\n".join([table(selected_columns(selected)), "", *selected_lines(selected)])


def selected_columns(selected: Selected) -> list[list[str]]:
    """Give the table of a selection, column by column, each with its name before its cells."""
    return [*_about(selected), *_criteria(selected), _marks(selected)]


def selected_lines(selected: Selected) -> list[str]:
    """Say which is chosen, which is the best otherwise, and how fits ended too early."""
    return [*_winners(selected), *_endings(selected)]


def named(entry: Entry, others: Sequence[Entry]) -> str:
    """Name a candidate by what tells it from others."""
    several = len({each.init for each in others}) > 1
    plural = "" if entry.n_components == 1 else "s"
    how = f" ({entry.init})" if several else ""
    return f"{entry.covariance_type}, {entry.n_components} component{plural}{how}"


def _about(selected: Selected) -> Iterator[list[str]]:
    """The columns that tell candidates apart, and how their fits ended."""
    entries = selected.entries
    yield ["covariance", *(each.covariance_type for each in entries)]
    yield ["K", *(str(each.n_components) for each in entries)]
    if len({each.init for each in entries}) > 1:
        yield ["init", *(each.init for each in entries)]
    yield ["iterations", *(str(each.iterations) for each in entries)]
    yield ["log-likelihood", *(f"{each.log_likelihood:.6f}" for each in entries)]
    if any(each.left is not None for each in entries):
        yield ["left", *(_number(_left(each, selected.counted), ".3f") for each in entries)]


def _criteria(selected: Selected) -> Iterator[list[str]]:
    """Columns of criteria: how far above the least of each a candidate is."""
    for name in ("bic", "aic", "icl"):
        values = [each.value(name) for each in selected.entries]
        least = min((value for value in values if value is not None), default=np.nan)
        above = [None if value is None else value - least for value in values]
        yield [NAMES[name], *(_number(value, ",.1f") for value in above)]
    if selected.ranked("held_out"):
        yield ["held out", *(_number(each.held_out, ".6f") for each in selected.entries)]


def _marks(selected: Selected) -> list[str]:
    return ["", *(_mark(each, selected) for each in selected.entries)]


def _mark(entry: Entry, selected: Selected) -> str:
    if entry.dropped is not None:
        return "dropped"
    marks = {
        "chosen": entry is selected.winner,
        f"{entry.n_kept} left": entry.n_kept < entry.n_components,
        "not converged": not entry.converged,
    }
    return ", ".join(mark for mark, applies in marks.items() if applies)


def _winners(selected: Selected) -> Iterator[str]:
    """Which is the best by each criterion, from the one that decides."""
    yield "AIC, BIC and ICL are above the least of each; left to gain is in statistical errors."
    order = sorted(CRITERIA, key=lambda name: name != selected.criterion)
    for name in order:
        winner = selected.winner_by(name)
        if winner is not None:
            verb = "chosen" if winner is selected.winner and name == order[0] else "best"
            value = winner.value(name)
            shown = _number(value, ".6f" if name == "held_out" else ",.1f")
            yield f"{verb} by {NAMES[name]}: {named(winner, selected.entries)}, {shown}"
    simplest = selected.simplest_within_error
    if simplest is not None:
        decides = order[0] == "held_out" and simplest is not selected.winner_by("held_out")
        yield (
            f"{'chosen: ' * decides}simplest within one standard error of the best by rows held "
            f"out: {named(simplest, selected.entries)}"
        )


def _endings(selected: Selected) -> Iterator[str]:
    """Why candidates were dropped, or their fits ended too early."""
    for each in selected.entries:
        if each.dropped is not None:
            yield f"dropped: {named(each, selected.entries)}: {each.dropped}"
        elif not each.converged:
            yield f"not converged: {named(each, selected.entries)}: {each.reason}"


def _left(entry: Entry, rows: float) -> float | None:
    return None if entry.left is None else entry.left / statistical_error(entry.n_parameters, rows)


def _number(value: float | None, form: str) -> str:
    return NOTHING if value is None else f"{value:{form}}"
