"""The protocol as Java speaks it: OpsHub is written in it."""
