"""Whether the libraries are there that traces need, and take what the environment tells them."""

from importlib import import_module

from connector.config.settings import TracesSection
from connector.config.variables import OTEL_IS_WRONG

EXTRA = "pip install 'opshub-connector-session[otel]'"
NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")


def problem_of_traces(traces: TracesSection) -> str | None:
    """Say what keeps the libraries from being imported; None if nothing does, or if nothing is traced."""
    if traces.endpoint is None:
        return None
    try:
        for module in NEEDED:
            import_module(module)
    except ImportError:
        return f"traces.endpoint: needs the packages of OpenTelemetry, which are not installed: {EXTRA}"
    except ValueError as problem:  # some are read when they are imported
        return f"{OTEL_IS_WRONG}: {problem}"
    return None
