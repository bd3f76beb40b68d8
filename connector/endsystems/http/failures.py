"""Says why no answer came: the errors of the HTTP client in words that name neither the URL nor a value."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from connector.endsystems.http.guard import ForbiddenAddress
from connector.endsystems.http.kept import ConnectionNotKept
from connector.endsystems.http.response import Response

WRONG_CERTIFICATES = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "no authority has signed it, and `end_system.ca_file` does not name it",
    19: "no authority that is trusted here has signed it; name its own in `end_system.ca_file`",
    20: "no authority that is trusted here has signed it; name its own in `end_system.ca_file`",
    21: "no authority that is trusted here has signed it, or the server does not send those between",
    62: "it is for another name than that of the host",
    64: "it is for another address than that of the host",
}
"""By OpenSSL's `X509_V_ERR` numbers."""
VERSION = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "NO_PROTOCOLS_AVAILABLE", "VERSION_TOO_LOW", "VERSION_TOO_HIGH")
OURS = "see `end_system.client_certificate`"
CLIENT_CERTIFICATE = (
    "ALERT_UNKNOWN_CA",
    "ALERT_CERTIFICATE",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)
"""What a server says of a client's certificate that it did not get, or does not accept."""


PASSING = frozenset([408, 425, 429])
"""Statuses besides 5xx that may pass by themselves."""
OF_A_GATEWAY = frozenset([502, 504, 520, 524])
"""What a gateway answers that has got no answer to what it has sent on. The end system may carry that out all the same.

520 and 524 are Cloudflare's: the answer was empty or could not be understood, or did not come in time.
"""


class ExchangeFailed(Exception):
    """No whole answer came. It names neither the URL nor a value.

    `passing` tells whether a later try may bring one; `may_have_worked` whether the request may have been carried out.
    """

    begun: Response | None = None
    """What came of an answer that broke off in its body."""

    def __init__(self, code: str, message: str, *, passing: bool, may_have_worked: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.passing = passing
        self.may_have_worked = may_have_worked


class LoginNotRenewed(aiohttp.ClientConnectionError):
    """The end system could not be asked, for now, to renew a login. Its text names neither the URL nor a value.

    `may_have_worked` tells whether it may have renewed the login all the same, so that nobody has the new credential.
    """

    def __init__(self, message: str, *, may_have_worked: bool = False) -> None:
        super().__init__(message)
        self.may_have_worked = may_have_worked


def may_pass(status: int) -> bool:
    """Tell whether a later try may be answered with another status than this one."""
    return status in PASSING or status >= 500


def may_be_carried_out(status: int) -> bool:
    """Tell whether a request may be carried out although it was answered with this error: a gateway need not know."""
    return status in OF_A_GATEWAY


@contextmanager
def translated() -> Iterator[None]:
    """Turn all errors of a request into `ExchangeFailed`, without their cause, because aiohttp's errors hold the URL."""
    try:
        yield
    except (aiohttp.ClientError, OSError, UnicodeError) as problem:
        raise explained(problem) from None


def explained(problem: Exception) -> ExchangeFailed:
    """Return what an error of the client means, without its URL."""
    of_tls = _of_tls(problem)
    if of_tls is not None:
        return _explained_tls(of_tls, has_connected=not isinstance(problem, aiohttp.ClientConnectorError))
    match problem:
        case TimeoutError():
            unmade = isinstance(problem, aiohttp.ConnectionTimeoutError)
            message = "no connection in time" if unmade else "no answer in time"
            return ExchangeFailed("timeout", message, passing=True, may_have_worked=not unmade)
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return ExchangeFailed("proxy", "the proxy makes no connection", passing=True)
        case aiohttp.ClientConnectorError(os_error=ForbiddenAddress() as forbidden):
            return ExchangeFailed("target_not_allowed", f"the host's address: {forbidden}", passing=False)
        case aiohttp.ClientConnectorError():
            return ExchangeFailed("connection", f"no connection{_why_none(problem)}", passing=True)
    broke = "the connection broke, or what came over it is not HTTP"
    message = str(problem) if isinstance(problem, ConnectionNotKept) else broke
    return ExchangeFailed("connection", message, passing=True, may_have_worked=True)


def _why_none(problem: aiohttp.ClientConnectorError) -> str:
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return ": the host's name cannot be looked up"
    return ": the host refuses it at this port" if isinstance(problem.os_error, ConnectionRefusedError) else ""


def _of_tls(problem: Exception) -> ssl.SSLError | None:
    """Return the error of TLS behind an error of aiohttp. It is the cause if the server refused after the handshake."""
    for candidate in (getattr(problem, "os_error", None), getattr(problem, "certificate_error", None), problem.__cause__):
        if isinstance(candidate, ssl.SSLError):
            return candidate
    return None


def _explained_tls(problem: ssl.SSLError, *, has_connected: bool) -> ExchangeFailed:
    if isinstance(problem, ssl.SSLCertVerificationError):
        why = WRONG_CERTIFICATES.get(problem.verify_code, f"fault {problem.verify_code} of OpenSSL")
        return ExchangeFailed("tls_certificate", f"the server's certificate does not verify: {why}", passing=False)
    reason = problem.reason or ""
    if any(text in reason for text in VERSION):
        message = "the server speaks no version of TLS that is allowed here"
        return ExchangeFailed("tls_version", message, passing=False)
    if any(text in reason for text in CLIENT_CERTIFICATE):
        message = f"the server wants a certificate of the client, and did not get one that it accepts ({OURS})"
        return ExchangeFailed("tls_client_certificate", message, passing=False)
    if "HANDSHAKE_FAILURE" in reason:
        message = (
            f"the server breaks off TLS: it wants a certificate of the client ({OURS}), or ciphers that are not allowed here"
        )
        return ExchangeFailed("tls_handshake", message, passing=False)
    message = f"no connection by TLS ({reason.lower().replace('_', ' ')})"
    return ExchangeFailed("connection", message, passing=True, may_have_worked=has_connected)
