"""Caches that hold sessions: this project's drivers and what a user would pick instead, all behind the same few verbs."""
