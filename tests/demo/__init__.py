"""Shows one session's life in the terminal: `python -m tests.demo`."""
