"""Which columns of parquet files are read, and as what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from dask_gmm.data.selection import numbered, row_dtype, selected_columns
from dask_gmm.errors import DataError, InputError

# Signs and widths of integers.
INTEGERS: Final = tuple((sign, bits) for sign in ("", "u") for bits in (8, 16, 32, 64))
# How types are called whose values are numbers, and as which numpy knows them.
NUMBERS: Final = {
    "null": "f4",
    "bool": "?",
    "halffloat": "f2",
    "float": "f4",
    "double": "f8",
    **{f"{sign}int{bits}": f"{sign or 'i'}{bits // 8}" for sign, bits in INTEGERS},
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a table that are read.

    Parameters
    ----------
    every : tuple of str
        Those of the table, without what numbers its rows alone.
    names : tuple of str
        Those that are read, in this order.
    numbers : tuple of int
        Their numbers in the table.
    chosen : bool
        Whether they were asked for; else they are all.
    """

    every: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    chosen: bool

    @classmethod
    def of(cls, schema: Any, wanted: Sequence[int | str] | None, name: str) -> "Columns":
        """Choose among those of a file.

        Parameters
        ----------
        schema : pyarrow.Schema
        wanted : sequence of int or str, optional
            By their numbers or names; by default all but those that are the index of a frame.
        name : str
            Of the table.

        Raises
        ------
        InputError
            If one is not there, or is asked for twice.
        """
        listed, index = tuple(schema.names), index_names(schema)
        every = tuple(each for each in listed if each not in index)
        if wanted is None:
            numbers = tuple(listed.index(each) for each in every)
        else:
            given = numbered(wanted, listed, name)
            numbers = selected_columns(given, len(listed), name) or tuple(range(len(listed)))
        return cls(every, tuple(listed[each] for each in numbers), numbers, wanted is not None)

    def dtype(self, schema: Any, path: str) -> np.dtype[np.floating]:
        """Check that a file has them, each once and of numbers; give what their rows are read as.

        Raises
        ------
        DataError
            If the file has others.
        InputError
            If one is not of numbers.
        """
        self._refuse_others(schema, path)
        found = {name: str(schema.field(name).type) for name in self.names}
        for name, kind in found.items():
            if kind not in NUMBERS:
                usable = ",".join(each.name for each in schema if str(each.type) in NUMBERS)
                raise InputError(
                    f"Data must be columns of numbers, but column {name} of {path} is of type "
                    f"{kind}. Choose among those of numbers ({usable or 'there are none'}) with "
                    "columns, or convert it."
                )
        kinds = [row_dtype(np.dtype(NUMBERS[kind]), path) for kind in found.values()]
        return np.result_type(np.float32, *kinds)

    def _refuse_others(self, schema: Any, path: str) -> None:
        found = [each for each in schema.names if each not in index_names(schema)]
        others = [] if self.chosen else sorted(set(found) ^ set(self.every))
        wrong = [name for name in self.names if schema.names.count(name) != 1] or others
        if wrong:
            times = schema.names.count(wrong[0])
            how = {0: "has no", 1: "also has a"}.get(times, f"has {times} times a")
            raise DataError(
                f"Files of a table must have the same columns, each once, but {path} {how} column "
                f"{wrong[0]}. Write the files anew, or choose columns that all have."
            )


def index_names(schema: Any) -> frozenset[str]:
    """Give the names of columns that are the index of the data frame that was written."""
    known = (schema.pandas_metadata or {}).get("index_columns", [])
    return frozenset(each for each in known if isinstance(each, str))
