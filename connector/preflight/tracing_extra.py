"""Whether the libraries are there that traces need."""

from importlib import import_module

from connector.config.settings import TracesSection

EXTRA = "pip install 'opshub-connector-session[otel]'"
NEEDED = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")


def problem_of_traces(traces: TracesSection) -> str | None:
    """Say which library is missing; None if nothing is, or if nothing is traced."""
    if traces.endpoint is None:
        return None
    try:
        for module in NEEDED:
            import_module(module)
    except ImportError:
        return f"traces.endpoint: needs the packages of OpenTelemetry, which are not installed: {EXTRA}"
    return None
