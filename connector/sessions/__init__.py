"""Sessions between their initialize and their cleanup: the login, the seal, and who may use and end them."""
