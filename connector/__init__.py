"""The session half of an OpsHub connector: HTTP edge, orchestrator, end systems, command line."""
