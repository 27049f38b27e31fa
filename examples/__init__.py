"""Examples: small programs to read and to start from. Run from a checkout; nothing of them is installed."""
