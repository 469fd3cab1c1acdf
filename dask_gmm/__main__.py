"""The command line, as ``python -m dask_gmm``."""

from dask_gmm.cli import main

if __name__ == "__main__":
    main()
