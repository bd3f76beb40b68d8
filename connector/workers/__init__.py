"""The background loops: retries of owed logouts and evictions, and what the ledger could not take."""
