"""Stand-ins for the workflows and the runner, which keep what they are called with."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from dask_gmm.errors import DaskGMMError, MemoryLimitError
from dask_gmm.passes.cluster_spec import ClusterSpec

VERBS = (
    "demo",
    "fit",
    "generate",
    "ingest",
    "inspect",
    "plan",
    "predict",
    "report",
    "run",
    "score",
    "select",
)


@dataclass(frozen=True)
class FakeResult:
    verb: str
    refused: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"verb": self.verb}

    def to_text(self) -> str:
        return f"the result of {self.verb}"

    def require(self) -> None:
        if self.refused:
            raise MemoryLimitError(self.refused)


@dataclass
class Twins:
    """What the commands did: the calls of the twins, the runners opened and closed."""

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    opened: list[tuple[int | None, str | None]] = field(default_factory=list)
    specs: list[ClusterSpec] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)
    closed: int = 0
    error: DaskGMMError | None = None
    warning: str | None = None
    refused: str = ""
    waits: str = ""

    @contextmanager
    def open_runner(self, spec: ClusterSpec, say: Callable[[str], object]) -> Iterator[str]:
        if self.waits:
            say(self.waits)
        self.opened.append((spec.workers, spec.address))
        self.specs.append(spec)
        try:
            yield "the runner"
        finally:
            self.closed += 1

    def call(self, verb: str, *args: Any, callbacks: tuple[Any, ...] = ()) -> FakeResult:
        self.calls.append((verb, args))
        self.callbacks.extend(callbacks)
        if self.warning:
            warnings.warn(self.warning, UserWarning, stacklevel=2)
        if self.error:
            raise self.error
        if verb not in ("inspect", "plan", "report"):
            args[-1].start_pass("a pass", 10)
            args[-1].advance(10)
            args[-1].end_pass("a note")
        return FakeResult(verb, self.refused)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._module(monkeypatch, "dask_gmm.passes.cluster", open_runner=self.open_runner)
        for verb in VERBS:
            self._module(monkeypatch, f"dask_gmm.workflows.{verb}", **{verb: self._twin(verb)})

    def _twin(self, verb: str) -> Any:
        return lambda *args, **named: self.call(verb, *args, **named)

    @staticmethod
    def _module(monkeypatch: pytest.MonkeyPatch, name: str, **names: Any) -> None:
        module = ModuleType(name)
        vars(module).update(names)
        monkeypatch.setitem(sys.modules, name, module)


def only_request(twins: Twins, verb: str) -> Any:
    ((called, (request, runner, _)),) = twins.calls
    assert (called, runner) == (verb, "the runner")
    return request
