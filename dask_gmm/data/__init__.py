"""The places: arrays, stores and their leaves; knows no mixture and no Dask."""
