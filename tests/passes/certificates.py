"""Throwaway certificates, each of an authority of its own."""

from pathlib import Path

from distributed import Security

from dask_gmm.passes.cluster_spec import TLSFiles


def certified(folder: Path) -> TLSFiles:
    """Write a certificate, which is its own authority, and its key into a new folder."""
    made = Security.temporary()
    folder.mkdir()
    files = {
        "ca.pem": made.tls_ca_file,
        "c.pem": made.tls_client_cert,
        "k.pem": made.tls_client_key,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return TLSFiles(folder / "ca.pem", folder / "c.pem", folder / "k.pem")
