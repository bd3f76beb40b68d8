"""The configuration: one file and the environment, checked as a whole before anything starts."""
