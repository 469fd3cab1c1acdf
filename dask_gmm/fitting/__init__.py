"""The decisions: frozen candidates that ask and are told; knows no Dask and no store."""
