"""The ledger in a PostgreSQL database that several replicas share."""
