"""TLS contexts that read the authorities of the system when they are used first, and not when they are made."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class LateContext(ssl.SSLContext):
    """Reads the authorities that the system trusts before its first connection, and becomes a plain context by that."""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        """Do what a plain context does."""
        _read(self)
        return ssl.SSLContext.wrap_bio(self, *args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Do what a plain context does."""
        _read(self)
        return ssl.SSLContext.wrap_socket(self, *args, **options)


@contextmanager
def late_certificates() -> Iterator[None]:
    """Make every context a late one that would read the authorities of the system meanwhile.

    aiohttp makes two when it is imported, and reads them for each. A server that opens no TLS connection uses none.
    """
    contexts: Any = ssl.SSLContext
    if contexts.set_default_verify_paths is _later:  # as in the context around this one, which ends it
        yield
        return
    contexts.set_default_verify_paths = _later
    try:
        yield
    finally:
        del contexts.set_default_verify_paths  # the inherited one is there again


def _later(context: Any) -> None:
    context.__class__ = LateContext


def _read(context: Any) -> None:
    context.set_default_verify_paths()
    # OpenSSL does not tell if it could open no file just now. Then it is tried again, and so it is for a folder of files,
    # which are read one by one as they are needed.
    if context.cert_store_stats()["x509"]:
        context.__class__ = ssl.SSLContext
