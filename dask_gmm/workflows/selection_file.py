"""The table of a selection in its run folder."""

import json
from collections.abc import Sequence
from typing import Final

from dask_gmm.errors import DataError
from dask_gmm.fitting.selected import Entry, Selected
from dask_gmm.objects.location import Location
from dask_gmm.records.json_text import json_text
from dask_gmm.workflows.selection_text import selected_json

TABLE: Final = "selection.json"


def write_table(selected: Selected, names: Sequence[str], folder: Location) -> None:
    """Write a table, with the names of the models of its candidates."""
    table = {**selected_json(selected), "models": list(names)}
    (folder / TABLE).write_text(json_text(table, indent=2) + "\n")


def read_table(folder: Location) -> tuple[Selected, tuple[str, ...]]:
    """Read a table, and the names of the models of its candidates.

    Raises
    ------
    DataError
        If there is none, or it is damaged.
    """
    try:
        table = json.loads((folder / TABLE).read_bytes())
        entries = tuple(Entry(**each) for each in table["candidates"])
        selected = Selected(entries, table["rows"], table["criterion"])
        return selected, tuple(map(str, table["models"]))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"Wanted the table of a selection, {TABLE}, in {folder}; found none that can be read "
            f"({error}). Restore it from a copy, or run it again."
        ) from error
