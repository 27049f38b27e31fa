"""HTTP: from bytes to flows and back. Everything that knows ASGI lives in this package."""
