"""The end system: whether its name has an address, a connection can be made, and how long its certificate is still good."""

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence

from connector.config.settings import EndSystemSection
from connector.doctor.date_header import told_clock
from connector.doctor.finding import DoctorFinding, fault, sound, warning
from connector.endsystems.http.egress import Egress, checked_egress
from connector.endsystems.http.guard import UrlPrefix, url_prefix
from drivers.host_names import Names, Question

DAY = 86_400.0
SOON = 30.0
"""Days before its end from which a certificate is warned of."""
REACH = "look at the name, the network and the firewall between this machine and the end system"


async def end_system_findings(settings: EndSystemSection, environ: Mapping[str, str]) -> list[DoctorFinding]:
    """Connect to each address that is configured, and ask for the time. With a proxy, connect to that one instead."""
    egress = checked_egress(settings, environ, [])
    deadline = settings.deadlines.connect
    if egress.proxy is not None:
        return await _place("proxy", url_prefix(str(egress.proxy.with_user(None))), egress.tls, deadline)
    found = [await _place("end-system", place, egress.tls, deadline) for place in _places(egress)]
    return [finding for findings in found for finding in findings] or [sound("end-system", "none is configured")]


def _places(egress: Egress) -> list[UrlPrefix]:
    """Return what can be connected to: one of each host and port."""
    fixed = egress.fixed_base_url
    found = egress.allowed if fixed is None else (url_prefix(fixed), *egress.allowed)
    return [*{(place.scheme, place.host, place.port): place for place in found}.values()]


async def _place(name: str, place: UrlPrefix, tls: ssl.SSLContext, deadline: float) -> list[DoctorFinding]:
    try:
        async with asyncio.timeout(deadline):
            addresses = await Names().addresses(Question(place.host))
    except (OSError, TimeoutError) as problem:
        return [fault(f"{name}-name", f"{place.host} has no address: {_why(problem, deadline)}", REACH)]
    known = sound(f"{name}-name", f"{place.host} has the addresses {', '.join(addresses)}")
    return [known, *await _connected(name, place, addresses, tls if place.scheme == "https" else None, deadline)]


async def _connected(
    name: str, place: UrlPrefix, addresses: Sequence[str], tls: ssl.SSLContext | None, deadline: float
) -> list[DoctorFinding]:
    begun, problem = time.perf_counter(), OSError()
    for address in addresses:
        try:
            async with asyncio.timeout(deadline):
                shown = place.host if tls else None
                reader, writer = await asyncio.open_connection(address, place.port, ssl=tls, server_hostname=shown)
            answered = _answered(name, place, writer, time.perf_counter() - begun)
            return [answered, *await told_clock(name, place, reader, writer, deadline)]
        except ssl.SSLCertVerificationError as found:
            remedy = "renew the certificate, or name its authority in end_system.ca_file"
            return [fault(f"{name}-certificate", f"{place.host}:{place.port}: {found.verify_message}", remedy)]
        except (OSError, TimeoutError) as found:
            problem = found
    return [fault(f"{name}-address", f"{place.host}:{place.port}: {_why(problem, deadline)}", REACH)]


def _answered(name: str, place: UrlPrefix, writer: asyncio.StreamWriter, took: float) -> DoctorFinding:
    certificate = writer.get_extra_info("peercert")
    if not certificate:
        return sound(f"{name}-address", f"{place.host}:{place.port} answers within {1000 * took:.0f} ms")
    days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / DAY
    seen = f"the certificate of {place.host}:{place.port} is good for {days:.0f} days"
    remedy = "have it renewed before it ends: after that, no session can log in or out"
    return sound(f"{name}-certificate", seen) if days > SOON else warning(f"{name}-certificate", seen, remedy)


def _why(problem: Exception, deadline: float) -> str:
    return f"no answer within {deadline:g} s" if isinstance(problem, TimeoutError) else str(problem)
