"""Use cases, each in its safe order. Nothing here knows a driver, a framework or a clock of its own."""
