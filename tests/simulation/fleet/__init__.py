"""A fleet in a simulation: real replicas over models of PostgreSQL, of the store that they share, and of an end system."""
