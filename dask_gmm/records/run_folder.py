"""A run folder: what was asked, what happened pass by pass, and what came of it.

::

    RUN/
      manifest.json     settings, data, versions, times, why it ended
      history.jsonl     a line per pass
      model.zarr        the fitted mixture
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dask_gmm.errors import DataError, output_errors
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.records.kinds import RUN_FOLDER, remove
from dask_gmm.records.model_file import write_model
from dask_gmm.records.publish import aside, publish, refuse_existing

MANIFEST: Final = "manifest.json"
HISTORY: Final = "history.jsonl"
MODEL: Final = "model.zarr"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """A run folder in the making: written aside, published when it is whole.

    Parameters
    ----------
    path : Path
        Where it will be.
    overwrite : bool
        Whether to replace a run folder, or an empty one, that is there.
    """

    path: Path
    overwrite: bool = False

    @property
    def wip(self) -> Path:
        """Where it is written meanwhile."""
        return aside(self.path)

    @contextmanager
    def started(self) -> Iterator[None]:
        """Make it, empty; what was written of it is removed if the run does not end well.

        Once the model is written, all is kept: the error then says where the model is.

        Raises
        ------
        OutputExistsError
            If there is something at the path and ``overwrite`` is false, or it is no run folder.
        OutputError
            If it cannot be made.
        """
        refuse_existing(self.path, self.overwrite, RUN_FOLDER)
        with output_errors(self.path):
            remove(self.wip)
            self.wip.mkdir(parents=True)
            (self.wip / HISTORY).write_text("")
        try:
            yield
        except BaseException as error:
            if (self.wip / MODEL).exists():
                error.add_note(f"The fitted model is kept: move it away from {self.wip / MODEL}.")
            else:
                shutil.rmtree(self.wip, ignore_errors=True)
            raise

    def add_pass(self, record: Mapping[str, Any]) -> None:
        """Add a line to the history."""
        with output_errors(self.path), (self.wip / HISTORY).open("a") as history:
            history.write(json.dumps(record) + "\n")

    def finish(
        self,
        model: FittedMixture,
        manifest: Mapping[str, Any],
        write_beside: Callable[[Path], None] = lambda folder: None,
    ) -> None:
        """Write the model and the manifest, and what is to lie beside them; publish the folder."""
        full = {"format": "run", "version": VERSION, **manifest}
        with output_errors(self.path):
            half = aside(self.wip / MODEL)
            write_model(model, half, manifest)
            half.replace(self.wip / MODEL)
            write_beside(self.wip)
            (self.wip / MANIFEST).write_text(json.dumps(full, indent=2) + "\n")
        publish(self.wip, self.path, self.overwrite, RUN_FOLDER)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of a finished run.

    Raises
    ------
    DataError
        If there is none of a known version.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"Wanted a run folder with a {MANIFEST} at {path}; found none that can be read "
            f"({error}). Check the path, or run it again."
        ) from error
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise DataError(
            f"Wanted a {MANIFEST} of version {VERSION} in {path}; found another. Read it with the "
            "release that wrote it."
        )
    return manifest


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the history of a run, a record per pass.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return [json.loads(line) for line in (path / HISTORY).read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise DataError(
            f"Wanted a {HISTORY} of one record per line in {path}; found none that can be read "
            f"({error}). Restore it from a copy, or run it again."
        ) from error
