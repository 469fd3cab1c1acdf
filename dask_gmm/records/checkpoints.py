"""Checkpoints in a store: the last few of a fit, of which one that is whole is always there.

::

    checkpoint-000012.json       what it is, and the SHA-256 of the others; written last
    checkpoint-000012.npz        all of it but the survey
    survey-0123456789….npz       the arrays of the survey, which all checkpoints of a fit share
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from dask_gmm.errors import DataError
from dask_gmm.fitting.survey import SurveyAnswer
from dask_gmm.records.archive import Arrays, Json, packed, unpacked
from dask_gmm.records.checkpoint import Checkpoint
from dask_gmm.records.codec import Encoded, decode, encode
from dask_gmm.records.pointer import (
    NUMBERED,
    Damaged,
    Pointer,
    Stored,
    arrays_name,
    digest,
    numbers,
    pointer_name,
    survey_name,
)
from dask_gmm.records.store import Store

KEPT: Final = 3
CHECKPOINT, SURVEY = "checkpoint-", "survey-"
NO_HEADER: Final[Mapping[str, Json]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The newest checkpoint that is whole.

    Parameters
    ----------
    checkpoint : Checkpoint
    header : mapping
        What was given when it was written.
    warnings : tuple of str
        Of newer ones that are damaged.
    """

    checkpoint: Checkpoint
    header: Mapping[str, Json]
    warnings: tuple[str, ...]


class Checkpoints:
    """The last checkpoints of one fit, written by one process at a time.

    Parameters
    ----------
    store : Store
        Where they are kept; what else is there is left alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # What is known to be stored.
        self._survey: tuple[SurveyAnswer, Stored] | None = None

    def write(self, checkpoint: Checkpoint, header: Mapping[str, Json] = NO_HEADER) -> None:
        """Keep a checkpoint, and then forget all but the last three.

        When it fails, the newest one is this one or the one before, and both can be read.

        Parameters
        ----------
        checkpoint : Checkpoint
        header : mapping
            JSON values to keep with it, such as how it came about.

        Raises
        ------
        DataError
            If there are checkpoints of another version.
        OutputError
            If it cannot be written.
        """
        there = self._names()
        before = self._standing(there)
        survey = self._keep_survey(checkpoint.survey, there)
        data = packed(*_apart(checkpoint))
        number = 1 + max((*numbers(there, "json"), *numbers(there, "npz")), default=0)
        while not self._store.put_if_absent(arrays_name(number), data):
            number += 1
        arrays = Stored.of(arrays_name(number), data)
        pointer = Pointer(number, arrays, survey, header)
        self._store.put(pointer_name(number), pointer.to_bytes())
        wanted = frozenset().union(*(each.names for each in (pointer, *before[: KEPT - 1])))
        for name in there:
            if name not in wanted:
                self._store.remove(name)

    def latest(self) -> Found | None:
        """Read the newest checkpoint that is whole, or None if none was ever finished.

        Raises
        ------
        DataError
            If all are damaged, or one that is looked at is of another version.
        """
        damages: list[str] = []
        for number in numbers(self._names(), "json"):
            try:
                pointer, checkpoint = self._read(number)
            except Damaged as damage:
                damages.append(str(damage))
            else:
                self._survey = checkpoint.survey, pointer.survey
                warnings = tuple(self._passed_over(each, number) for each in damages)
                return Found(checkpoint, pointer.header, warnings)
        if damages:
            raise DataError(
                f"Wanted a checkpoint that is whole in {self._store}; found none: "
                f"{'; '.join(dict.fromkeys(damages))}. Restore them from a copy, or remove them "
                "and begin again."
            )
        return None

    def header(self) -> Mapping[str, Json] | None:
        """Read the header of the newest checkpoint, and nothing else of it; None if there is none.

        Raises
        ------
        DataError
            If there are checkpoints of another version.
        """
        standing = self._standing(self._names())
        return standing[0].header if standing else None

    def _names(self) -> Sequence[str]:
        """Give the names of ours that are there: each pointer before its arrays, surveys last."""
        checkpoints = (each for each in self._store.list(CHECKPOINT) if NUMBERED.fullmatch(each))
        return (*checkpoints, *self._store.list(SURVEY))

    def _standing(self, there: Sequence[str]) -> list[Pointer]:
        """Read the pointers that are whole, the newest first."""
        found: list[Pointer] = []
        for number in numbers(there, "json"):
            try:
                found.append(self._pointer(number))
            except Damaged:
                continue
        return found

    def _pointer(self, number: int) -> Pointer:
        data = self._store.get(pointer_name(number))
        return Pointer.from_bytes(number, data, str(self._store))

    def _read(self, number: int) -> tuple[Pointer, Checkpoint]:
        pointer = self._pointer(number)
        document, arrays = self._unpacked(pointer.arrays)
        _, survey = self._unpacked(pointer.survey)
        try:
            return pointer, _joined(document, arrays, survey)
        except DataError as error:
            error.add_note(f"The record is {pointer.arrays.name} in {self._store}.")
            raise
        except (AttributeError, LookupError, TypeError) as error:
            raise Damaged(f"{pointer.arrays.name} is something else") from error

    def _unpacked(self, stored: Stored) -> tuple[Json, Arrays]:
        data = stored.check(self._store.get(stored.name))
        try:
            return unpacked(data)
        except ValueError as error:
            raise Damaged(f"{stored.name} is something else") from error

    def _passed_over(self, damage: str, number: int) -> str:
        return (
            f"a checkpoint in {self._store} was passed over, since {damage}: the fit goes on from "
            f"{pointer_name(number)}, and repeats what came after it"
        )

    def _keep_survey(self, survey: SurveyAnswer, there: Sequence[str]) -> Stored:
        """Store the arrays of a survey, unless that is known to have been done."""
        if self._survey and self._survey[0] is survey and self._survey[1].name in there:
            return self._survey[1]
        data = packed(None, encode(survey).arrays)
        stored = Stored.of(survey_name(digest(data)), data)
        kept = self._store.put_if_absent(stored.name, data) or self._store.get(stored.name) == data
        if not kept:  # but damaged
            self._store.put(stored.name, data)
        self._survey = survey, stored
        return stored


def _apart(checkpoint: Checkpoint) -> tuple[Json, Arrays]:
    """Encode all but the arrays of the survey, and name those in the record of the survey."""
    encoded = encode(checkpoint)
    surveyed = {id(array): name for name, array in encode(checkpoint.survey).arrays.items()}
    shared = {
        name: surveyed[id(array)] for name, array in encoded.arrays.items() if id(array) in surveyed
    }
    own = {name: array for name, array in encoded.arrays.items() if name not in shared}
    return {"checkpoint": encoded.document, "survey": shared}, own


def _joined(document: Json, arrays: Arrays, survey: Arrays) -> Checkpoint:
    shared = {name: survey[other] for name, other in document["survey"].items()}
    return decode(Encoded(document["checkpoint"], {**arrays, **shared}), Checkpoint)
