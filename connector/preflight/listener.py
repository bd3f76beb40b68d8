"""HTTPS on the server's own address: what its connections show, and whom they trust."""

import ssl
from collections.abc import Iterator

from connector.config.settings import ServerTls
from connector.model.errors import ConfigurationError
from connector.runtime.certificates import show, trust

CERTIFICATE, KEY, CLIENT_CA_FILE = (f"server.tls.{name}" for name in ("certificate", "key", "client_ca_file"))


def listener_tls(settings: ServerTls) -> ssl.SSLContext | None:
    """Return what connections are made with; None for clear text.

    Raises:
        ConfigurationError: a file cannot be used, or the certificate is missing.
    """
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if problems := [*_set_up(tls, settings)]:
        raise ConfigurationError(problems)
    return None if settings.certificate is None else tls


def show_again(tls: ssl.SSLContext, settings: ServerTls) -> None:
    """Have new connections show what is in the files by now. Raises `ConfigurationError`: they show what they showed before."""
    listener_tls(settings)  # in a context that nobody uses: a key that does not fit would spoil this one
    if settings.certificate is not None:
        tls.load_cert_chain(settings.certificate, settings.key or settings.certificate)


def _set_up(tls: ssl.SSLContext, settings: ServerTls) -> Iterator[str]:
    if settings.certificate is None:
        alone = {KEY: settings.key, CLIENT_CA_FILE: settings.client_ca_file}
        yield from (f"{key}: expected {CERTIFICATE} beside it" for key, file in alone.items() if file is not None)
        return
    yield from show(tls, settings.certificate, settings.key or settings.certificate, (CERTIFICATE, KEY))
    if settings.client_ca_file is not None:
        tls.verify_mode = ssl.CERT_REQUIRED
        yield from trust(tls, settings.client_ca_file, CLIENT_CA_FILE)
