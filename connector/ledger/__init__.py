"""The ledger: the durable record of logouts and evictions that are still owed."""
