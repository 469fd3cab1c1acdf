"""A run folder: what was asked, what happened pass by pass, and what came of it.

::

    RUN/
      manifest.json     settings, data, versions, times, why it ended
      history.jsonl     a line per pass
      model.zarr        the fitted mixture
      asked.json        what was asked of which rows

While it is made there are ``checkpoints`` too, from which the same command goes on.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from dask_gmm.errors import DaskGMMError, DataError, OutputExistsError, kind_of_any, output_errors
from dask_gmm.fitting.result import FittedMixture
from dask_gmm.objects.either import append_text, remove, remove_quietly
from dask_gmm.objects.location import Location
from dask_gmm.records.asked import DOCUMENT, Asked, asked_in
from dask_gmm.records.checkpoints import Checkpoints
from dask_gmm.records.exclusive import only_writer
from dask_gmm.records.held_store import HeldStore
from dask_gmm.records.json_text import json_text
from dask_gmm.records.kinds import MODEL_GROUP, PAGE, RUN_FOLDER
from dask_gmm.records.lease import Lease
from dask_gmm.records.model_file import write_model
from dask_gmm.records.object_store import store_at
from dask_gmm.records.publish import aside, asides, publish, refuse_occupied, settle

MANIFEST: Final = "manifest.json"
HISTORY: Final = "history.jsonl"
MODEL: Final = "model.zarr"
CHECKPOINTS: Final = "checkpoints"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class RunFolder:
    """A run folder in the making: written aside, published when it is whole.

    Where what is asked tells its rows from others, what an interrupted run has left is taken up by
    the same command, and a finished one is done.

    Parameters
    ----------
    path : Path or Address
        Where it will be.
    asked : Asked
    overwrite : bool
        Whether to replace a run folder, or an empty one, that is there, and to give up what an
        interrupted run has left that was asked something else.
    lease : Lease, optional
        Without which nothing is written, once it has been started.
    """

    path: Location
    asked: Asked
    overwrite: bool = False
    lease: Lease | None = None

    @property
    def wip(self) -> Location:
        """Where it is written meanwhile."""
        return aside(self.path, self.asked.mark)

    @property
    def checkpoints(self) -> Checkpoints | None:
        """What it needs to go on; None where the same rows would not be known again."""
        if not self.asked.mark:
            return None
        store = store_at(self.wip / CHECKPOINTS)
        return Checkpoints(store if self.lease is None else HeldStore(store, self.lease))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was told of a call on another host whose place this one took."""
        return () if self.lease is None else self.lease.warnings

    def is_done(self) -> bool:
        """Whether the same run is there, finished.

        Raises
        ------
        OutputExistsError
            If another run folder is there that may not be overwritten: what it was asked.
        """
        before = None if self.overwrite else asked_in(self.path)
        if before is None or not RUN_FOLDER.is_at(self.path):
            return False
        if self.asked.is_that_of(before):
            return True
        raise OutputExistsError(
            f"Wanted no run folder, or one that was asked the same, but {self.path} exists and was "
            f"asked something else: {self.asked.differences(before)}. Choose another place, or "
            "overwrite it."
        )

    @contextmanager
    def started(self) -> Iterator["RunFolder | None"]:
        """Make it, or take up what the same command has left; for one call at a time.

        What was written of it is removed if the run does not end well, unless there is a checkpoint
        to go on from. Once the model is written, all is kept: the error then says where it is.

        Yields
        ------
        RunFolder or None
            The one to write; None if another call has finished the same run meanwhile.

        Raises
        ------
        OutputExistsError
            If there is something at the path and ``overwrite`` is false, or it is no run folder; or
            an interrupted run was asked something else.
        BusyError
            If another call is at work on it.
        OutputError
            If it cannot be made.
        """
        with only_writer(self.path) as lease:
            settle(self.path, RUN_FOLDER)
            if self.is_done():
                yield None
                return
            refuse_occupied(self.path, self.overwrite, RUN_FOLDER)
            ours = replace(self, lease=lease)
            ours._begin()
            try:
                yield ours
            except BaseException as error:
                ours._leave(error, lease)
                raise

    def refuse_other_words(self) -> None:
        """Refuse what interrupted runs have left that were asked something else of any rows.

        Raises
        ------
        OutputExistsError
        """
        if not self.overwrite:
            self._refuse(each for each in self._others() if self.asked.has_other_words(each[1]))

    def _refuse(self, others: Iterable[tuple[Location, Mapping[str, Any]]]) -> None:
        for other, before in others:
            raise OutputExistsError(
                f"Wanted to begin a run in {self.path}, found what an interrupted one has left "
                f"that was asked something else: {self.asked.differences(before)}. Ask the "
                f"same to go on, choose another place, or overwrite to give it up ({other})."
            )

    def give_up_others(self) -> None:
        """Remove what interrupted runs have left that were asked something else."""
        self._check()
        with output_errors(self.path):
            for other, _ in self._others():
                remove(other)

    def _others(self) -> Iterator[tuple[Location, Mapping[str, Any]]]:
        for other in asides(self.path):
            before = asked_in(other) if other != self.wip else None
            if before is not None:
                yield other, before

    def _check(self) -> None:
        if self.lease is not None:
            self.lease.check()

    def _begin(self) -> None:
        if not self.overwrite:
            self._refuse(self._others())
        with output_errors(self.path):
            store_at(self.wip / CHECKPOINTS).remove_stale()
            if not (self.asked.mark and self.asked.is_that_of(asked_in(self.wip))):
                remove(self.wip)
                store_at(self.wip).put(DOCUMENT, self.asked.to_bytes())
            (self.wip / HISTORY).write_text("")

    def _leave(self, error: BaseException, lease: Lease) -> None:
        kept = f"What was done is kept in {self.wip}: the same command goes on there."
        try:
            if not lease.is_held():
                return
            if MODEL_GROUP.is_at(self.wip / MODEL):
                error.add_note(f"The fitted model is kept: move it away from {self.wip / MODEL}.")
            elif any(name.endswith(".json") for name in store_at(self.wip / CHECKPOINTS).list("")):
                error.add_note(kept)
            else:
                remove_quietly(self.wip)
        except DaskGMMError:  # a store that cannot be reached, which is what the error is about
            error.add_note(kept)

    def take_up(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Begin the history with the passes that are not made again."""
        self._check()
        lines = "".join(json_text(record) + "\n" for record in records)
        with output_errors(self.path):
            (self.wip / HISTORY).write_text(lines)

    def add_pass(self, record: Mapping[str, Any]) -> None:
        """Add a line to the history."""
        self._check()
        with output_errors(self.path):
            append_text(self.wip / HISTORY, json_text(record) + "\n")

    def finish(
        self,
        model: FittedMixture,
        manifest: Mapping[str, Any],
        write_beside: Callable[[Location], None] = lambda folder: None,
    ) -> None:
        """Write the model and the manifest, and what is to lie beside them; publish the folder."""
        self.give_up_others()
        with output_errors(self.path):
            write_model(model, self.wip / MODEL, manifest)
            write_beside(self.wip)
            full = {"format": "run", "version": VERSION, **manifest, **self._told()}
            (self.wip / MANIFEST).write_text(json_text(full, indent=2) + "\n")
        self._check()
        publish(self.wip, self.path, self.overwrite, RUN_FOLDER)
        with output_errors(self.path):
            remove(self.path / CHECKPOINTS)

    def _told(self) -> dict[str, Any]:
        """Say whose places were taken, and what is published with the manifest, or may join it."""
        there = (each.name for each in self.wip.iterdir())
        taken = () if self.lease is None else self.lease.claim.taken_over
        return {"taken_over": list(taken), "holds": sorted({*there, MANIFEST, PAGE})}


def read_manifest(path: Location) -> dict[str, Any]:
    """Read the manifest of a finished run.

    Raises
    ------
    DataError
        If there is none of a known version.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise kind_of_any(error)(
            f"Wanted a run folder with a {MANIFEST} at {path}; found none that can be read "
            f"({error}). Check the path, or run it again."
        ) from error
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise DataError(
            f"Wanted a {MANIFEST} of version {VERSION} in {path}; found another. Read it with the "
            "release that wrote it."
        )
    return manifest


def read_history(path: Location) -> list[dict[str, Any]]:
    """Read the history of a run, a record per pass.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return [json.loads(line) for line in (path / HISTORY).read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise kind_of_any(error)(
            f"Wanted a {HISTORY} of one record per line in {path}; found none that can be read "
            f"({error}). Restore it from a copy, or run it again."
        ) from error
