"""The JSON API, one module a feature."""
