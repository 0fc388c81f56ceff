"""Pure functions by category, and one dataclass for each metric: each gives a `Measurement`."""
