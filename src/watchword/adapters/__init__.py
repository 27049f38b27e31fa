"""The world: stores, relays, clock and dice. Driver types stay in here; ``bootstrap.py`` alone knows the classes."""
