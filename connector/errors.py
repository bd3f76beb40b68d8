"""What can go wrong in the connector, outside the drivers.

    ConnectorError
    ├── ConfigurationError    the configuration cannot work; carries every problem found, printed before exit code 78
    └── ApiError              an answer to OpsHub that is an error: status, code, message (see `connector.api.errors`)

`ApiError` and what derives from it live in `connector.api.errors`, with the statuses they stand for.
"""


class ConnectorError(Exception):
    """Root of all that the connector raises on purpose."""


class ConfigurationError(ConnectorError):
    """The configuration cannot work; `problems` are lines for a person, each with a dotted name and what was expected."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
