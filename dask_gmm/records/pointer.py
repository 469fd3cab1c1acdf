"""What says of a checkpoint where it lies, and by which bytes it is known; written last."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from dask_gmm.errors import DataError
from dask_gmm.records.archive import Json

FORMAT: Final = "checkpoint"
VERSION: Final = 1
SHA256: Final = re.compile("[0-9a-f]{64}")
NUMBERED: Final = re.compile(r"checkpoint-(\d{6,})\.(json|npz)")


class Damaged(Exception):
    """What is wrong with something that was kept, as the end of a sentence that names it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Bytes under a name, as they were when they were written.

    Parameters
    ----------
    name : str
    sha256 : str
    size : int
        In bytes.
    """

    name: str
    sha256: str
    size: int

    def __post_init__(self) -> None:
        if type(self.size) is not int or not SHA256.fullmatch(self.sha256):
            raise ValueError(f"no length and SHA-256 of {self.name}")

    @classmethod
    def of(cls, name: str, data: bytes) -> "Stored":
        """Describe bytes under a name."""
        return cls(name, digest(data), len(data))

    def check(self, data: bytes | None) -> bytes:
        """Give the bytes that are under the name now, or say how they differ."""
        if data is None:
            raise Damaged(f"{self.name} is missing")
        if len(data) != self.size:
            raise Damaged(f"{self.name} has {len(data):,} bytes instead of {self.size:,}")
        if digest(data) != self.sha256:
            raise Damaged(f"{self.name} has other bytes than were written")
        return data


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """A checkpoint that stands.

    Parameters
    ----------
    number : int
        From 1; it rises from checkpoint to checkpoint.
    arrays : Stored
        All but the survey.
    survey : Stored
        Shared with other checkpoints.
    header : mapping
        JSON values that the caller has given.
    """

    number: int
    arrays: Stored
    survey: Stored
    header: Mapping[str, Json]

    @property
    def names(self) -> frozenset[str]:
        """All names that it needs, its own with them."""
        return frozenset((pointer_name(self.number), self.arrays.name, self.survey.name))

    def to_bytes(self) -> bytes:
        """Give it as a line of JSON, and a line with the SHA-256 of that."""
        said = {
            "format": FORMAT,
            "version": VERSION,
            "number": self.number,
            "arrays": asdict(self.arrays),
            "survey": asdict(self.survey),
            "header": dict(self.header),
        }
        line = json.dumps(said, allow_nan=False).encode()
        return b"%b\n%b\n" % (line, digest(line).encode())

    @classmethod
    def from_bytes(cls, number: int, data: bytes | None, where: str) -> "Pointer":
        """Read the one of a number, in a place that is only named.

        Raises
        ------
        Damaged
            If it is not as it was written, or is another one.
        DataError
            If it is of another version.
        """
        name = pointer_name(number)
        try:
            said = _said(data, name)
            if said["format"] != FORMAT:
                raise Damaged(f"{name} is a {said['format']}")
            if said["version"] != VERSION:
                raise _other_version(f"{name} in {where}", said["version"])
            if said["number"] != number:
                raise Damaged(f"{name} is that of number {said['number']}")
            arrays, survey = Stored(**said["arrays"]), Stored(**said["survey"])
            if (arrays.name, survey.name) != (arrays_name(number), survey_name(survey.sha256)):
                raise Damaged(f"{name} names {arrays.name} and {survey.name}")
            return cls(number, arrays, survey, dict(said["header"]))
        except DataError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{name} is something else") from error


def pointer_name(number: int) -> str:
    """Name the pointer of a checkpoint."""
    return f"checkpoint-{number:06d}.json"


def arrays_name(number: int) -> str:
    """Name the arrays of a checkpoint."""
    return f"checkpoint-{number:06d}.npz"


def survey_name(sha256: str) -> str:
    """Name a survey."""
    return f"survey-{sha256}.npz"


def numbers(names: Sequence[str], ending: str) -> list[int]:
    """Give the numbers in names with an ending, the highest first."""
    found = (NUMBERED.fullmatch(each) for each in names)
    return sorted((int(each[1]) for each in found if each and each[2] == ending), reverse=True)


def digest(data: bytes) -> str:
    """Give the SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def _said(data: bytes | None, name: str) -> dict[str, Json]:
    if data is None:
        raise Damaged(f"{name} is missing")
    line, _, end = data.partition(b"\n")
    if end != digest(line).encode() + b"\n":
        raise Damaged(f"{name} is not as it was written")
    return dict(json.loads(line))


def _other_version(found: str, version: object) -> DataError:
    return DataError(
        f"Wanted a checkpoint of version {VERSION}; found {found}, of version {version!r}. Go on "
        "with the release that wrote it, or remove it and begin again."
    )
