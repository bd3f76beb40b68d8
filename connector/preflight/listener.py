"""HTTPS on the server's own address: what its connections show, and whom they trust."""

import ssl
from collections.abc import Callable, Iterator

from connector.config.settings import ServerTls
from connector.model.errors import ConfigurationError
from connector.runtime.certificates import show, trust

CERTIFICATE, KEY = "server.tls.certificate", "server.tls.key"


def listener_tls(settings: ServerTls, section: str = "server") -> ssl.SSLContext | None:
    """Return what connections to the listener of this section are made with; None for clear text.

    Raises:
        ConfigurationError: a file cannot be used, or the certificate is missing.
    """
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    if problems := [*_set_up(tls, settings, section)]:
        raise ConfigurationError(problems)
    return None if settings.certificate is None else tls


def certificate_again(tls: ssl.SSLContext, settings: ServerTls, section: str = "server") -> Callable[[], None]:
    """Check what is in the files by now, and return what has new connections show it. Raises `ConfigurationError`."""
    listener_tls(settings, section)  # in a context that nobody uses: a key that does not fit would spoil this one

    def show_it() -> None:
        if settings.certificate is not None:
            tls.load_cert_chain(settings.certificate, settings.key or settings.certificate)

    return show_it


def _set_up(tls: ssl.SSLContext, settings: ServerTls, section: str) -> Iterator[str]:
    certificate, key, client_ca_file = (f"{section}.tls.{name}" for name in ("certificate", "key", "client_ca_file"))
    if settings.certificate is None:
        alone = {key: settings.key, client_ca_file: settings.client_ca_file}
        yield from (f"{name}: expected {certificate} beside it" for name, file in alone.items() if file is not None)
        return
    yield from show(tls, settings.certificate, settings.key or settings.certificate, (certificate, key))
    if settings.client_ca_file is not None:
        tls.verify_mode = ssl.CERT_REQUIRED
        yield from trust(tls, settings.client_ca_file, client_ca_file)
