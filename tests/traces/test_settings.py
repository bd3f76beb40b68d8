"""The configuration of traces: what is refused, and in which words."""

from pathlib import Path

import pytest

from connector.model.errors import ConfigurationError
from connector.preflight.loading import read
from tests.cli.command import connector

URL = "traces.endpoint: expected a URL such as http://127.0.0.1:4318/v1/traces, without a user and a password"


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ('endpoint = "127.0.0.1:4318"', URL),
        ('endpoint = "grpc://127.0.0.1:4317"', URL),
        ('endpoint = "http://user:c4nary@127.0.0.1:4318/v1/traces"', URL),
        ('endpoint = "http:///v1/traces"', URL),
        ("pass_on_to_end_system = true", "traces.pass_on_to_end_system: expected traces.endpoint beside it"),
    ],
)
def test_what_cannot_work_is_refused_and_no_password_is_shown(tmp_path: Path, section: str, problem: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[traces]\n{section}\n")

    with pytest.raises(ConfigurationError) as refused:
        read(file, {})

    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(problem)
    assert "c4nary" not in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "Authorization c4nary",
            "OTEL_EXPORTER_OTLP_HEADERS in the environment: expected name=value",
        ),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT must be a non-negative integer"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1", "max_queue_size must be a positive integer"),
    ],
)
async def test_a_wrong_variable_of_opentelemetry_ends_with_78_and_no_header_is_shown(
    tmp_path: Path, variable: str, value: str, problem: str
) -> None:
    endpoint = {"CONNECTOR__TRACES__ENDPOINT": "http://127.0.0.1:4318/v1/traces", variable: value}
    ports = {"CONNECTOR__SERVER__PORT": "0", "CONNECTOR__METRICS__PORT": "0"}

    ended = await connector("serve", folder=tmp_path, environ=endpoint | ports)

    assert ended.exit_code == 78
    assert f"traces: {problem}" in ended.err or f"is wrong: {problem}" in ended.err
    assert "c4nary" not in ended.err + ended.out
