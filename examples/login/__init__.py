"""A small shop with a login by email. `make example` starts it."""
