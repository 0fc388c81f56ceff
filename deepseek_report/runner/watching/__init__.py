"""Follows a run in its store while it goes on, and shows on a board what it has so far."""
