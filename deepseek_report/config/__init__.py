"""Compose a configuration, validate all of it, report every problem at once."""
