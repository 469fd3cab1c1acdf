"""Sources whose rows are stored in chunks, which are looked for, compared, and may be left out."""

from dask_gmm.data.beside import RowsBeside
from dask_gmm.data.parquet_source import ParquetSource
from dask_gmm.data.zarr_source import ZarrSource

StoredSource = ZarrSource | ParquetSource | RowsBeside
