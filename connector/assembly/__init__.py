"""Wires the parts of the connector together, over a ledger that `connector.app` chooses."""
