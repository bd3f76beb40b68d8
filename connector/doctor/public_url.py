"""The public address: what reaches the running server of requests that are sent there, and in which form."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import aiohttp
from yarl import URL

from connector.admin.shown_probes import Arrival
from connector.doctor.finding import DoctorFinding, fault, sound, warning
from connector.model.headers import SEAL

PATIENCE = aiohttp.ClientTimeout(20)
TRIES = 16
"""Requests until one arrives at this server: a balancer sends some to the others."""
ODD_NAMES = ("X_Probe", "X.Probe")
"""Legal names that many proxies drop."""
SIZES = (32_000, 16_000, 8_000, 6_144)
"""Characters of a seal. It rarely has more than the last of these."""
PATH = "a%2Fb//c%20d?systemId=a%2Fb%26c"
BODY = 1_000_000
"""Bytes: an initialize with many settings."""
SHIPPED = "examples/deploy/proxies has files for nginx and HAProxy that do this right"


class ProbeDesk(Protocol):
    """The running server, which tells what arrives."""

    def expect_probe(self, *, breaks: bool) -> str:
        """Expect a probe, and return its token. `breaks`: its connection is broken in the place of an answer."""

    def arrivals(self, token: str) -> Sequence[Arrival]:
        """Tell what has arrived of it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a probe."""

    arrivals: Sequence[Arrival]
    answer: str
    """The status of the last answer, or why there is none."""
    is_known: bool = False
    """Whether a server of the connector answered that it does not know this probe."""


async def public_url_findings(url: URL, desk: ProbeDesk, tls: ssl.SSLContext | None = None) -> list[DoctorFinding]:
    """Send probes to the public address, and compare what arrives. `url` is the base URL that OpsHub knows."""
    connections = aiohttp.TCPConnector(force_close=True, ssl=True if tls is None else tls)
    async with aiohttp.ClientSession(connector=connections, timeout=PATIENCE, trust_env=False) as http:
        trial = _Trial(url, desk, http)
        first = await trial.send()
        if not first.arrivals:
            remedy = f"let the proxy pass all paths below {url.path} on, by a name of server.allowed_hosts; {SHIPPED}"
            return [fault("public-url", f"nothing that is sent to {url} arrives at this server: {first.answer}", remedy)]
        return [
            sound("public-url", f"what is sent to {url} arrives at this server"),
            *await _names(trial),
            await _sizes(trial),
            await _path(trial),
            await _body(trial),
            await _repeats(trial),
        ]


@dataclass(frozen=True, slots=True)
class _Trial:
    url: URL
    desk: ProbeDesk
    http: aiohttp.ClientSession

    async def send(
        self, rest: str = "", headers: Mapping[str, str] | None = None, body: bytes = b"", *, breaks: bool = False
    ) -> Sent:
        """Send a probe until one arrives here, or somebody else than the connector answers."""
        token = self.desk.expect_probe(breaks=breaks)
        target = URL(f"{str(self.url).rstrip('/')}/probe/{token}/{rest}", encoded=True)
        sent = Sent((), "no request was sent")
        for _ in range(TRIES):
            answer, is_known = await self._post(target, headers, body)
            sent = Sent(self.desk.arrivals(token), answer, is_known)
            if sent.arrivals or not is_known:
                return sent
        return sent

    async def _post(self, target: URL, headers: Mapping[str, str] | None, body: bytes) -> tuple[str, bool]:
        """Return the answer in words, and whether it is that of a replica that does not expect the probe."""
        try:
            async with self.http.post(target, headers=headers, data=body, allow_redirects=False) as answer:
                text = await answer.text(errors="replace")
                is_known = answer.status == HTTPStatus.NOT_FOUND and '"not_found"' in text
                return f"{answer.status} {HTTPStatus(answer.status).phrase}", is_known
        except aiohttp.ClientConnectorCertificateError as problem:
            return f"its certificate does not verify: {problem.certificate_error}", False
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            return f"no answer: {type(problem).__name__}", False


async def _names(trial: _Trial) -> list[DoctorFinding]:
    sent = await trial.send(headers=dict.fromkeys((SEAL, *ODD_NAMES), "x"))
    arrived = {name for arrival in sent.arrivals for name in arrival.headers}
    return [*_dropped(arrived)]


def _dropped(arrived: set[str]) -> Iterator[DoctorFinding]:
    if SEAL.lower() not in arrived:
        yield fault("public-url-seal", f"the header {SEAL} does not arrive", "let the proxy pass it on: no session works without")
    odd = [name for name in ODD_NAMES if name.lower() not in arrived]
    remedy = f"nginx: `underscores_in_headers on` and `ignore_invalid_headers off`; {SHIPPED}"
    if odd:
        yield warning("public-url-names", f"headers with names such as {' and '.join(odd)} are dropped", remedy)
    else:
        yield sound("public-url-names", "headers arrive whatever their names")


async def _sizes(trial: _Trial) -> DoctorFinding:
    """Try the longest header first."""
    answer = ""
    for size in SIZES:
        sent = await trial.send(headers={SEAL: "s" * size})
        arrived = max((arrival.headers.get(SEAL.lower(), 0) for arrival in sent.arrivals), default=0)
        if arrived == size:
            return _of_size(size, answer)
        answer = answer or (f"is cut to {arrived}" if sent.arrivals else f"is answered {sent.answer}")
    remedy = f"allow longer headers (nginx: `large_client_header_buffers`, HAProxy: `tune.bufsize`); {SHIPPED}"
    return fault(
        "public-url-sizes", f"a header of {SIZES[-1]:,} characters does not arrive; one of {SIZES[0]:,} {answer}", remedy
    )


def _of_size(size: int, answer: str) -> DoctorFinding:
    if size == SIZES[0]:
        return sound("public-url-sizes", f"a header of {size:,} characters arrives whole")
    remedy = f"allow longer headers if a seal or a header of the end system may be that long; {SHIPPED}"
    return warning("public-url-sizes", f"a header of {size:,} characters arrives; one of {SIZES[0]:,} {answer}", remedy)


async def _path(trial: _Trial) -> DoctorFinding:
    sent = await trial.send(PATH)
    if any(arrival.target.endswith(f"/{PATH}") for arrival in sent.arrivals):
        return sound("public-url-paths", "what is encoded in a path arrives as it was sent")
    seen = f"arrives as {sent.arrivals[0].target.rpartition('/probe/')[2]!r}" if sent.arrivals else f"is answered {sent.answer}"
    remedy = f"let the proxy pass paths on as they are (nginx: no path in `proxy_pass`); {SHIPPED}"
    return fault("public-url-paths", f"a path that ends in {PATH!r} {seen}", remedy)


async def _body(trial: _Trial) -> DoctorFinding:
    sent = await trial.send(body=b"s" * BODY)
    if any(arrival.body == BODY for arrival in sent.arrivals):
        return sound("public-url-bodies", f"a body of {BODY:,} bytes arrives")
    seen = f"a body of {BODY:,} bytes is answered {sent.answer}"
    return warning("public-url-bodies", seen, f"allow larger bodies (nginx: `client_max_body_size`); {SHIPPED}")


async def _repeats(trial: _Trial) -> DoctorFinding:
    """Send a probe whose connection breaks. A proxy that sends it again does so to this server, or to another one."""
    sent = await trial.send(breaks=True)
    times = len(sent.arrivals) + sent.is_known
    if not sent.arrivals:
        return warning("public-url-posts", f"a probe did not arrive: {sent.answer}", "run this again")
    if times == 1:
        return sound("public-url-posts", "a POST whose connection breaks is not sent again")
    remedy = f"do not repeat a POST (nginx: no `non_idempotent`, HAProxy: `retry-on none`); {SHIPPED}"
    return fault("public-url-posts", "a POST whose connection breaks is sent again, so a login may be made twice", remedy)
