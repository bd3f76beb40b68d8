"""What an administrator asks, and how it is shown."""
