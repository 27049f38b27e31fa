"""The world: stores, relays, clock and dice. Driver types stay in here; ``bootstrap`` alone knows the classes."""
