"""The kind of processor that computes: what the last bits depend on beside the numbers."""

import numpy as np
from threadpoolctl import threadpool_info


def machine() -> str:
    """Name the BLAS kernels and NumPy's vector instructions of this process."""
    kernels = {
        f"{library['internal_api']} {library.get('version')} {library.get('architecture', '')}"
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }
    config = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {}).get("found", [])
    return " ".join([", ".join(sorted(kernels)), "NumPy", np.__version__, *simd[-1:]])
