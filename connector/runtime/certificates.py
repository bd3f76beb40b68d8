"""Certificates in PEM files, and what is wrong with them, told by the key that names the file."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from connector.runtime.file_access import why_not


def show(tls: ssl.SSLContext, certificate: Path, key: Path, keys: tuple[str, str]) -> Iterator[str]:
    """Have connections show a certificate, and yield what keeps that from being done.

    `keys` are the names of the configuration's keys for the certificate and its key.
    """
    for name, file in zip(keys, (certificate, key), strict=True):  # OpenSSL tells neither of two files apart
        if problem := _unreadable(name, file):
            yield problem
            return
    try:
        # Without a password of our own, OpenSSL would ask for that of an encrypted key at the terminal.
        tls.load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError):
        yield f"{keys[0]}: expected a certificate and its key in PEM format, the key without a password"


def trust(tls: ssl.SSLContext, ca_file: Path, key: str) -> Iterator[str]:
    """Have connections trust the authorities of a file, and yield what keeps that from being done."""
    if problem := _unreadable(key, ca_file):
        yield problem
        return
    try:
        tls.load_verify_locations(ca_file)
    except ssl.SSLError:
        yield f"{key}: expected a file with certificates in PEM format"


def _unreadable(name: str, file: Path) -> str | None:
    try:
        file.open("rb").close()
    except OSError as problem:
        return f"{name}: cannot be read: {why_not(problem, file)}"
    except ValueError:
        return f"{name}: expected the path of a file"
    return None
