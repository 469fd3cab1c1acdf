"""What a run is asked of which rows: by this a run folder knows the same command again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dask_gmm.errors import output_errors
from dask_gmm.objects.either import read_if_there
from dask_gmm.objects.location import Location

DOCUMENT: Final = "asked.json"
# What is known of rows that can be said in words.
PLAIN: Final = ("rows", "columns", "missing_chunks")


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What decides the result of a run.

    Parameters
    ----------
    verb : str
        Such as "fit".
    settings : mapping
        JSON values: everything that was asked but where to put it.
    data : mapping, optional
        JSON values that tell these rows from others; None where only reading them would.
    """

    verb: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any] | None

    @property
    def mark(self) -> str:
        """16 hexadecimal digits of all of it; empty where nothing tells the rows from others."""
        if self.data is None:
            return ""
        canonical = json.dumps(self.to_json(), sort_keys=True).encode()
        return hashlib.sha256(canonical).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON values."""
        data = None if self.data is None else dict(self.data)
        return {"verb": self.verb, "settings": dict(self.settings), "data": data}

    def is_that_of(self, facts: Mapping[str, Any] | None) -> bool:
        """Whether the same was asked before, as far as that is known."""
        return self.data is not None and facts == json.loads(json.dumps(self.to_json()))

    def has_other_words(self, facts: Mapping[str, Any]) -> bool:
        """Whether something else was asked before, of whichever rows."""
        return any(replace(self, data=None)._differences(facts))

    def differences(self, facts: Mapping[str, Any]) -> str:
        """Say what was asked before instead, in words."""
        return ", ".join(self._differences(facts)) or "rows of which nothing is known beforehand"

    def _differences(self, facts: Mapping[str, Any]) -> Iterator[str]:
        if facts.get("verb") != self.verb:
            yield f"{facts.get('verb')} there, {self.verb} here"
        before, now = facts.get("settings", {}), json.loads(json.dumps(dict(self.settings)))
        for name in sorted({*before, *now}):
            if before.get(name) != now.get(name):
                yield f"{name} {before.get(name)} there, {now.get(name)} here"
        if self.data is not None:
            yield from _other_rows(facts.get("data") or {}, json.loads(json.dumps(dict(self.data))))

    def to_bytes(self) -> bytes:
        """Give it as it is written down in a folder, under the name `DOCUMENT`."""
        return json.dumps(self.to_json(), indent=2).encode() + b"\n"


def _other_rows(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    others = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    for name in others:
        if name in PLAIN:
            yield f"{name} {before.get(name)} there, {now.get(name)} here"
    if not set(others) <= set(PLAIN):
        yield "rows, or a model to match or start from, that are others or were written again"


def asked_in(folder: Location) -> dict[str, Any] | None:
    """Read what the run of a folder was asked; None where that is not written down.

    Raises
    ------
    OutputError
        If it may be, and cannot be read.
    """
    with output_errors(folder):
        document = read_if_there(folder / DOCUMENT)
    try:
        facts = json.loads(document or b"")
    except ValueError:
        return None
    return facts if isinstance(facts, dict) else None
