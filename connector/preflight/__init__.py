"""Checks that need both the settings and the parts that they configure. Runs before anything is opened."""
