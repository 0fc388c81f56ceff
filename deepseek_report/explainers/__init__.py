"""A class per method: each gives an `Explanation`."""
