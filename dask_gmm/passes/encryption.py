"""Certificates and keys: read, tried, and refused with what is wrong, before Dask takes them."""

import socket
import ssl
from pathlib import Path
from typing import Final

import dask
from distributed import Security
from distributed.comm.addressing import get_address_host_port, parse_address

from dask_gmm.errors import SettingsError
from dask_gmm.extras import extra
from dask_gmm.passes.cluster_spec import TLSFiles

PLAIN: Final = ("tcp", "ws")
ENCRYPTED: Final = ("tls", "wss")
ROLES: Final = ("client", "scheduler", "worker")
SECONDS: Final = 10.0
# What a key says that nobody can read without a passphrase, in both forms of PEM.
LOCKED: Final = (b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


def security_from(files: TLSFiles | None) -> Security | None:
    """Give what Dask takes; None if nothing is asked for, neither here nor in its configuration.

    Raises
    ------
    SettingsError
        If a file cannot be read, or they do not go together.
    """
    if files is None:
        security = Security()
        return security if security.require_encryption or _context(security) else None
    for path in (files.ca_file, files.cert_file, files.key_file):
        _refuse_unreadable(path)
    named = {"cert": str(files.cert_file), "key": str(files.key_file)}
    ours = {f"tls_{role}_{what}": path for role in ROLES for what, path in named.items()}
    security = Security(
        require_encryption=files.require_encryption, tls_ca_file=str(files.ca_file), **ours
    )
    _context(security)
    return security


def security_of_own(files: TLSFiles | None) -> Security | None:
    """Give that of a cluster of this machine, whose certificates nobody else needs to know.

    Raises
    ------
    SettingsError
        See `security_from`.
    MissingExtraError
        If certificates are to be made, and the package that makes them is not there.
    """
    security = security_from(files)
    if security is None or not security.require_encryption:
        return security
    if all(_context(security, role) for role in ROLES):
        return security
    extra("cryptography", "tls")
    own: Security = Security.temporary()
    return own


def refuse_unlike(address: str, security: Security | None) -> None:
    """Refuse an address that is encrypted where nothing is known of keys, or the other way round.

    Raises
    ------
    SettingsError
        Also if the scheduler there refuses the certificate, or has one that is not trusted.
    """
    scheme, _ = parse_address(address)
    context = None if security is None else _context(security)
    if scheme in PLAIN and security and security.require_encryption:
        raise SettingsError(
            "Wanted the address of a scheduler with TLS, such as tls://host:8786, since encryption "
            f"is required, found {address}. Start the scheduler with certificates, or do not "
            "require encryption (distributed.comm.require-encryption in Dask's configuration, "
            "require_encryption beside the files)."
        )
    loaded = dask.config.get("distributed.client.security-loader", None)
    if scheme in ENCRYPTED and context is None and not loaded:
        raise SettingsError(
            f"Wanted certificates and a key for the scheduler at {address}, which has TLS, found "
            "none. Name them: security in a settings file, --tls-ca-file, --tls-cert and --tls-key "
            "of a command, or distributed.comm.tls in Dask's configuration."
        )
    if scheme == "tls" and context is not None:
        _try(address, context)


def _try(address: str, context: ssl.SSLContext) -> None:
    """Shake hands as Dask would; whoever does not answer at all is left to its own patience."""
    try:
        with (
            socket.create_connection(get_address_host_port(address), SECONDS) as plain,
            context.wrap_socket(plain) as encrypted,
        ):
            encrypted.recv(1)  # what it thinks of our certificate is said after the handshake
    except ssl.SSLError as error:
        raise SettingsError(
            f"Wanted a scheduler at {address} that has TLS and a certificate of the same authority "
            f"as ours, found: {error.reason or error}. Compare the files of both sides."
        ) from error
    except OSError:
        return


def _context(security: Security, role: str = "client") -> ssl.SSLContext | None:
    try:
        context: ssl.SSLContext | None = security.get_connection_args(role)["ssl_context"]
    except (OSError, ValueError) as error:
        tls = security.get_tls_config_for_role(role)
        named = (str(tls[name]) for name in ("ca_file", "cert", "key"))
        where = ", ".join(each for each in named if "\n" not in each)  # a text is a secret
        raise SettingsError(
            "Wanted a certificate of an authority, a certificate and its key, found: "
            f"{error} ({where}). Give files of the form PEM that belong together."
        ) from error
    return context


def _refuse_unreadable(path: Path) -> None:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"Wanted a file of the form PEM, found none that can be read at {path} "
            f"({error.strerror}). Correct the path, or its permissions."
        ) from error
    if any(mark in text for mark in LOCKED):
        raise SettingsError(
            f"Wanted a key that is readable without a passphrase, found an encrypted one at {path}."
            " Write it without one into a file that others cannot read."
        )
