"""The guarded HTTP client: the only way in which a request leaves this process for an end system."""
