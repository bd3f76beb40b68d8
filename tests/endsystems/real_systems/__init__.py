"""Real end systems: installed from the registries, started, and drilled through a real connector."""
