"""The HTTP edge: requests in, answers out. Only this package imports `aiohttp.web` (with `connector.app`, which wires it)."""
