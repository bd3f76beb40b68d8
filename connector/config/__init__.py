"""The configuration: one file and the environment. It is checked as a whole before anything starts."""
