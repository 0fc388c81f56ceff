"""One file per method: each gives an `Explanation`."""
