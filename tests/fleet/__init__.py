"""Sessions of a fleet: several replicas of a connector, one ledger, one Redis."""
