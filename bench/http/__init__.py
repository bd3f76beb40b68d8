"""Servers in processes of their own, and cleanups that they get over HTTP."""
