"""The web console: a face of the administrator's service for a browser, and the same as JSON for scripts."""
