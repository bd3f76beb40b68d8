"""Servers in processes of their own, and the cleanups that they are asked for over HTTP."""
