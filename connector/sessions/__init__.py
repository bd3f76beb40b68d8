"""Sessions from their initialize to their cleanup: the login, the seal, and who may use and end them."""
