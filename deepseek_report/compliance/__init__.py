"""Frameworks as data, the evidence index, and the status of each requirement."""
