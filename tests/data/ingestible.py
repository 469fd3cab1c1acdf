"""The same rows in files of every format that can be ingested."""

from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import h5py
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import xarray as xr
import zarr

from dask_gmm.data.tables import Table

Rows: TypeAlias = npt.NDArray[np.floating]
NAMES: Final = ("a", "b", "c")


def some_rows(n_rows: int = 1_000, seed: int = 0) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal((n_rows, len(NAMES)))


def arrow_table(rows: Rows) -> Any:
    return pa.table({name: rows[:, number] for number, name in enumerate(NAMES)})


def npy(path: Path, rows: Rows) -> None:
    np.save(path, rows)


def npy_by_columns(path: Path, rows: Rows) -> None:
    np.save(path, np.asfortranarray(rows))


def npz(path: Path, rows: Rows) -> None:
    np.savez(path, x=rows, other=np.zeros(3))


def packed_by_columns(path: Path, rows: Rows) -> None:
    np.savez_compressed(path, x=np.asfortranarray(rows))


def parquet(path: Path, rows: Rows) -> None:
    pa.parquet.write_table(
        arrow_table(rows), path, row_group_size=max(1, len(rows) // 7), write_page_checksum=True
    )


def parquet_files(path: Path, rows: Rows) -> None:
    path.mkdir()
    parquet(path / "0.parquet", rows[: len(rows) // 3])
    parquet(path / "1.parquet", rows[:0])
    parquet(path / "2.parquet", rows[len(rows) // 3 :])
    (path / "_SUCCESS").touch()
    (path / ".2.parquet.crc").touch()


def csv(path: Path, rows: Rows) -> None:
    lines = [",".join(map(repr, map(float, row))) for row in rows]
    path.write_text("\n".join([",".join(NAMES), *lines]) + "\n")


def csv_files(path: Path, rows: Rows) -> None:
    path.mkdir()
    csv(path / "part-0.csv", rows[: len(rows) // 3])
    csv(path / "part-1.csv", rows[len(rows) // 3 :])


def hdf5(path: Path, rows: Rows) -> None:
    with h5py.File(path, "w") as file:
        chunks = (max(1, len(rows) // 9), 2)
        file.create_dataset("run/x", data=rows, chunks=chunks, compression="gzip")


def netcdf4(path: Path, rows: Rows) -> None:
    xr.Dataset({"x": (("row", "column"), rows)}).to_netcdf(path, engine="h5netcdf")


def netcdf3(path: Path, rows: Rows) -> None:
    xr.Dataset({"x": (("row", "column"), rows)}).to_netcdf(path, engine="scipy")


def zarr_of(version: int) -> "Callable[[Path, Rows], None]":
    def write(path: Path, rows: Rows) -> None:
        group = zarr.open_group(path, mode="w", zarr_format=version)  # type: ignore[arg-type]
        group.create_array("x", data=np.asarray(rows), chunks=(max(1, len(rows) // 6), 2))

    return write


FORMATS: Final = MappingProxyType(
    {
        "x.npy": npy,
        "columns.npy": npy_by_columns,
        "x.npz": npz,
        "columns.npz": packed_by_columns,
        "x.parquet": parquet,
        "files": parquet_files,
        "x.csv": csv,
        "parts": csv_files,
        "x.h5": hdf5,
        "x.nc": netcdf4,
        "classic.nc": netcdf3,
        "two.zarr": zarr_of(2),
        "three.zarr": zarr_of(3),
    }
)
# Those whose columns have names.
TABLES: Final = ("x.parquet", "files", "x.csv", "parts")


def write(folder: Path, name: str, rows: Rows) -> Path:
    """Write rows in one of the formats, and give the path."""
    FORMATS[name](folder / name, rows)
    return folder / name


def read(table: Table, start: int = 0, stop: int | None = None) -> Rows:
    """All rows that a table gives."""
    pieces = [piece.rows for piece in table.pieces(start, stop)]
    return np.concatenate(pieces) if pieces else np.empty((0, table.n_features))
