"""Who is told how far a pass has come."""

from dataclasses import dataclass
from typing import Protocol


class Progress(Protocol):
    """Listens to one pass after another; decides nothing and changes no result."""

    def start_pass(self, name: str, rows: int) -> None:
        """A pass begins.

        Parameters
        ----------
        name : str
            What the pass does, such as "EM iteration 3".
        rows : int
            Rows that it will read or write in all.
        """
        ...

    def advance(self, rows: int) -> None:
        """So many more rows are done; called from any thread."""
        ...

    def end_pass(self, note: str) -> None:
        """The pass has ended.

        Parameters
        ----------
        note : str
            What came of it, such as "log-likelihood -3.214 nats per row"; may be empty.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Silent:
    """A Progress that says nothing."""

    def start_pass(self, name: str, rows: int) -> None:
        """Say nothing."""

    def advance(self, rows: int) -> None:
        """Say nothing."""

    def end_pass(self, note: str) -> None:
        """Say nothing."""
