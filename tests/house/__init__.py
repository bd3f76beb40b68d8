"""How the code is laid out, counted from its source: `python -m tests.house [CHECKOUT...] [--json]`."""
