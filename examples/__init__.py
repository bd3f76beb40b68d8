"""Connectors to learn from."""
