"""One cleanup, from the request to the report: the orchestrator and its steps."""
