"""The version of this project, in the one place that states it."""

__version__ = "0.1.0"
