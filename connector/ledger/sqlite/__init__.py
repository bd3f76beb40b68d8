"""The ledger in one SQLite file that one process owns."""
