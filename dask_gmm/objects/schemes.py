"""The schemes of addresses, and what opens them."""

from typing import Final

# The extra that installs obstore, which opens them; fsspec opens all others.
SCHEMES: Final = {
    "s3": "s3",
    "gs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "abfss": "azure",
    "http": "http",
    "https": "http",
}
WEB: Final = ("http", "https")
CONTAINER_AT_ACCOUNT: Final = ("abfs", "abfss")
WITHOUT_HOST: Final = ("memory",)
